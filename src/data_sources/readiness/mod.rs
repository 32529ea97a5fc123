//! `data.neonrep_readiness`: whether a consumer can start, and what it would stumble over.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tfplugin::schema::{boolean, list_of, map_of, set_of_objects, string};
use tfplugin::{Attr, DataSource, Diagnostic, Diagnostics, Schema, Type, path};

use crate::checks::readiness::{self, Asked, Facts, Host};
use crate::handler::{Call, Context, Data, Db, attributes};
use crate::neon::{BranchId, ProjectId};
use crate::postgres::{DatabaseName, Relation, RoleName, SchemaName, SlotName};
use crate::target::PublicationId;

pub(crate) struct Readiness;

/// Field for field the schema.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    project_id: Attr<ProjectId>,
    branch_id: Attr<BranchId>,
    database: Attr<DatabaseName>,
    destination: Attr<String>,
    publication_id: Attr<PublicationId>,
    role: Attr<RoleName>,
    slot: Attr<SlotName>,
    tables: Attr<BTreeSet<Table>>,
    options: Attr<BTreeMap<String, String>>,
    ready: Attr<bool>,
    findings: Attr<Vec<Finding>>,
    report: Attr<String>,
}

attributes::located!(Model);

/// An element of `tables`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    schema: Attr<SchemaName>,
    name: Attr<Relation>,
}

/// An element of `findings`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Finding {
    severity: String,
    check: String,
    object: String,
    reason: String,
    remedy: String,
}

impl From<&readiness::Finding> for Finding {
    fn from(it: &readiness::Finding) -> Self {
        Self {
            severity: it.severity.word().to_owned(),
            check: it.check.to_owned(),
            object: it.object.clone(),
            reason: it.reason.clone(),
            remedy: it.remedy.clone(),
        }
    }
}

impl DataSource for Readiness {
    const TYPE: &'static str = "neonrep_readiness";
    type Model = Model;
    type Data = Data;

    fn schema() -> Schema {
        let finding = ["severity", "check", "object", "reason", "remedy"].map(|it| (it.to_owned(), Type::String));
        Schema::new(include_str!("page.md"))
            .attributes(attributes::location_to_read())
            .attribute(
                "destination",
                string().required().one_of(readiness::destinations()).doc("The consumer, such as `databricks_lakeflow`."),
            )
            .attribute(
                "publication_id",
                string().optional().parsed_by(str::parse::<PublicationId>).doc(
                    "ID of the publication, such as `neonrep_publication.<name>.id`. Defaults to the publication of the fixed name \
                     that the consumer uses, if it uses one.",
                ),
            )
            .attribute(
                "role",
                string().optional().parsed_by(RoleName::parse).doc("Name of the role that the consumer logs in as."),
            )
            .attribute(
                "slot",
                string().optional().parsed_by(SlotName::parse).doc(
                    "Name of the slot. Defaults to the slot of the fixed name that the consumer uses, if it uses one.",
                ),
            )
            .attribute(
                "tables",
                set_of_objects([
                    ("schema", string().default("public").parsed_by(SchemaName::parse).doc("Schema of the table.")),
                    ("name", string().required().parsed_by(Relation::parse).doc("Name of the table.")),
                ])
                .optional()
                .doc("Tables that the consumer is told to read. Defaults to those of the publication."),
            )
            .attribute(
                "options",
                map_of(Type::String).optional().doc(
                    "Options of the consumer that change what is checked, such as `heartbeat_table` or `read_only_capture`.",
                ),
            )
            .attribute("ready", boolean().computed().doc("Whether no finding has severity `error`."))
            .attribute(
                "findings",
                list_of(Type::Object(finding.into()))
                    .computed()
                    .doc("What the consumer would stumble over, sorted by severity, check and object."),
            )
            .attribute("report", string().computed().doc("The findings as Markdown."))
    }

    async fn read(&self, cx: &Context, config: Model) -> Result<Model, Diagnostics> {
        let destination = config.destination.need(path!(destination))?;
        let call = Call::new(cx, format!("read whether `{}` is ready", config.database.need(path!(database))?));
        let here = call.database(&config).await?;
        let facts = config.facts(&here, destination).await?;
        let found = readiness::findings(destination, &facts).ok_or_else(|| unknown(destination))?;
        Ok(Model {
            branch_id: here.at().server.branch_id().cloned().into(),
            ready: readiness::is_ready(&found).into(),
            findings: Attr::Known(found.iter().map(Finding::from).collect()),
            report: readiness::report(destination, &found).into(),
            ..config
        })
    }
}

impl Model {
    fn asked(&self) -> Result<Asked, Diagnostics> {
        let mut tables = Vec::new();
        for table in self.tables.known().into_iter().flatten() {
            let schema = table.schema.need(path!(tables))?.as_str().to_owned();
            tables.push((schema, table.name.need(path!(tables))?.as_str().to_owned()));
        }
        Ok(Asked {
            publication: self.publication_id.known().map(|it| it.name.as_str().to_owned()),
            role: self.role.known().map(|it| it.as_str().to_owned()),
            slot: self.slot.known().map(|it| it.as_str().to_owned()),
            tables,
            options: self.options.known().cloned().unwrap_or_default(),
        })
    }

    /// What is so at the publisher, and at a subscriber. Of a destination that subscribes, a location beside that of the
    /// publication is the subscriber's.
    async fn facts(&self, here: &Db<'_>, destination: &str) -> Result<Facts, Diagnostics> {
        let call = here.call();
        let elsewhere = self.publication_id.known().map(|it| &it.database).filter(|it| *it != here.at());
        let publisher = match elsewhere {
            None => here.at(),
            Some(publisher) if readiness::subscribes(destination) => publisher,
            Some(publisher) => {
                let detail = format!("The publication is in database `{publisher}`, and this reads `{}`.", here.at());
                return Err(Diagnostic::error("Publication is in another database", detail)
                    .at(path!(publication_id))
                    .into());
            }
        };
        let (target, budget) = (call.target(), call.budget());
        let host = Host {
            name: target.host(publisher, &budget).await.map_err(|error| call.failed(&error))?.0,
            on_neon: !target.is_direct(),
            allowed_ips: match publisher.server.project_id() {
                Some(project) => {
                    let found = target.project(project, &budget).await.map_err(|error| call.failed(&error))?;
                    found.allowed_ips().ips.len()
                }
                None => 0,
            },
            ..Host::default()
        };
        let asked = self.asked()?;
        let read = target
            .read(publisher, &budget, "reading readiness", |connection| {
                let (asked, host) = (asked.clone(), host.clone());
                async move { readiness::read(&connection, destination, asked, host).await }
            })
            .await;
        let mut facts = read.map_err(|error| call.failed(&error))?.ok_or_else(|| unknown(destination))?;
        if publisher != here.at() {
            let read = target.read(here.at(), &budget, "reading the subscriber", |connection| {
                let facts = facts.clone();
                async move { readiness::read_subscriber(&connection, &facts).await }
            });
            facts.subscriber = Some(read.await.map_err(|error| call.failed(&error))?);
            facts.same_branch = publisher.server == here.at().server;
        }
        Ok(facts)
    }
}

/// The schema has the list of destinations.
fn unknown(destination: &str) -> Diagnostics {
    Diagnostic::bug(format!("`{destination}` is no destination.")).into()
}
