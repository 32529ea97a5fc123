//! Diagnostics of `neonrep_allowed_ips`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use tfplugin::{Diagnostic, Diagnostics, path};

use crate::handler::words::{enumerate, sentence};
use crate::neon::{AllowedIps, ProjectId};

pub(super) fn nothing_to_import(project: &ProjectId) -> Diagnostic {
    let detail = format!(
        "The IP Allow list of project `{project}` is empty, so every address may connect, and there is nothing to import. Remove the \
         import: applying the resource adds the entries."
    );
    Diagnostic::error("IP Allow list is empty", detail)
}

/// Entries of the project that are neither addresses nor ranges.
pub(super) fn not_parsed(project: &ProjectId, entries: &BTreeSet<String>) -> Diagnostic {
    let detail = format!(
        "The IP Allow list of project `{project}` has entries that are no IP addresses, CIDR blocks or ranges: {}. They admit nobody and \
         were not imported. Remove them in the Neon console.",
        enumerate(entries)
    );
    Diagnostic::warning("Entries of IP Allow cannot be parsed", detail).at(path!(ips))
}

/// The first entry of an empty list.
pub(super) fn needs_consent(project: &ProjectId) -> Diagnostic {
    let detail = format!(
        "The IP Allow list of project `{project}` is empty, so every address may connect. With the first entry, Neon refuses all \
         other addresses, including those of applications. Nothing was changed.\n\nAdd the addresses of all clients of the project to \
         `ips`, then set `enforce = true`."
    );
    Diagnostic::error("IP Allow would restrict an open project", detail).at(path!(enforce))
}

/// No entry admits the address that the configuration gives.
pub(super) fn refuses_the_provider(project: &ProjectId, address: IpAddr) -> Diagnostic {
    let detail = format!(
        "After this change, no entry of the IP Allow list of project `{project}` would admit `{address}`, so the provider could not \
         connect to its databases. Nothing was changed.\n\nAdd `{address}` to `ips`, or correct `provider_address`."
    );
    Diagnostic::error("IP Allow would refuse `provider_address`", detail).at(path!(provider_address))
}

/// The provider may not connect any more, and the old list is in force again. `why` names the address.
pub(super) fn restored(project: &ProjectId, before: &AllowedIps, why: &str) -> Diagnostic {
    let old = if before.is_open() {
        "the list is empty again, so that every address may connect".to_owned()
    } else {
        format!("the list has its previous entries again: {}", enumerate(&before.ips))
    };
    let detail = format!(
        "After the change of the IP Allow list of project `{project}`, Neon refused this provider's connection: {}. The change was undone: \
         {old}.\n\nAdd the address that Neon names to `ips`. If Terraform runs on machines with changing addresses, add their range.",
        sentence(why)
    );
    Diagnostic::error("IP Allow refused the provider, change undone", detail).at(path!(ips))
}

/// As above, but undoing failed as well.
pub(super) fn not_restored(project: &ProjectId, why: &str, failed: Diagnostics) -> Diagnostics {
    let detail = format!(
        "After the change of the IP Allow list of project `{project}`, Neon refused this provider's connection: {}. The change could not be \
         undone, for the reason below, and is in force.\n\nAdd the address that Neon names to the list in the Neon console, or to `ips`.",
        sentence(why)
    );
    Diagnostics::from(Diagnostic::error("IP Allow refuses the provider", detail).at(path!(ips))) + failed
}

/// A list that only grew does not have the address of the provider.
pub(super) fn not_admitted(project: &ProjectId, why: &str) -> Diagnostic {
    let detail = format!(
        "The entries were added to the IP Allow list of project `{project}`, but Neon refuses connections of this provider: {}. It refused \
         them before too, if the address was not in the list.\n\nResources that use SQL need an entry for this address.",
        sentence(why)
    );
    Diagnostic::warning("IP Allow does not admit the provider", detail).at(path!(ips))
}

/// Whether the provider may still connect is not known.
pub(super) fn not_seen(project: &ProjectId, why: &str) -> Diagnostic {
    let detail = format!(
        "The IP Allow list of project `{project}` was changed. Whether it still admits this provider could not be checked: {}.\n\nIf \
         later resources report that the address is not allowed, add it to `ips`.",
        sentence(why)
    );
    Diagnostic::warning("IP Allow is set but not verified", detail).at(path!(ips))
}

pub(super) fn overwritten(project: &ProjectId) -> Diagnostic {
    let detail = format!(
        "The IP Allow list of project `{project}` was written several times, and each time somebody else replaced it by one without \
         these entries.\n\nFind out which other tool manages the list, such as a `neon_project` resource with `allowed_ips`, and let one \
         of the two manage it. Then apply again."
    );
    Diagnostic::error("IP Allow list is overwritten by another tool", detail).at(path!(ips))
}

/// Destroy left the last entries.
pub(super) fn kept_last(project: &ProjectId, list: &AllowedIps) -> Diagnostic {
    let detail = format!(
        "Without the entries of this resource the IP Allow list of project `{project}` would be empty, and every address could connect. \
         The list was left as it is: {}.\n\nTo open the project, remove the entries in the Neon console, or set `on_destroy = \"open\"` \
         before the destroy.",
        enumerate(&list.ips)
    );
    Diagnostic::warning("Last entries of IP Allow were kept", detail)
}

/// Destroy emptied the list, as the configuration asked.
pub(super) fn opened(project: &ProjectId) -> Diagnostic {
    let detail = format!(
        "The IP Allow list of project `{project}` is empty now, because of `on_destroy = \"open\"`: every address may connect."
    );
    Diagnostic::warning("Project is open to every address", detail)
}

pub(super) fn leaves_the_provider_outside(project: &ProjectId, address: IpAddr) -> Diagnostic {
    let detail = format!(
        "The entries of this resource were removed from the IP Allow list of project `{project}`. No entry that is left admits `{address}` \
         (`provider_address`), so the provider can no longer connect to the databases of the project."
    );
    Diagnostic::warning("IP Allow no longer admits the provider", detail)
}
