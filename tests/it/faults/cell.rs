//! One cell of the matrix: one fault at one step of one change of one resource, and what must be so afterwards.

use std::fmt;

use serde_json::{Value as Json, json};

use super::bench::{Attempt, Bench, Plan};
use super::cases::{Case, Unrecorded};
use super::fingerprint;
use super::steps::{Step, Verb};
use super::table::{Does, EXCEPTIONS, Expected, Fault};
use crate::support::core::{Action, Core, Messages, Object, Walk};

#[derive(Clone)]
pub(super) struct Cell {
    pub(super) case: &'static Case,
    pub(super) verb: Verb,
    pub(super) step: Step,
    pub(super) fault: &'static Fault,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = format!("{:?}", self.verb).to_lowercase();
        write!(f, "{}/{verb}/{}/{}", self.case.name, self.fault.name, self.step)
    }
}

/// What is there when nothing goes wrong, as texts.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    pub(super) created: String,
    pub(super) updated: String,
}

/// What became of a cell that is as it should be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ran {
    /// Whether the fault has met its step.
    pub(super) met: bool,
    /// Whether the stand-in is as before.
    pub(super) is_clean: bool,
}

impl Cell {
    /// Whether there is such a cell: a plan or a refresh that is killed leaves nothing and says nothing.
    pub(super) fn exists(&self) -> bool {
        let changes = matches!(self.verb, Verb::Create | Verb::Update | Verb::Delete);
        self.step.is(self.fault.at) && (changes || !matches!(self.fault.does, Does::KillProvider(_)))
    }

    fn expected(&self) -> Expected {
        let name = self.to_string();
        let exception = EXCEPTIONS.iter().find(|(parts, _)| parts.iter().all(|part| name.contains(part)));
        exception.map_or(self.fault.expected, |(_, expected)| *expected)
    }

    /// Runs it; panics with what is not as it should be.
    pub(super) fn run(&self, bench: &Bench, texts: &Texts) -> Ran {
        let base = bench.begin(self.case);
        let created = bench.created(self.case);
        let (config, wanted) = match self.verb {
            Verb::Update => (bench.updated(self.case).expect("an update"), &texts.updated),
            Verb::Delete => (created.clone(), &base),
            Verb::Plan | Verb::Create | Verb::Refresh => (created.clone(), &texts.created),
        };
        let prior = match self.verb {
            Verb::Plan | Verb::Create => None,
            Verb::Refresh | Verb::Update | Verb::Delete => {
                Some(bench.made(&bench.core.walk(), self.case, None, &created))
            }
        };
        let plan = Plan { fault: self.fault, step: &self.step };
        let attempt = bench.attempt(self.case, self.verb, prior.as_ref(), &config, Some(plan));
        let met = bench.was_met(plan);
        bench.heal();
        let (object, killed) = match attempt {
            Attempt::Killed => (prior.clone(), true),
            Attempt::Ended { object, messages } => {
                let reads = matches!(self.verb, Verb::Plan | Verb::Refresh);
                if reads && matches!(self.fault.does, Does::Interrupt(_)) && messages.have_errors() {
                    messages.insist_only_error("nterrupted");
                } else if met {
                    insist(self.expected(), &messages);
                } else {
                    messages.insist_no_error();
                }
                if self.verb == Verb::Create && object.is_none() {
                    assert_eq!(bench.fingerprint(self.case), base, "something exists that is in no state");
                }
                if self.verb == Verb::Refresh {
                    assert!(object.is_some(), "a fault was taken for an absence");
                }
                (object, false)
            }
        };
        let walk = bench.core.walk();
        match self.verb {
            Verb::Delete => {
                if let Some(object) = object {
                    delete(bench, &walk, &object);
                }
            }
            Verb::Plan | Verb::Create | Verb::Refresh | Verb::Update => {
                let object = self.converge(bench, &walk, object.as_ref(), &config, killed);
                assert_eq!(bench.fingerprint(self.case), *wanted, "after the next apply");
                bench.forget(&walk);
                let config = bench.core.config(self.case.type_name, &config);
                let plan = Core::plan_in(&walk, self.case.type_name, Some(&object), &config);
                let plan = plan.unwrap_or_else(|said| panic!("the plan after the next apply: {said}"));
                assert_eq!(plan.action, Action::Nothing, "the plan after the next apply");
                delete(bench, &walk, &object);
            }
        }
        let left = bench.fingerprint(self.case);
        let is_clean = left == base || self.case.name == "logical_replication";
        let counts_as_found = killed && self.case.unrecorded == Unrecorded::Kept;
        if !is_clean && counts_as_found && self.verb == Verb::Create {
            assert_eq!(left, texts.created, "after a destroy that leaves what was found");
        } else if !is_clean && counts_as_found && self.verb == Verb::Update {
            // What the lost update had added is found by the next one.
            let strange = fingerprint::beyond(&left, [&texts.updated, &base]);
            assert_eq!(strange, Vec::<&str>::new(), "after a destroy that leaves what was found");
        } else if !is_clean {
            assert_eq!(left, base, "after the destroy");
        }
        Ran { met, is_clean }
    }

    /// The next apply.
    fn converge(&self, bench: &Bench, walk: &Walk, object: Option<&Object>, config: &Json, killed: bool) -> Object {
        let type_name = self.case.type_name;
        let wanted = bench.core.config(type_name, config);
        let plan = Core::plan_in(walk, type_name, object, &wanted);
        let plan = plan.unwrap_or_else(|said| panic!("the next plan: {said}"));
        bench.forget(walk);
        let outcome = bench.core.apply_in(walk, &plan, config);
        if !outcome.messages.have_errors() {
            return outcome.object.expect("an object");
        }
        let unrecorded = killed && object.is_none() && self.case.unrecorded == Unrecorded::Imported;
        assert!(unrecorded, "the next apply: {}", outcome.messages);
        outcome.messages.insist_any_error("already exists");
        let id = (self.case.id)(&bench.stand_in.ready);
        let stub = walk.import(type_name, &id).unwrap_or_else(|said| panic!("import of {id}: {said}"));
        bench.made(walk, self.case, Some(&stub), config)
    }
}

/// The next destroy, after which the object is gone.
fn delete(bench: &Bench, walk: &Walk, object: &Object) {
    bench.forget(walk);
    let plan = Core::plan_destroy_in(walk, object).unwrap_or_else(|said| panic!("the next plan to destroy: {said}"));
    let Some(plan) = plan else { return };
    let outcome = bench.core.apply_in(walk, &plan, &json!({}));
    outcome.messages.insist_no_error();
    assert!(outcome.object.is_none(), "it is not gone");
}

fn insist(expected: Expected, messages: &Messages) {
    match expected {
        // Killed, and there is an answer: the change had ended before the step.
        Expected::Passes | Expected::Killed => messages.insist_no_error(),
        Expected::Fails(parts) => insist_parts(parts, messages),
        Expected::PassesOrFails(parts) => {
            if messages.have_errors() {
                insist_parts(parts, messages);
            }
        }
    }
}

fn insist_parts(parts: &[&str], messages: &Messages) {
    for part in parts {
        messages.insist_any_error(part);
    }
}
