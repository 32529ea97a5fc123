//! What Terraform demands of a schema before it uses the provider at all (`internal_validate.go` in
//! `internal/configs/configschema` of hashicorp/terraform), and what this crate demands of its documentation.

use std::collections::BTreeMap;

use super::Schema;
use super::attribute::{Attribute, Kind, Nesting};
use super::identity::Identity;
use super::role::Role;
use super::rule::Rule;
use crate::value::types::Type;

impl Schema {
    /// Whether Terraform would take the schema, and whether its documentation is complete: all that is wrong.
    pub fn check(&self, role: Role) -> Result<(), Vec<String>> {
        let mut problems = Problems { found: Vec::new(), docs: BTreeMap::new(), role };
        if self.version < 0 {
            problems.add("", "the schema version is negative");
        }
        if self.prose.trim().is_empty() {
            problems.add("", "the schema has no prose");
        }
        for name in self.attributes.keys() {
            if role.reserved().contains(&name.as_str()) {
                problems.add(name, "the name is reserved by the language");
            }
        }
        problems.attributes("", &self.attributes, false);
        for rule in &self.rules {
            let names = match rule {
                Rule::ExactlyOneOf(names) | Rule::AtLeastOneOf(names) => names.clone(),
                Rule::Conflicts(one, other) | Rule::Requires(one, other) => vec![*one, *other],
            };
            for name in names {
                match self.attributes.get(name) {
                    None => problems.add(name, "a rule names it, but there is no such attribute"),
                    Some(it) if !it.optional => problems.add(name, "a rule names it, but it is not optional"),
                    Some(it) if it.default.is_some() => {
                        problems.add(name, "a rule names it, but with a default it is always set");
                    }
                    Some(_) => {}
                }
            }
        }
        for name in self.identity.iter().flat_map(Identity::names) {
            match self.attributes.get(name) {
                None => problems.add(name, "the identity names it, but there is no such attribute"),
                Some(it) if !Identity::takes(&it.value_type()) => {
                    problems.add(
                        name,
                        "the identity names it, but it is neither a string, a bool, a number nor a list of them",
                    );
                }
                Some(it) if it.sensitive || it.write_only => {
                    problems.add(name, "the identity names it, but it is secret");
                }
                Some(_) => {}
            }
        }
        if self.identity.as_ref().is_some_and(|it| it.required.is_empty()) {
            problems.add("", "the identity has no attribute that an import must say");
        }
        if problems.found.is_empty() { Ok(()) } else { Err(problems.found) }
    }
}

struct Problems {
    found: Vec<String>,
    /// Documentation by text, to find two that are the same.
    docs: BTreeMap<String, String>,
    role: Role,
}

impl Problems {
    fn add(&mut self, path: &str, problem: &str) {
        self.found.push(if path.is_empty() { problem.to_owned() } else { format!("`{path}`: {problem}") });
    }

    fn attributes(&mut self, parent: &str, attributes: &BTreeMap<String, Attribute>, in_set: bool) {
        for (name, attribute) in attributes {
            let path = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
            self.attribute(&path, name, attribute, in_set);
        }
    }

    fn attribute(&mut self, path: &str, name: &str, it: &Attribute, in_set: bool) {
        let legal = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_';
        if name.is_empty() || !name.chars().all(legal) || name.starts_with(|it: char| it.is_ascii_digit()) {
            self.add(path, "the name is not of the form `[a-z_][a-z0-9_]*`");
        }
        if !(it.required || it.optional || it.computed) {
            self.add(path, "is neither required nor optional nor computed");
        }
        if it.required && (it.optional || it.computed) {
            self.add(path, "is required, so it cannot be optional or computed or have a default");
        }
        if self.role == Role::Provider && it.computed {
            self.add(path, "a provider block computes nothing and has no defaults");
        }
        if matches!(self.role, Role::Action | Role::List) && it.computed && !(it.optional && it.default.is_some()) {
            self.add(path, "computes a value, but an action or a list has none");
        }
        if it.keeps_prior && !it.computed {
            self.add(path, "keeps its prior value, but is not computed");
        }
        if it.keeps_prior && it.default.is_some() {
            self.add(path, "keeps its prior value and has a default: only one can hold");
        }
        if it.write_only && (it.computed || in_set) {
            self.add(path, "is write-only, so it can be neither computed nor within a set");
        }
        if it.computed && !it.optional && !it.validators.is_empty() {
            self.add(path, "has validators, but nobody can set it");
        }
        if self.role == Role::Resource && it.computed && !it.optional && matches!(it.kind, Kind::Nested(..)) {
            // Terraform 1.5 and 1.6 and OpenTofu 1.6 to 1.9 crash on these in `plan -generate-config-out`.
            self.add(path, "is only computed, so it has a plain type and no attributes of its own");
        }
        let value_type = it.value_type();
        if has_dynamic_in_set(&value_type, in_set) {
            self.add(path, "a set cannot hold values of any type");
        }
        if let Some(default) = &it.default {
            match value_type.conform(default.clone()) {
                Err(error) => self.add(path, &format!("the default does not have its type: {error}")),
                Ok(conformed) if &conformed != default => {
                    self.add(path, "the default does not have its type: write sets as sets");
                }
                Ok(_) if !default.is_wholly_known() || default.is_null() => {
                    self.add(path, "the default is null or not known");
                }
                Ok(_) => {}
            }
        }
        self.doc(path, &it.doc);
        if let Kind::Nested(nesting, attributes) = &it.kind {
            if it.write_only && attributes.values().any(|it| !it.write_only) {
                self.add(path, "is write-only, so all its attributes must be");
            }
            self.attributes(path, attributes, in_set || *nesting == Nesting::Set);
        }
    }

    fn doc(&mut self, path: &str, doc: &str) {
        if doc.trim().is_empty() {
            self.add(path, "has no documentation");
        } else if !doc.ends_with('.') {
            self.add(path, "its documentation does not end with a period");
        } else if let Some(other) = self.docs.insert(doc.to_owned(), path.to_owned()) {
            self.add(path, &format!("has the same documentation as `{other}`"));
        }
    }
}

fn has_dynamic_in_set(it: &Type, in_set: bool) -> bool {
    match it {
        Type::Dynamic => in_set,
        Type::Bool | Type::Number | Type::String => false,
        Type::List(element) | Type::Map(element) => has_dynamic_in_set(element, in_set),
        Type::Set(element) => has_dynamic_in_set(element, true),
        Type::Object(attributes) => attributes.values().any(|it| has_dynamic_in_set(it, in_set)),
        Type::Tuple(elements) => elements.iter().any(|it| has_dynamic_in_set(it, in_set)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{list_of, object_of, set_of, set_of_objects, single, string};
    use super::*;
    use crate::value::Value;

    fn problems(name: &str, attribute: Attribute) -> String {
        match Schema::new("Prose.").attribute(name, attribute).timeouts().check(Role::Resource) {
            Ok(()) => String::new(),
            Err(problems) => problems.join("; "),
        }
    }

    #[test]
    fn what_terraform_takes_passes() {
        for attribute in [
            string().required(),
            string().optional().write_only(),
            string().default("x").one_of(["x"]),
            string().computed().default("ok"),
            string().optional().computed().keeps_prior(),
            set_of(Type::String).computed().default(Value::string_set::<&str>([])),
            set_of_objects([("name", string().required().doc("Its name."))]).optional(),
            object_of([("mode", Type::String)]).computed(),
        ] {
            assert_eq!(problems("it", attribute.doc("What it is.")), "");
        }
    }

    #[test]
    fn what_terraform_or_the_house_refuses_is_named() {
        let it = || string().optional().doc("What it is.");
        let cases: Vec<(&str, Attribute, &str)> = vec![
            ("count", it(), "reserved"),
            ("Name", it(), "form"),
            ("1st", it(), "form"),
            ("it", string().doc("What it is."), "neither"),
            ("it", it().required(), "is required"),
            ("it", string().required().doc("What it is.").default("x"), "is required"),
            ("it", it().keeps_prior(), "not computed"),
            ("it", it().default("x").keeps_prior(), "only one can hold"),
            ("it", it().computed().write_only(), "write-only"),
            ("it", it().default(true), "the default does not have its type"),
            ("it", set_of(Type::String).default(Value::List(vec![])).doc("What it is."), "write sets as sets"),
            ("it", it().default(Value::Unknown), "not known"),
            ("it", string().computed().one_of(["x"]).doc("What it is."), "nobody can set it"),
            ("it", single([("a", it().computed())]).computed().doc("An object."), "plain type"),
            ("it", set_of(Type::Dynamic).optional().doc("What it is."), "any type"),
            ("it", list_of(Type::Set(Box::new(Type::Dynamic))).optional().doc("What it is."), "any type"),
            ("it", string().optional(), "no documentation"),
            ("it", string().optional().doc("What it is"), "period"),
            ("it", it().doc("How long operations may take before they fail."), "same documentation"),
            ("it", set_of_objects([("name", it().write_only())]).optional().doc("A set."), "`it.name`: is write-only"),
        ];
        for (name, attribute, wanted) in cases {
            let found = problems(name, attribute);
            assert!(found.contains(wanted), "{wanted}: {found}");
        }
    }

    #[test]
    fn rules_name_optional_attributes() {
        let schema = Schema::new("Prose.")
            .attribute("a", string().optional().doc("One."))
            .attribute("b", string().default("x").doc("Another."))
            .attribute("c", string().required().doc("A third."))
            .rule(Rule::ExactlyOneOf(vec!["a", "b", "d"]))
            .rule(Rule::Conflicts("a", "c"));
        assert_eq!(
            schema.check(Role::DataSource).unwrap_err(),
            [
                "`b`: a rule names it, but with a default it is always set",
                "`d`: a rule names it, but there is no such attribute",
                "`c`: a rule names it, but it is not optional",
            ]
        );
    }

    #[test]
    fn an_identity_is_of_flat_attributes_of_the_schema() {
        let check = |identity: Identity| {
            let schema = Schema::new("Prose.")
                .attribute("name", string().required().doc("One."))
                .attribute("all", set_of(Type::String).optional().doc("Two."))
                .attribute("key", string().optional().sensitive().doc("Three."))
                .identity(identity);
            schema.check(Role::Resource).map_err(|problems| problems.join("; "))
        };
        assert_eq!(check(Identity::of(["name"])), Ok(()));
        for (identity, wanted) in [
            (Identity::of(["name", "none"]), "no such attribute"),
            (Identity::of(["name"]).optional(["all"]), "neither a string"),
            (Identity::of(["key"]), "secret"),
            (Identity::default().optional(["name"]), "must say"),
        ] {
            let problems = check(identity).unwrap_err();
            assert!(problems.contains(wanted), "{problems}");
        }
    }

    #[test]
    fn a_provider_block_computes_nothing() {
        let schema = Schema::new("Prose.").attribute("key", string().default("x").doc("A key."));
        assert!(schema.check(Role::Provider).unwrap_err()[0].contains("computes nothing"));
        for role in [Role::Action, Role::List] {
            assert_eq!(schema.check(role), Ok(()), "a default is the framework's");
            let computed = Schema::new("Prose.").attribute("id", string().computed().doc("An id."));
            assert!(computed.check(role).unwrap_err()[0].contains("computes a value"));
        }
        assert!(Schema::new(" ").check(Role::Provider).unwrap_err()[0].contains("prose"));
    }
}
