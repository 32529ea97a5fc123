//! One stand-in on which cells run one after another, and how a fault is brought about there.

use std::cell::OnceCell;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tfplugin::Value;

use super::cases::{Case, NO_PUBLISHER_SLOT, PUBLISHER, PUBLISHER_SLOT, Publisher, SETUP};
use super::fingerprint;
use super::steps::{Step, Verb};
use super::table::{self, Action, Does, Fault};
use crate::support::core::{Change, Core, Messages, Object, Walk};
use crate::support::stand_in::StandIn;

/// Longer than any apply may take.
const PATIENCE: Duration = Duration::from_mins(4);

/// A stand-in with what the cases need.
pub(super) struct Bench {
    pub(super) stand_in: StandIn,
    pub(super) core: Core,
    /// The publisher with a server of its own, once a case needs it.
    publisher: OnceCell<StandIn>,
    /// A branch of somebody else.
    elsewhere: String,
    secrets: Vec<String>,
}

/// What an apply came to.
pub(super) enum Attempt {
    Ended { object: Option<Object>, messages: Messages },
    Killed,
}

/// A fault and the step that it meets.
#[derive(Clone, Copy)]
pub(super) struct Plan<'a> {
    pub(super) fault: &'a Fault,
    pub(super) step: &'a Step,
}

impl Bench {
    pub(super) fn start() -> Self {
        let stand_in = StandIn::start_logical(crate::support::versions::suite());
        let core = Core::new(&stand_in);
        let mut bench =
            Self { stand_in, core, publisher: OnceCell::new(), elsewhere: String::new(), secrets: Vec::new() };
        bench.prepare();
        bench
    }

    /// Back to the start, after a cell that left something.
    pub(super) fn reset(&mut self) {
        self.publisher = OnceCell::new();
        self.stand_in.admin("POST", "/reset", None);
        self.prepare();
    }

    fn prepare(&mut self) {
        self.stand_in.sql(SETUP);
        let (database, publisher) = PUBLISHER;
        let of_the_owner = json!({ "name": database, "owner": "neondb_owner" });
        self.stand_in.admin("POST", "/databases", Some(&of_the_owner));
        self.stand_in.sql_in(database, publisher);
        let branch = self.stand_in.admin("POST", "/branches", Some(&json!({ "name": "elsewhere" })));
        branch["branch"]["id"].as_str().or(branch["id"].as_str()).expect("an id").clone_into(&mut self.elsewhere);
        self.secrets = vec![self.stand_in.ready.api_key.clone(), self.stand_in.password_of("neondb_owner")];
        self.heal();
    }

    /// Nothing goes wrong any more.
    pub(super) fn heal(&self) {
        self.stand_in.no_faults();
        self.stand_in.postgres("start"); // what calls only the API leaves a compute asleep
        // The API shows what SQL has made once no operation runs.
        let operations = format!("/projects/{}/operations", self.stand_in.ready.project_id);
        let runs = |it: &Json| it["status"] == "scheduling" || it["status"] == "running";
        while self.stand_in.api("GET", &operations, None).1["operations"].as_array().into_iter().flatten().any(runs) {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.stand_in.admin("DELETE", "/rounds", None);
        self.stand_in.settings(&json!({
            "operation_ms": 20, "connect_delay_ms": 0, "proxy_errors": "postgres", "proxy_error_cache_ms": 0,
            "refuse_connections": null, "refuse_sqlstate": null, "refuse_times": null,
        }));
    }

    /// The publisher with a server of its own.
    fn publisher(&self) -> &StandIn {
        self.publisher.get_or_init(|| {
            let stand_in = StandIn::start_logical(17);
            stand_in.sql(PUBLISHER.1);
            stand_in
        })
    }

    /// How a subscription connects to the publisher of the case.
    fn conninfo(&self, case: &Case) -> String {
        match case.publisher {
            Publisher::None => String::new(),
            Publisher::Here => self.stand_in.ready.superuser_dsn.replace("/neondb?", &format!("/{}?", PUBLISHER.0)),
            Publisher::Elsewhere => self.publisher().ready.superuser_dsn.clone(),
        }
    }

    /// The configuration that creates the object of the case.
    pub(super) fn created(&self, case: &Case) -> Json {
        case.created(&self.stand_in.ready, &self.conninfo(case))
    }

    /// The configuration that it is changed to.
    pub(super) fn updated(&self, case: &Case) -> Option<Json> {
        case.updated(&self.stand_in.ready, &self.conninfo(case))
    }

    /// All that the provider may have changed for the case, on both sides.
    pub(super) fn fingerprint(&self, case: &Case) -> String {
        let here = fingerprint::of(&self.stand_in);
        match case.publisher {
            Publisher::None | Publisher::Here => here,
            Publisher::Elsewhere => format!("{here}\n{}", self.publisher().value(fingerprint::SLOTS)),
        }
    }

    /// What is there before the case; the text of it.
    pub(super) fn begin(&self, case: &Case) -> String {
        let slot = if case.publisher == Publisher::Here { PUBLISHER_SLOT } else { NO_PUBLISHER_SLOT };
        self.stand_in.sql_in(PUBLISHER.0, slot);
        if case.name == "logical_replication" {
            self.stand_in.settings(&json!({ "enable_logical_replication": false }));
            self.stand_in.postgres("restart");
        }
        self.fingerprint(case)
    }

    /// The object of the case, created where nothing goes wrong.
    pub(super) fn made(&self, walk: &Walk, case: &Case, prior: Option<&Object>, config: &Json) -> Object {
        let wanted = self.core.config(case.type_name, config);
        let plan = Core::plan_in(walk, case.type_name, prior, &wanted).unwrap_or_else(|said| panic!("{said}"));
        self.core.apply_in(walk, &plan, config).done()
    }

    /// The process forgets what it has read, as a new one would know nothing.
    pub(super) fn forget(&self, walk: &Walk) {
        walk.configure(&self.core.provider).insist_no_error();
    }

    /// One change by a process of its own. `arm` is called where the steps of the change begin to count.
    pub(super) fn attempt(
        &self,
        case: &Case,
        verb: Verb,
        prior: Option<&Object>,
        config: &Json,
        plan: Option<Plan<'_>>,
    ) -> Attempt {
        let walk = self.core.walk();
        let at_start = plan.is_some_and(|it| matches!(it.step, Step::Start));
        let arm = |now: bool| {
            if now {
                self.arm(plan);
            }
        };
        arm(at_start);
        let attempt = match verb {
            Verb::Plan => {
                arm(!at_start);
                let wanted = self.core.config(case.type_name, config);
                let said = self.interrupted(&walk, plan, || Core::plan_in(&walk, case.type_name, None, &wanted));
                Attempt::Ended { object: None, messages: said.map_or_else(|said| said, |plan| plan.messages) }
            }
            Verb::Refresh => {
                arm(!at_start);
                let (object, messages) = self.interrupted(&walk, plan, || walk.read(prior.expect("an object")));
                Attempt::Ended { object, messages }
            }
            Verb::Create | Verb::Update | Verb::Delete => {
                let wanted = match verb {
                    Verb::Delete => Value::Null,
                    _ => self.core.config(case.type_name, config),
                };
                let (before, private) = match prior {
                    Some(it) => (it.value.clone(), it.private.clone()),
                    None => (Value::Null, Vec::new()),
                };
                match walk.plan(case.type_name, &before, &wanted, &private) {
                    Err(messages) => Attempt::Ended { object: prior.cloned(), messages },
                    Ok(planned) => {
                        arm(!at_start);
                        let change = Change {
                            type_name: case.type_name,
                            prior: &before,
                            planned: &planned.value,
                            config: &wanted,
                            private: &planned.private,
                        };
                        self.change(&walk, verb, prior, &change, plan)
                    }
                }
            }
        };
        self.insist_no_secret(&walk.stderr());
        if let Attempt::Ended { messages, .. } = &attempt {
            self.insist_no_secret(&messages.to_string());
        }
        attempt
    }

    /// A call that changes nothing, with Ctrl-C where the plan says so.
    fn interrupted<T: Send>(&self, walk: &Walk, plan: Option<Plan<'_>>, call: impl FnOnce() -> T + Send) -> T {
        if !plan.is_some_and(|it| matches!(it.fault.does, Does::Interrupt(_))) {
            return call();
        }
        std::thread::scope(|scope| {
            let running = scope.spawn(call);
            if self.holds(|| running.is_finished()) {
                Self::stop(walk);
            }
            self.release();
            running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    fn stop(walk: &Walk) {
        walk.stop();
        std::thread::sleep(Duration::from_millis(50)); // it has heard of it before the step goes on
    }

    fn change(
        &self,
        walk: &Walk,
        verb: Verb,
        prior: Option<&Object>,
        change: &Change<'_>,
        plan: Option<Plan<'_>>,
    ) -> Attempt {
        let begun = walk.begin_apply(change);
        match plan.map(|it| it.fault.does) {
            Some(Does::KillProvider(_)) if self.holds(|| begun.is_finished()) => walk.kill(),
            Some(Does::Interrupt(_)) if self.holds(|| begun.is_finished()) => Self::stop(walk),
            _ => {}
        }
        if plan.is_some_and(|it| matches!(it.fault.does, Does::KillProvider(_) | Does::Interrupt(_))) {
            self.release();
        }
        let Some(applied) = walk.finish_or_lose(change, begun) else { return Attempt::Killed };
        if verb != Verb::Delete {
            let outcome = Core::outcome(change.type_name, prior, applied);
            return Attempt::Ended { object: outcome.object, messages: outcome.messages };
        }
        let prior = prior.expect("an object");
        let object = match (applied.messages.have_errors(), applied.value.is_null()) {
            (false, _) => None,
            (true, true) => Some(prior.clone()),
            (true, false) => Some(Object { value: applied.value, private: applied.private, ..prior.clone() }),
        };
        Attempt::Ended { object, messages: applied.messages }
    }

    /// Waits until a step is held; false when the change has ended before that.
    pub(super) fn holds(&self, mut is_over: impl FnMut() -> bool) -> bool {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let faults = self.stand_in.admin("GET", "/faults", None);
            let held = faults["faults"].as_array().into_iter().flatten().any(|it| it["held"] == true);
            if held || self.stand_in.admin("GET", "/rounds", None)["stage"] == "held" {
                return true;
            }
            if is_over() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("no step is held and the change does not end");
    }

    fn release(&self) {
        self.stand_in.no_faults();
        self.stand_in.admin("DELETE", "/rounds", None);
    }

    /// Whether the fault has met the step.
    pub(super) fn was_met(&self, plan: Plan<'_>) -> bool {
        match (plan.step, plan.fault.does) {
            (_, Does::KillProvider(_) | Does::Interrupt(_)) | (Step::Start, _) => true,
            (Step::Round { .. }, _) => self.stand_in.admin("GET", "/rounds", None)["stage"] == "done",
            (Step::Call { .. }, _) => {
                let rules = self.stand_in.admin("GET", "/faults", None);
                rules["faults"].as_array().into_iter().flatten().any(|it| it["applied"] != 0)
            }
        }
    }

    /// From here on steps are counted.
    pub(super) fn count_from_here(&self) {
        self.stand_in.forget_requests();
        self.stand_in.admin("DELETE", "/rounds", None);
    }

    /// Lets the fault happen at its step, counted from here.
    pub(super) fn arm(&self, plan: Option<Plan<'_>>) {
        let Some(Plan { fault, step }) = plan else { return self.count_from_here() };
        match (fault.does, step) {
            (Does::Rule(rule), Step::Call { .. }) => self.rule(step, rule),
            (Does::KillProvider(when) | Does::Interrupt(when), Step::Call { .. }) => self.rule(step, table::held(when)),
            (Does::Server(action, when), Step::Round { at, .. }) => self.round(*at, action, when),
            (Does::KillProvider(when) | Does::Interrupt(when), Step::Round { at, .. }) => {
                self.round(*at, Action::Hold, when);
            }
            (Does::Admin(requests), Step::Start) => {
                for (method, path, body) in requests {
                    self.request(method, path, body);
                }
            }
            (Does::Elsewhere, Step::Start) => self.operation_elsewhere(),
            _ => panic!("{} cannot happen at {step}", fault.name),
        }
    }

    fn rule(&self, step: &Step, rule: &str) {
        let Step::Call { method, path, nth, .. } = step else { panic!("{step} is no call") };
        let mut rule: Json = serde_json::from_str(rule).expect("a rule");
        rule["method"] = json!(method);
        rule["path"] = json!(path);
        rule["skip"] = json!(nth - 1);
        self.stand_in.fault(&rule);
    }

    fn round(&self, at: usize, action: Action, when: table::When) {
        let body = json!({
            "at": at,
            "action": format!("{action:?}").to_lowercase(),
            "when": format!("{when:?}").to_lowercase(),
        });
        self.stand_in.admin("POST", "/rounds", Some(&body));
    }

    fn request(&self, method: &str, path: &str, body: &str) {
        let ready = &self.stand_in.ready;
        let path = path.replace("{project}", &ready.project_id).replace("{endpoint}", &ready.endpoint_id);
        let body: Json = serde_json::from_str(body).expect("JSON");
        let body = Some(&body).filter(|it| !it.is_null());
        match path.strip_prefix("/api") {
            None => drop(self.stand_in.admin(method, &path, body)),
            Some(path) => {
                let (status, answer) = self.stand_in.api(method, path, body);
                assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
                std::thread::sleep(Duration::from_millis(200)); // its operation ends
            }
        }
    }

    fn operation_elsewhere(&self) {
        self.stand_in.settings(&json!({ "operation_ms": 600 }));
        let path = format!("/projects/{}/branches/{}/roles", self.stand_in.ready.project_id, self.elsewhere);
        self.stand_in.fault(&json!({ "method": "POST", "path": path, "action": { "operation": "failed" } }));
        let name = format!("other_{}", self.stand_in.requests().len());
        let (status, answer) = self.stand_in.api("POST", &path, Some(&json!({ "role": { "name": name } })));
        assert_eq!(status, 201, "{answer}");
    }

    fn insist_no_secret(&self, text: &str) {
        for secret in &self.secrets {
            assert!(
                !text.contains(secret.as_str()),
                "a secret stands in: {}",
                text.replace(secret.as_str(), "<secret>")
            );
        }
    }
}
