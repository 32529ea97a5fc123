//! A statement that only the owner of an object may run (SQLSTATE 42501 `must be owner of …`): who owns what, and a way that works.
//!
//! From Postgres 16 on neither the owner nor the connecting role can make one a member of the other without the ADMIN option, so
//! the message names a role that can, or says that there is none.

use std::collections::{BTreeMap, BTreeSet};

use tfplugin::{Attr, AttributePath, Diagnostic, Diagnostics};

use super::db::Db;
use super::words::{enumerate, sentence};
use crate::postgres::grant::CLOUD_ADMIN;
use crate::postgres::membership::{self, Membership};
use crate::postgres::{self, PublicationName, RoleName, TableName, publication, table};

/// What a statement touches.
pub(crate) struct Touched<'a> {
    pub(crate) publication: Option<&'a PublicationName>,
    pub(crate) tables: &'a BTreeSet<TableName>,
}

/// The owners as the server has them, and who can change that.
#[derive(Debug)]
struct Owners {
    connecting: Membership,
    /// Owner by object, such as "table `public.t`".
    objects: BTreeMap<String, RoleName>,
    admins: BTreeMap<RoleName, BTreeSet<RoleName>>,
}

/// The message for a statement that was refused because another role owns something; `None` if that is not the reason, or the owners
/// cannot be read.
pub(crate) async fn refused(
    db: &Db<'_>,
    connect_as: &Attr<RoleName>,
    error: &postgres::Error,
    touched: &Touched<'_>,
    at: AttributePath,
) -> Option<Diagnostics> {
    if error.kind() != postgres::Kind::InsufficientPrivilege {
        return None;
    }
    let (call, who) = (db.call(), connect_as.known());
    let read = |it: std::sync::Arc<postgres::Connection>| async move {
        let mut objects = BTreeMap::new();
        if let Some(name) = touched.publication
            && let Some(found) = publication::read(&it, name).await?
        {
            objects.insert(format!("publication `{name}`"), found.owner);
        }
        let tables = table::read(&it, touched.tables).await?;
        let listed = touched.tables.iter().filter_map(|it| tables.get(it));
        objects.extend(listed.map(|it| (format!("table `{}`", it.name), it.owner.clone())));
        let Some(connecting) = membership::read(&it, who).await? else { return Ok(None) };
        let owners: BTreeSet<RoleName> = objects.values().cloned().collect();
        Ok(Some(Owners { connecting, objects, admins: membership::admins(&it, &owners).await? }))
    };
    let owners = call.target().read(db.at(), &call.budget(), "reading owners", read).await.ok()??;
    Some(message(call.doing(), error, &owners)?.at(at).into())
}

fn message(doing: &str, error: &postgres::Error, owners: &Owners) -> Option<Diagnostic> {
    const SHOWN: usize = 10;
    let who = &owners.connecting.role;
    let foreign: Vec<_> = owners.objects.iter().filter(|(_, it)| !owners.connecting.acts_for(it)).collect();
    if foreign.is_empty() || owners.connecting.superuser {
        return None;
    }
    let mut lines: Vec<String> =
        foreign.iter().take(SHOWN).map(|(what, owner)| format!("- {what} (owner: `{owner}`)")).collect();
    if foreign.len() > SHOWN {
        lines.push(format!("- and {} more", foreign.len() - SHOWN));
    }
    let of_foreign: BTreeSet<&RoleName> = foreign.iter().map(|(_, owner)| *owner).collect();
    let all: BTreeSet<&RoleName> = owners.objects.values().collect();
    let mut ways = Vec::new();
    if let [owner] = all.iter().collect::<Vec<_>>().as_slice()
        && owner.as_str() != CLOUD_ADMIN
    {
        ways.push(format!("Set `connect_as = \"{owner}\"`, if that role can log in."));
    }
    for owner in of_foreign {
        if owner.as_str() == CLOUD_ADMIN {
            ways.push(format!(
                "`{CLOUD_ADMIN}` is Neon's own role, and nobody else can log in as it or become a member. Use objects that `{who}` owns in \
                 place of those of `{CLOUD_ADMIN}`."
            ));
            continue;
        }
        let grant = membership::grant(owner, who);
        match owners.admins.get(owner).filter(|it| !it.is_empty()) {
            Some(admins) if admins.contains(who) => ways.push(format!("Run as `{who}`, once: {grant};")),
            Some(admins) => ways.push(format!("Run as {}, once: {grant};", enumerate(admins))),
            None => ways.push(format!(
                "Only a superuser can make `{who}` a member of `{owner}`. Use a resource of its own, with `connect_as = \"{owner}\"`, for \
                 what `{owner}` owns."
            )),
        }
    }
    let ways: Vec<String> = ways.iter().map(|it| format!("- {it}")).collect();
    let detail = format!(
        "{} (SQLSTATE 42501). The provider connects as `{who}`, which is neither the owner nor has the owner's privileges:\n{}\n\nNothing \
         was changed. What helps:\n{}",
        sentence(error.message()),
        lines.join("\n"),
        ways.join("\n")
    );
    Some(Diagnostic::error(format!("Cannot {doing}"), detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str) -> RoleName {
        RoleName::parse(name).unwrap()
    }

    fn told(objects: &[(&str, &str)], admins: &[(&str, &[&str])]) -> Option<String> {
        let owners = Owners {
            connecting: Membership::of(role("me")),
            objects: objects.iter().map(|(what, owner)| ((*what).to_owned(), role(owner))).collect(),
            admins: admins.iter().map(|(of, all)| (role(of), all.iter().map(|it| role(it)).collect())).collect(),
        };
        let error = postgres::Error::of_server("42501", "must be owner of publication p", None, None);
        message("change publication `p`", &error, &owners).map(|it| it.detail)
    }

    #[test]
    fn the_owner_of_the_right_object_is_named_with_a_way_that_works() {
        let one = told(&[("publication `p`", "alice"), ("table `public.t`", "alice")], &[("alice", &["me"])]).unwrap();
        for part in [
            "Must be owner of publication p (SQLSTATE 42501)",
            "- publication `p` (owner: `alice`)\n- table `public.t` (owner: `alice`)",
            "- Set `connect_as = \"alice\"`",
            "- Run as `me`, once: GRANT \"alice\" TO \"me\";",
        ] {
            assert!(one.contains(part), "{part}: {one}");
        }
        let two = told(&[("publication `p`", "me"), ("table `public.t`", "bob")], &[("bob", &["admin"])]).unwrap();
        assert!(!two.contains("`connect_as") && !two.contains("publication `p` ("), "{two}");
        assert!(two.contains("- Run as `admin`, once: GRANT \"bob\" TO \"me\";"), "{two}");
        let nobody = told(&[("publication `p`", "me"), ("table `public.t`", "bob")], &[("bob", &[])]).unwrap();
        assert!(
            nobody.contains("Only a superuser can make `me` a member of `bob`. Use a resource of its own"),
            "{nobody}"
        );
        let of_neon = told(&[("publication `p`", CLOUD_ADMIN)], &[(CLOUD_ADMIN, &[])]).unwrap();
        assert!(of_neon.contains("Neon's own role") && !of_neon.contains("connect_as"), "{of_neon}");
    }

    #[test]
    fn another_reason_is_not_explained_by_owners() {
        assert_eq!(told(&[("publication `p`", "me")], &[]), None);
        assert_eq!(told(&[], &[]), None);
    }

    #[test]
    fn many_tables_are_counted() {
        let names: Vec<String> = (0..600).map(|it| format!("table `public.t{it}`")).collect();
        let objects: Vec<(&str, &str)> = names.iter().map(|it| (it.as_str(), "bob")).collect();
        let told = told(&objects, &[("bob", &["me"])]).unwrap();
        assert!(told.contains("- and 590 more") && told.len() < 1_500, "{}", told.len());
    }
}
