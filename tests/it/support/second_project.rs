//! A second project of a stand-in: the other side of a replication from Neon to Neon.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_postgres::Config;

use super::sql::{self, Rows, Session, SqlError};
use super::stand_in::StandIn;

/// How long to wait for rows, or for a compute that starts.
const PATIENCE: Duration = Duration::from_mins(1);

/// The project; it ends with its stand-in.
pub(crate) struct SecondProject<'a> {
    stand_in: &'a StandIn,
    pub(crate) id: String,
    pub(crate) branch_id: String,
    /// How its owner connects, as the API says.
    pub(crate) uri: String,
}

impl<'a> SecondProject<'a> {
    /// Creates it, with the same version of Postgres, and waits until it can be entered.
    pub(crate) fn create(stand_in: &'a StandIn) -> Self {
        let (_, source) = stand_in.api("GET", &format!("/projects/{}", stand_in.ready.project_id), None);
        let wanted = json!({ "project": { "name": "target", "pg_version": source["project"]["pg_version"] } });
        let (status, created) = stand_in.api("POST", "/projects", Some(&wanted));
        assert_eq!(status, 201, "{created}");
        let text = |of: &str| created[of]["id"].as_str().expect("an id").to_owned();
        Self::of_branch(stand_in, text("project"), text("branch"), "neondb_owner")
    }

    /// A child of the branch, with a compute of its own.
    pub(crate) fn child(&self, name: &str) -> Self {
        let body =
            json!({ "branch": { "name": name, "parent_id": self.branch_id }, "endpoints": [{ "type": "read_write" }] });
        let created = self.call("POST", "/branches", &body);
        let branch_id = created["branch"]["id"].as_str().expect("an id").to_owned();
        Self::of_branch(self.stand_in, self.id.clone(), branch_id, "neondb_owner")
    }

    /// The same branch as another role sees it.
    pub(crate) fn seen_by(&self, role: &str) -> Self {
        Self::of_branch(self.stand_in, self.id.clone(), self.branch_id.clone(), role)
    }

    /// A call of the API that waits for the operations of the project.
    pub(crate) fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let (status, answer) = self.stand_in.api(method, &format!("/projects/{}{path}", self.id), Some(body));
            if status != 423 {
                assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
                return answer;
            }
            assert!(Instant::now() < until, "{method} {path}: still locked");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the branch can be entered.
    fn of_branch(stand_in: &'a StandIn, id: String, branch_id: String, role: &str) -> Self {
        let query = format!("connection_uri?database_name=neondb&role_name={role}&branch_id={branch_id}");
        let until = Instant::now() + PATIENCE;
        let uri = loop {
            let (_, answer) = stand_in.api("GET", &format!("/projects/{id}/{query}"), None);
            match answer["uri"].as_str() {
                Some(uri) => break uri.to_owned(),
                None => assert!(Instant::now() < until, "no way into the second project: {answer}"),
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        let it = Self { stand_in, id, branch_id, uri };
        while let Err(error) = it.run("SELECT 1") {
            assert!(Instant::now() < until, "the second project: {error}");
            std::thread::sleep(Duration::from_millis(100));
        }
        it
    }

    /// The owner's statements; panics with the server's words.
    pub(crate) fn sql(&self, statements: &str) -> Rows {
        self.run(statements).unwrap_or_else(|error| panic!("{statements}: {error}"))
    }

    fn run(&self, statements: &str) -> Result<Rows, SqlError> {
        let config: Config = self.uri.parse().expect("a connection string");
        Session::open_verified(&self.stand_in.runtime, &config, &self.stand_in.ready.sslrootcert)?.run(statements)
    }

    /// The one value that the owner reads.
    pub(crate) fn value(&self, query: &str) -> String {
        sql::single(&self.sql(query))
    }

    /// One value, asked for until it is the expected one. The compute may restart meanwhile.
    pub(crate) fn wait_for(&self, query: &str, expected: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            let last = self.run(query).map_or_else(|error| error.to_string(), |rows| sql::single(&rows));
            if last == expected {
                return;
            }
            assert!(Instant::now() < until, "the target has {last}, not {expected}: {query}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The id of an object of its database: `project/branch/database/name`.
    pub(crate) fn id_of(&self, name: &str) -> String {
        format!("{}/{}/neondb/{name}", self.id, self.branch_id)
    }
}
