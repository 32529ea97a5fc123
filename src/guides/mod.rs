//! Guide pages that are rendered from tables in code, so that a page and what the provider does cannot differ.

mod module;
mod texts;

use std::fmt::Write as _;

use crate::checks::readiness;
use crate::destinations::sources::{self, Replication, Restart, Source};
use crate::destinations::{
    self, AtDeletion, Destination, Form, Heartbeat, Identity, Maker, Name, Severity, Slot, Status, Versions, ViaRoot,
};

const HEAD: &str = r#"---
page_title: "Destinations and sources"
subcategory: ""
description: |-
  What each consumer of a Neon project needs: publication, slot, privileges, replica identity, heartbeat.
---

# Destinations and sources

Every consumer reads one publication through one replication slot with the plugin `pgoutput`. They differ in who creates the two,
in the names they accept, and in what they expect of roles and tables.

{order} Where the consumer creates the slot, create the publication before you start the consumer.

## What each destination needs

"Terraform" means that this provider creates the object, with `neonrep_publication` or `neonrep_slot`. Every role needs LOGIN,
REPLICATION, CONNECT on the database and, except where no table privilege is listed, USAGE on the schemas of its tables.

| destination | publication | partitions | slot | table privileges | replica identity |
|---|---|---|---|---|---|
"#;

const RUNNING: &str = r"
## How each destination runs

*Slots* counts what is in use at rest and, after the plus sign, what is used in addition while tables are copied. Postgres allows
`max_replication_slots` slots in all, and Neon's own physical slot takes one of them.

| destination | Neon's guide | id | availability | Postgres | slots | on a quiet database | after you delete it |
|---|---|---|---|---|---|---|---|
";

const SOURCES: &str = r"
## Sources for Neon

Neon subscribes to these servers. The `sql` block of the provider reaches them.

| source | id | recognized by role | setting | set in Terraform by | takes effect | role that replicates | network |
|---|---|---|---|---|---|---|---|
";

const CHECKS: &str = r"
## Checks of each destination

An error means that the consumer does not work or loses data. A warning means that it works with a loss that you should know of.

| check | rule |
|---|---|
";

pub use module::{module_destinations, module_facts};
pub use texts::text;

/// The facts on one destination, as the table at the top of its page; `None` if no destination has this id.
pub fn facts(id: &str) -> Option<String> {
    let it = destinations::find(id)?;
    let privileges = privileges(it);
    let publication = format!(
        "created by {}, {}, {}; partitions: {}",
        maker(it.publication.made_by),
        name(it.publication.name),
        forms(it.publication.forms),
        partitions(it.publication.via_root)
    );
    let slot = format!(
        "created by {}, {}, plugin `{}`{}",
        maker(it.slot.made_by),
        name(it.slot.name),
        it.slot.plugin,
        own_if(&it.slot)
    );
    let rows = [
        ("Availability", status(it.status).to_owned()),
        ("Postgres", versions(it.postgres)),
        ("Publication", publication),
        ("Slot", slot),
        ("Slots in use", slots(&it.slot)),
        ("Table privileges", privileges),
        ("Replica identity", identity(it.identity).to_owned()),
        ("On a quiet database", heartbeat(it.heartbeat, it.writes.map(|table| table.shape))),
        ("After you delete it", at_deletion(it.at_deletion).to_owned()),
    ];
    let mut table = "| | |\n|---|---|\n".to_owned();
    for (what, fact) in rows {
        let _ = writeln!(table, "| {what} | {fact} |");
    }
    Some(table)
}

/// The page `guides/destinations.md`, with a final newline.
pub fn destinations() -> String {
    let mut page = HEAD.replace("{order}", texts::PUBLICATION_FIRST);
    for it in destinations::ALL {
        page.push_str(&needs(it));
    }
    page.push_str(RUNNING);
    for it in destinations::ALL {
        page.push_str(&runs(it));
    }
    page.push_str(SOURCES);
    for it in sources::ALL {
        page.push_str(&source(it));
    }
    page.push_str(CHECKS);
    for (id, rule) in readiness::rules() {
        let _ = writeln!(page, "| `{id}` | {rule} |");
    }
    for it in destinations::ALL {
        page.push_str(&checks(it));
    }
    page
}

fn needs(it: &Destination) -> String {
    let privileges = privileges(it);
    format!(
        "| {} | {}, {}, {} | {} | {}, {}{} | {privileges} | {} |\n",
        it.name,
        maker(it.publication.made_by),
        name(it.publication.name),
        forms(it.publication.forms),
        partitions(it.publication.via_root),
        maker(it.slot.made_by),
        name(it.slot.name),
        own_if(&it.slot),
        identity(it.identity),
    )
}

fn privileges(it: &Destination) -> String {
    let read = if it.privileges.is_empty() { "none".to_owned() } else { it.privileges.join(", ") };
    let written = it.writes.map_or_else(String::new, |table| {
        let (schema, name) = table.table;
        format!("; {} on `{schema}.{name}` ({})", table.privileges.join(", "), coded(table.columns))
    });
    read + &written
}

fn runs(it: &Destination) -> String {
    format!(
        "| {} | {} | `{}` | {} | {} | {} | {} | {} |\n",
        it.name,
        it.row,
        it.id,
        status(it.status),
        versions(it.postgres),
        slots(&it.slot),
        heartbeat(it.heartbeat, it.writes.map(|table| table.shape)),
        at_deletion(it.at_deletion),
    )
}

/// What is known of a source, in words.
struct SourceWords {
    settings: String,
    set_by: String,
    takes: &'static str,
    role: String,
    network: String,
    mark: String,
}

impl SourceWords {
    fn of(it: &Source) -> Self {
        let settings: Vec<String> = it.parameters.iter().map(|one| format!("`{} = {}`", one.name, one.value)).collect();
        let none = || "none: it is logical from the start".to_owned();
        let own = if it.own_schemas.is_empty() {
            String::new()
        } else {
            format!(" Do not publish the schemas {}.", coded(it.own_schemas))
        };
        Self {
            settings: if settings.is_empty() { none() } else { settings.join(" and ") },
            set_by: if it.set_by.is_empty() { "-".to_owned() } else { coded(it.set_by) },
            takes: match it.restart {
                Restart::NotNeeded => "at once",
                Restart::Instance => "after a restart",
                Restart::Writer => "after a restart of the writer",
            },
            role: match it.replication {
                Replication::Attribute => "attribute REPLICATION".to_owned(),
                Replication::AttributeIn(group) => format!("attribute REPLICATION, member of `{group}`"),
                Replication::Membership(group) => format!("member of `{group}`; the attribute cannot be set"),
            },
            network: format!("{}{own}", it.reached),
            mark: it.recognized_by.map_or_else(|| "-".to_owned(), |role| format!("`{role}`")),
        }
    }
}

fn source(it: &Source) -> String {
    let SourceWords { settings, set_by, takes, role, network, mark } = SourceWords::of(it);
    format!("| {} | `{}` | {mark} | {settings} | {set_by} | {takes} | {role} | {network} |\n", it.name, it.id)
}

/// The facts on one source, as the table at the top of its page; `None` if no source has this id.
pub fn source_facts(id: &str) -> Option<String> {
    let it = sources::ALL.iter().find(|it| it.id == id)?;
    let SourceWords { settings, set_by, takes, role, network, mark } = SourceWords::of(it);
    let rows = [
        ("Setting", settings),
        ("Set in Terraform by", set_by),
        ("Takes effect", takes.to_owned()),
        ("Role that replicates", role),
        ("Recognized by the role", mark),
        ("Network", network),
    ];
    let mut table = "| | |\n|---|---|\n".to_owned();
    for (what, fact) in rows {
        let _ = writeln!(table, "| {what} | {fact} |");
    }
    Some(table)
}

fn checks(it: &Destination) -> String {
    let mut text = format!("\n### {}\n\n", it.name);
    let all = it.checks();
    for severity in [Severity::Error, Severity::Warning, Severity::Info] {
        let mut ids: Vec<&str> = all.iter().filter(|one| one.severity == severity).map(|one| one.check).collect();
        ids.sort_unstable();
        if !ids.is_empty() {
            let _ = writeln!(text, "- {}: {}", severity.word(), coded(&ids));
        }
    }
    text
}

fn coded(words: &[&str]) -> String {
    words.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
}

fn maker(it: Maker) -> &'static str {
    match it {
        Maker::Terraform => "Terraform",
        Maker::Consumer => "the consumer",
        Maker::Either => "Terraform, otherwise the consumer",
    }
}

fn name(it: Name) -> String {
    match it {
        Name::Free(usual) => format!("any name (`{usual}`)"),
        Name::Fixed(only) => format!("**named `{only}`**"),
        Name::Chosen("") => "named by it".to_owned(),
        Name::Chosen(form) => format!("named `{form}` by it"),
    }
}

fn forms(all: &[Form]) -> String {
    let word = |it: &Form| match it {
        Form::Tables => "tables",
        Form::Schemas => "schemas",
        Form::AllTables => "all tables",
    };
    all.iter().map(word).collect::<Vec<_>>().join(" or ")
}

fn partitions(it: ViaRoot) -> &'static str {
    match it {
        ViaRoot::Free => "either way",
        ViaRoot::Advised => "via root advised",
        ViaRoot::Required => "**via root**",
    }
}

fn own_if(it: &Slot) -> String {
    it.own_if.map_or_else(String::new, |(option, value)| format!("; Terraform with `{option} = {value}`"))
}

fn identity(it: Identity) -> &'static str {
    match it {
        Identity::Usable => "primary key, index or FULL",
        Identity::PrimaryKey => "primary key; without one it falls back",
        Identity::FullAdvised => "usable; FULL for old rows and large values",
        Identity::Full => "**FULL on every table**",
    }
}

fn status(it: Status) -> &'static str {
    match it {
        Status::Available => "available",
        Status::Preview => "public preview",
        Status::OpenSource => "open source",
        Status::Unconfirmed => "not confirmed",
    }
}

fn versions(it: Versions) -> String {
    match (it.oldest, it.newest) {
        (Some(oldest), Some(newest)) => format!("{oldest} to {newest}"),
        (Some(oldest), None) => format!("{oldest} and later"),
        (None, Some(newest)) => format!("up to {newest}"),
        (None, None) => "not stated".to_owned(),
    }
}

fn slots(it: &Slot) -> String {
    match it.while_copying {
        0 => it.count.to_string(),
        more => format!("{} + {more}", it.count),
    }
}

fn heartbeat(it: Heartbeat, shape: Option<&str>) -> String {
    match it {
        Heartbeat::None => "no heartbeat known".to_owned(),
        Heartbeat::Message => "it writes a message into the WAL".to_owned(),
        Heartbeat::Needed(option) => format!("**set `{option}`**"),
        Heartbeat::Useful(option) => format!("set `{option}`"),
        Heartbeat::Table => format!("it writes its table (`{}`)", shape.unwrap_or("heartbeat")),
        Heartbeat::Unconfirmed => "not confirmed".to_owned(),
    }
}

fn at_deletion(it: AtDeletion) -> &'static str {
    match it {
        AtDeletion::LeavesAll => "publication and slot stay: destroy them with Terraform",
        AtDeletion::DropsItsOwn => "it drops the slot that it created",
        AtDeletion::LeavesItsSlot => "its slot stays: drop it",
        AtDeletion::Unconfirmed => "not confirmed: look at `pg_replication_slots`",
    }
}
