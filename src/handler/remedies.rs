//! What cures an error of Neon's proxy: one sentence or two for each, and where the user finds the setting.

use crate::postgres::neon_proxy::Remedy;

/// What to do. An error of the proxy without a remedy goes away by itself, and was waited for.
pub(crate) fn advice(remedy: Remedy) -> &'static str {
    match remedy {
        Remedy::EnableEndpoint => "The compute is disabled. Enable it in the Neon console or with the API.",
        Remedy::CheckEndpoint => {
            "The compute was deleted, or `branch_id` names another branch. Check `branch_id`, or add a read-write compute to the branch."
        }
        Remedy::ResetPassword => {
            "Postgres rejected the password that the Neon API gives: it was changed with SQL. Reset the password in Neon, or set it in \
             the provider's `role_passwords`."
        }
        Remedy::CheckPasswordOrEndpoint => {
            "Neon's proxy answers the same in two cases. The password was changed with SQL: reset it in Neon, or set it in the provider's \
             `role_passwords`. Or the compute was deleted: check `branch_id`."
        }
        Remedy::AllowAddress => {
            "The address of this machine is not in the project's IP Allow list. Add it to the list."
        }
        Remedy::AllowNetwork => {
            "The project does not allow connections from this network. Allow public access in the project's settings, or run Terraform \
             inside the private network."
        }
        Remedy::UseDirectHost => {
            "The connection went through the pooler. The provider needs the direct host of the compute."
        }
        Remedy::NameEndpoint => {
            "The proxy did not learn which compute is meant. Something between this machine and Neon changes the server name of TLS (SNI): \
             check proxies and the host."
        }
        Remedy::UseTls => {
            "Neon requires TLS. Something between this machine and Neon removes it: check proxies and the host."
        }
        Remedy::RaiseQuota => "Raise the quota in the Neon console, or wait for the next billing period.",
        Remedy::SuspendEndpoints => {
            "Suspend or delete computes that are not needed, or raise the limit in the Neon console."
        }
        Remedy::UseOtherRole => "This role may not log in. Set `connect_as` to a role that may.",
        Remedy::LowerConnections => {
            "Lower the provider's `max_connections`, or raise the connection limit of the role, database or server."
        }
        Remedy::CheckDatabase => "Create the database first, or name an existing one.",
    }
}
