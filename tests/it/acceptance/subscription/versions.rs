//! A publisher of another major version than the subscriber.

use serde_json::json;

use super::{ADDRESS, TABLES, at_source, slots, source};
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;

/// The subscriber is a server that is reached directly.
const SUBSCRIBER: &str = r#"
provider "neonrep" {
  alias = "plain"
  sql = {
    host     = "127.0.0.1"
    port     = PORT
    username = "cloud_admin"
    password = var.password
    sslmode  = "disable"
  }
}

variable "password" {
  type      = string
  ephemeral = true
}

resource "neonrep_subscription" "this" {
  provider      = neonrep.plain
  database      = "neondb"
  name          = "sub"
  publications  = [neonrep_publication.t.name]
  connection_wo = ephemeral.neonrep_connection.source.uri
  MORE
}
"#;

struct Pair {
    source: StandIn,
    subscriber: StandIn,
    workspace: Workspace,
    body: String,
}

impl Pair {
    fn start(publisher: u16, subscriber: u16) -> Self {
        let (source, subscriber) = (source(publisher), StandIn::start(subscriber));
        subscriber.sql(TABLES);
        let superuser = subscriber.superuser("neondb");
        let workspace = Workspace::new(&source);
        workspace.set_env("TF_VAR_target_id", "none");
        let password = String::from_utf8_lossy(superuser.get_password().expect("a password")).into_owned();
        workspace.set_env("TF_VAR_password", password);
        let port = superuser.get_ports().first().copied().expect("a port");
        let body = format!("{}{}", super::PUBLISHED, SUBSCRIBER.replace("PORT", &port.to_string()));
        Self { source, subscriber, workspace, body }
    }

    fn write(&self, more: &str) {
        self.workspace.write(&self.body.replace("MORE", more));
    }

    fn arrives(&self, row: &str, count: &str) {
        at_source(&self.source, row);
        crate::provider::until(&self.subscriber, "SELECT count(*) FROM t", count);
    }
}

#[test]
fn an_older_publisher_sends_its_rows_and_refuses_what_it_does_not_know() {
    let pair = Pair::start(14, 18);
    // The subscriber knows them, and asks the publisher for them.
    for (argument, more, since) in [("failover", "", "17"), ("two_phase", "copy_data = false", "15")] {
        pair.write(&format!("{argument} = true\n  {more}"));
        let error = pair.workspace.apply_fails().error();
        let said = format!("`{argument}` requires Postgres {since} or later at the publisher");
        assert!(error.is_on(argument) && error.text().contains(&said), "{error:?}");
    }
    let subscriptions = pair.subscriber.value("SELECT count(*) FROM pg_subscription");
    assert_eq!((slots(&pair.source).as_str(), subscriptions.as_str()), ("0", "0"));
    pair.write("origin = \"none\"\n  binary = true\n  disable_on_error = true");
    pair.workspace.apply();
    assert_eq!(pair.workspace.attributes(ADDRESS)["streaming"], json!("parallel"));
    pair.arrives("INSERT INTO t VALUES (3, 'c')", "3");
    pair.workspace.destroy();
    assert_eq!(slots(&pair.source), "0");
}

#[test]
fn a_newer_publisher_sends_its_rows() {
    let pair = Pair::start(18, 14);
    pair.write("streaming = \"on\"\n  binary = true");
    pair.workspace.apply();
    pair.arrives("INSERT INTO t VALUES (3, 'c')", "3");
    pair.write("streaming = \"off\"");
    pair.workspace.apply();
    pair.arrives("INSERT INTO t VALUES (4, 'd')", "4");
    pair.workspace.destroy();
    assert_eq!(slots(&pair.source), "0");
}
