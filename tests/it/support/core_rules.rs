//! What Terraform enforces on a provider's answers, over the framework's values, so that every plan, apply, read, import
//! and upgrade of a test can be held to it. Pure: each function lists what Terraform would refuse.
//!
//! The rules are those of hashicorp/terraform: `internal/plans/objchange/plan_valid.go` for plans,
//! `internal/plans/objchange/compatible.go` for what an apply or a second plan makes of a plan, and
//! `internal/terraform/node_resource_abstract_instance.go` for the rest. They are not written from our planner, which
//! they check.

use std::collections::BTreeMap;

use tfplugin::schema::{Attribute, Kind, Nesting, Schema};
use tfplugin::value::path::{AttributePath, Step};
use tfplugin::value::{SetValue, Value};

type Attributes = BTreeMap<String, Attribute>;

/// What Terraform would refuse of the answer to `PlanResourceChange`. `prior` is null on create, `config` and `planned` on
/// destroy.
pub(crate) fn of_plan(
    schema: &Schema,
    prior: &Value,
    config: &Value,
    planned: &Value,
    requires_replace: &[AttributePath],
) -> Vec<String> {
    let mut found = wrong_type(schema, planned);
    if config.is_null() != planned.is_null() {
        found.push(format!("planned is {} and config is {}", planned.kind_name(), config.kind_name()));
        return found;
    }
    if planned.is_unknown() {
        found.push("the whole plan is unknown".into());
        return found;
    }
    write_only_is_null(&schema.attributes, planned, &AttributePath::root(), &mut found);
    if !planned.is_null() {
        planned_attributes(&schema.attributes, prior, config, planned, &AttributePath::root(), &mut found);
    }
    for path in requires_replace {
        if !resolves(path, prior) && !resolves(path, planned) {
            found.push(format!("`{path}` requires replacement, but is in neither prior nor planned value"));
        }
    }
    found
}

/// What Terraform would refuse of the second plan of the same change, within apply: what was known stays, and so does the
/// action, but that an update may turn out to be none.
pub(crate) fn of_final_plan(schema: &Schema, prior: &Value, first: &Value, last: &Value) -> Vec<String> {
    let mut found = wrong_type(schema, last);
    if first == prior && last != prior {
        found.push("nothing was planned, and now a change is".into());
    }
    compatible(first, last, &AttributePath::root(), &mut found);
    found
}

/// What Terraform would refuse of the answer to `ApplyResourceChange`, which had no error. With an error only the type and
/// what is stored are looked at: see [`of_state`].
pub(crate) fn of_apply(schema: &Schema, planned: &Value, result: &Value) -> Vec<String> {
    let mut found = of_state(schema, result);
    match (planned.is_null(), result.is_null()) {
        (true, true) => {}
        (true, false) => found.push("deleted, but now present".into()),
        (false, true) => found.push("planned to be present, but now absent".into()),
        (false, false) => compatible(planned, result, &AttributePath::root(), &mut found),
    }
    found
}

/// What Terraform would refuse of any state: from read, upgrade, a data source, or an apply that failed.
pub(crate) fn of_state(schema: &Schema, state: &Value) -> Vec<String> {
    let mut found = wrong_type(schema, state);
    unknown_parts(state, &AttributePath::root(), &mut found);
    write_only_is_null(&schema.attributes, state, &AttributePath::root(), &mut found);
    found
}

/// What Terraform would refuse of an imported object, or a data source's value: it is a state and it is there.
pub(crate) fn of_present_state(schema: &Schema, state: &Value) -> Vec<String> {
    let mut found = of_state(schema, state);
    if state.is_null() {
        found.push("null, where an object must be".into());
    }
    found
}

fn wrong_type(schema: &Schema, value: &Value) -> Vec<String> {
    match schema.object_type().conform(value.clone()) {
        Ok(conformed) if &conformed == value => Vec::new(),
        Ok(_) => vec!["a set is written as a list, or an object as a map".into()],
        Err(error) => vec![format!("wrong type: {error}")],
    }
}

fn unknown_parts(value: &Value, path: &AttributePath, found: &mut Vec<String>) {
    match value {
        Value::Object(items) => {
            for (name, it) in items {
                unknown_parts(it, &path.clone().attribute(name), found);
            }
        }
        other if !other.is_wholly_known() => found.push(format!("`{path}` is unknown in a state")),
        _ => {}
    }
}

fn write_only_is_null(attributes: &Attributes, value: &Value, path: &AttributePath, found: &mut Vec<String>) {
    let Value::Object(items) = value else { return };
    for (name, attribute) in attributes {
        let Some(item) = items.get(name) else { continue };
        let path = path.clone().attribute(name);
        if attribute.write_only && !item.is_null() {
            found.push(format!("`{path}` is write-only, but not null"));
        }
        let Kind::Nested(_, attributes) = &attribute.kind else { continue };
        let inside: Vec<&Value> = match item {
            Value::List(items) => items.iter().collect(),
            Value::Set(items) => items.iter().collect(),
            Value::Map(items) => items.values().collect(),
            other => vec![other],
        };
        for it in inside {
            write_only_is_null(attributes, it, &path, found);
        }
    }
}

fn planned_attributes(
    attributes: &Attributes,
    prior: &Value,
    config: &Value,
    planned: &Value,
    path: &AttributePath,
    found: &mut Vec<String>,
) {
    let null = Value::Null;
    for (name, attribute) in attributes {
        let of = |value: &'_ Value| value.get(name).cloned().unwrap_or_else(|| null.clone());
        let path = path.clone().attribute(name);
        planned_value(attribute, &of(prior), &of(config), &of(planned), &path, found);
    }
}

fn planned_value(
    attribute: &Attribute,
    prior: &Value,
    config: &Value,
    planned: &Value,
    path: &AttributePath,
    found: &mut Vec<String>,
) {
    // What is write-only is judged by itself.
    if planned == config || attribute.write_only {
        return;
    }
    if config.is_null() {
        if !attribute.computed {
            found.push(format!("`{path}` is planned, but neither configured nor computed"));
        }
        return;
    }
    if let Kind::Nested(nesting, attributes) = &attribute.kind {
        planned_objects(*nesting, attributes, [prior, config, planned], path, found);
    } else if planned != prior {
        found.push(format!("`{path}` is planned as neither the configured nor the prior value"));
    }
}

fn planned_objects(
    nesting: Nesting,
    attributes: &Attributes,
    [prior, config, planned]: [&Value; 3],
    path: &AttributePath,
    found: &mut Vec<String>,
) {
    let null = Value::Null;
    match (nesting, config, planned) {
        (_, _, Value::Null) => found.push(format!("`{path}` is planned for absence, but configured")),
        (_, Value::Unknown, _) => found.push(format!("`{path}` is planned, but configured as unknown")),
        (_, _, Value::Unknown) => found.push(format!("`{path}` is planned as unknown, but configured")),
        (Nesting::Single, _, _) => planned_attributes(attributes, prior, config, planned, path, found),
        (Nesting::List, Value::List(configured), Value::List(items)) if configured.len() == items.len() => {
            for ((config, planned), index) in configured.iter().zip(items).zip(0..) {
                let prior = match prior {
                    Value::List(before) => usize::try_from(index).ok().and_then(|it: usize| before.get(it)),
                    _ => None,
                };
                let path = path.clone().index(index);
                planned_attributes(attributes, prior.unwrap_or(&null), config, planned, &path, found);
            }
        }
        (Nesting::Map, Value::Map(configured), Value::Map(items)) if configured.keys().eq(items.keys()) => {
            for ((key, config), planned) in configured.iter().zip(items.values()) {
                let prior = prior.get(key).unwrap_or(&null);
                planned_attributes(attributes, prior, config, planned, &path.clone().key(key), found);
            }
        }
        (Nesting::Set, Value::Set(configured), Value::Set(items)) if may_be_as_long(configured, items) => {}
        _ => found.push(format!("`{path}` is planned with other elements than are configured")),
    }
}

/// Members with unknown parts may merge, so only the lengths of wholly known sets are compared.
fn may_be_as_long(configured: &SetValue, planned: &SetValue) -> bool {
    let known = |set: &SetValue| set.iter().all(Value::is_wholly_known);
    configured.len() == planned.len() || !known(configured) || !known(planned)
}

/// Whether a path leads to something; it cannot step into a set, nor through null or unknown.
fn resolves(path: &AttributePath, value: &Value) -> bool {
    let mut here = value;
    for step in path.steps() {
        let next = match (step, here) {
            (Step::Attribute(name), Value::Object(items)) => items.get(name),
            (Step::Key(key), Value::Map(items)) => items.get(key),
            (Step::Index(index), Value::List(items)) => usize::try_from(*index).ok().and_then(|it| items.get(it)),
            _ => None,
        };
        match next {
            Some(value) => here = value,
            None => return false,
        }
    }
    !path.is_root()
}

/// Terraform's `AssertObjectCompatible`: what was known is unchanged, what was unknown may be anything.
fn compatible(planned: &Value, actual: &Value, path: &AttributePath, found: &mut Vec<String>) {
    match (planned, actual) {
        (Value::Unknown, _) | (Value::Null, Value::Null) => {}
        (_, Value::Unknown) => found.push(format!("`{path}` was known, but now unknown")),
        (Value::Null, _) => found.push(format!("`{path}` was null, but now is not")),
        (_, Value::Null) => found.push(format!("`{path}` was not null, but now is")),
        (Value::Object(planned), Value::Object(actual)) => {
            entries(planned, actual, path, AttributePath::attribute, found);
        }
        (Value::Map(planned), Value::Map(actual)) => {
            entries(planned, actual, path, AttributePath::key, found);
        }
        (Value::List(planned), Value::List(actual)) => {
            if planned.len() != actual.len() {
                found.push(format!("`{path}` had {} elements, now {}", planned.len(), actual.len()));
            }
            for ((planned, actual), index) in planned.iter().zip(actual).zip(0..) {
                compatible(planned, actual, &path.clone().index(index), found);
            }
        }
        (Value::Set(planned), Value::Set(actual)) => sets_compatible(planned, actual, path, found),
        (Value::Dynamic(planned), Value::Dynamic(actual)) => compatible(&planned.1, &actual.1, path, found),
        (planned, actual) if planned == actual => {}
        _ => found.push(format!("`{path}` was one value, but now another")),
    }
}

fn entries(
    planned: &BTreeMap<String, Value>,
    actual: &BTreeMap<String, Value>,
    path: &AttributePath,
    step: impl Fn(AttributePath, String) -> AttributePath,
    found: &mut Vec<String>,
) {
    for (name, planned) in planned {
        let path = step(path.clone(), name.clone());
        match actual.get(name) {
            Some(actual) => compatible(planned, actual, &path, found),
            None => found.push(format!("`{path}` has vanished")),
        }
    }
    for name in actual.keys().filter(|name| !planned.contains_key(*name)) {
        found.push(format!("`{}` has appeared", step(path.clone(), name.clone())));
    }
}

fn sets_compatible(planned: &SetValue, actual: &SetValue, path: &AttributePath, found: &mut Vec<String>) {
    let agree = |planned: &Value, actual: &Value| {
        let mut found = Vec::new();
        compatible(planned, actual, path, &mut found);
        found.is_empty()
    };
    if actual.len() > planned.len() {
        found.push(format!("`{path}` had {} elements, now {}", planned.len(), actual.len()));
    }
    if !planned.iter().all(|it| actual.iter().any(|actual| agree(it, actual))) {
        found.push(format!("`{path}`: a planned element has no counterpart"));
    }
    if !actual.iter().all(|actual| planned.iter().any(|it| agree(it, actual))) {
        found.push(format!("`{path}`: an element has no planned counterpart"));
    }
}

#[cfg(test)]
mod tests {
    use neonrep::Neonrep;
    use tfplugin::Plan;
    use tfplugin::Provider;
    use tfplugin::Type;
    use tfplugin::path;
    use tfplugin::plan::plan;
    use tfplugin::schema::{list_of, set_of_objects, single, string};

    use super::*;

    fn schema() -> Schema {
        Schema::new("")
            .attribute("name", string().required().replaces_if_set())
            .attribute("note", string().optional())
            .attribute("id", string().computed().keeps_prior())
            .attribute("secret", string().optional().write_only())
            .attribute("words", list_of(Type::String).optional())
            .attribute(
                "tables",
                set_of_objects([("schema", string().default("public")), ("name", string().required())]).optional(),
            )
            .attribute("box", single([("size", string().default("small")), ("note", string().optional())]).optional())
    }

    fn value(items: &[(&str, Value)]) -> Value {
        let mut all: BTreeMap<String, Value> =
            schema().attributes.keys().map(|name| (name.clone(), Value::Null)).collect();
        all.insert("name".into(), "n".into());
        all.extend(items.iter().map(|(name, it)| ((*name).to_owned(), it.clone())));
        Value::Object(all)
    }

    fn with(item: (&str, Value)) -> Value {
        value(&[item])
    }

    fn set(items: impl IntoIterator<Item = Value>) -> Value {
        Value::Set(items.into_iter().collect())
    }

    fn table(schema: Value, name: Value) -> Value {
        Value::object([("schema", schema), ("name", name)])
    }

    fn boxed(size: Value, note: Value) -> (&'static str, Value) {
        ("box", Value::object([("size", size), ("note", note)]))
    }

    fn planned(config: &Value, planned: &Value) -> String {
        of_plan(&schema(), &Value::Null, config, planned, &[]).join("; ")
    }

    #[test]
    fn our_planner_passes() {
        let config = value(&[
            ("secret", "s".into()),
            ("tables", set([table(Value::Null, "a".into()), table("s".into(), Value::Unknown)])),
            boxed(Value::Null, Value::Unknown),
        ]);
        let create = plan(&schema(), Value::Null, config.clone(), |_| Ok(())).expect("a plan");
        let made = create.planned.expect("an object");
        assert_eq!(of_plan(&schema(), &Value::Null, &config, &made, &[]), Vec::<String>::new());
        let state = made.clone().unknown_as_null();
        let other = with(("name", "m".into()));
        let replace = plan(&schema(), state.clone(), other.clone(), |_| Ok(())).expect("a plan");
        let then = replace.planned.expect("an object");
        assert_eq!(of_plan(&schema(), &state, &other, &then, &replace.requires_replace), Vec::<String>::new());
        assert_eq!(of_plan(&schema(), &state, &Value::Null, &Value::Null, &[]), Vec::<String>::new());
    }

    /// Every attribute that can be set, as `leaf`; the rest null.
    fn filled(attributes: &Attributes, leaf: &Value, only_required: bool) -> Value {
        Value::object(attributes.iter().map(|(name, it)| {
            let set = it.required || (it.optional && !only_required);
            (name.clone(), if set { leaf.clone() } else { Value::Null })
        }))
    }

    /// Resources with a rule that the schema cannot say: with the required arguments alone they refuse the plan.
    const NEED_MORE: &[&str] = &["neonrep_slot", "neonrep_subscription"];

    #[test]
    fn each_resource_plans_within_the_rules_whatever_is_unknown() {
        for resource in Neonrep::resources() {
            let (name, schema) = (resource.type_name(), resource.schema());
            for only_required in [true, false] {
                if only_required && NEED_MORE.contains(&name) {
                    continue;
                }
                let config = filled(&schema.attributes, &Value::Unknown, only_required);
                let run = |prior: &Value, config: &Value| {
                    let hook = |it: &mut Plan<Value>| resource.modify_plan(it);
                    let plan = plan(schema, prior.clone(), config.clone(), hook);
                    let plan = plan.unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
                    let planned = plan.planned.unwrap_or(Value::Null);
                    let found = of_plan(schema, prior, config, &planned, &plan.requires_replace);
                    assert_eq!(found, Vec::<String>::new(), "{name}");
                    planned
                };
                let created = run(&Value::Null, &config);
                assert_eq!(created, run(&Value::Null, &config), "{name}: Terraform plans twice");
                let half_imported = created.unknown_as_null();
                run(&half_imported, &config);
                run(&half_imported, &Value::Null);
            }
        }
    }

    #[test]
    fn a_plan_that_invents_or_bends_values_is_seen() {
        let id = || ("id", Value::Unknown);
        assert_eq!(planned(&value(&[]), &value(&[id()])), "");
        assert!(planned(&value(&[]), &value(&[("note", "x".into())])).contains("`note` is planned, but neither"));
        let lowered = planned(&with(("note", "X".into())), &with(("note", "x".into())));
        assert!(lowered.contains("`note` is planned as neither"));
        let known = planned(&with(("note", Value::Unknown)), &with(("note", "x".into())));
        assert!(known.contains("`note` is planned as neither"));
        let kept = of_plan(
            &schema(),
            &with(("note", "x".into())),
            &with(("note", "X".into())),
            &with(("note", "x".into())),
            &[],
        );
        assert_eq!(kept, Vec::<String>::new(), "the prior value may be meant to be the same");
        let secret = with(("secret", "s".into()));
        assert!(planned(&secret, &secret).contains("`secret` is write-only"));
        assert!(planned(&value(&[]), &Value::Null).contains("planned is null"));
        assert!(planned(&Value::Null, &value(&[])).contains("config is null"));
        assert!(planned(&value(&[]), &Value::object([("name", "n".into())])).contains("wrong type"));
    }

    #[test]
    fn a_plan_that_bends_nested_values_is_seen() {
        let config = with(boxed(Value::Null, "x".into()));
        assert_eq!(planned(&config, &with(boxed("small".into(), "x".into()))), "");
        assert!(planned(&config, &with(boxed("small".into(), "y".into()))).contains("`box.note`"));
        assert!(planned(&config, &value(&[])).contains("planned for absence"));
        assert!(planned(&config, &with(("box", Value::Unknown))).contains("planned as unknown"));
        let config = with(("tables", set([table(Value::Null, "a".into())])));
        let two = set([table("p".into(), "a".into()), table("p".into(), "b".into())]);
        assert!(planned(&config, &with(("tables", two))).contains("other elements"));
    }

    #[test]
    fn a_replacement_must_name_what_is_there() {
        let run = |path: AttributePath| of_plan(&schema(), &value(&[]), &value(&[]), &value(&[]), &[path]);
        assert_eq!(run(path!(name)), Vec::<String>::new());
        for path in [path!(other), path!(box.size), AttributePath::root(), path!(words).index(0)] {
            assert_eq!(run(path).len(), 1);
        }
    }

    #[test]
    fn an_apply_that_changes_what_was_planned_is_seen() {
        let run = |planned: &Value, result: &Value| of_apply(&schema(), planned, result).join("; ");
        let planned = value(&[("id", Value::Unknown), ("note", "x".into())]);
        assert_eq!(run(&planned, &value(&[("id", "1".into()), ("note", "x".into())])), "");
        assert!(run(&planned, &value(&[("id", "1".into()), ("note", "y".into())])).contains("`note` was one value"));
        assert!(run(&planned, &value(&[("id", "1".into())])).contains("`note` was not null"));
        assert!(run(&planned, &planned).contains("`id` is unknown in a state"));
        assert!(run(&value(&[]), &with(("note", "x".into()))).contains("`note` was null"));
        assert!(run(&planned, &Value::Null).contains("now absent"));
        assert!(run(&Value::Null, &planned).contains("now present"));
        assert_eq!(run(&Value::Null, &Value::Null), "");
        let words = |items: &[&str]| with(("words", Value::List(items.iter().map(|it| (*it).into()).collect())));
        assert!(run(&words(&["a"]), &words(&["a", "b"])).contains("had 1 elements, now 2"));
        assert!(run(&words(&["a"]), &words(&["b"])).contains("`words[0]`"));
    }

    #[test]
    fn sets_are_correlated() {
        let run = |planned: Value, result: Value| {
            of_apply(&schema(), &with(("tables", planned)), &with(("tables", result))).join("; ")
        };
        let t = |name: Value| table("p".into(), name);
        let planned = || set([t(Value::Unknown), t("a".into())]);
        assert_eq!(run(planned(), set([t("a".into()), t("b".into())])), "");
        assert_eq!(run(planned(), set([t("a".into())])), "");
        assert!(run(planned(), set([t("b".into())])).contains("planned element has no counterpart"));
        assert!(run(set([t("a".into())]), set([t("a".into()), t("b".into())])).contains("had 1 elements"));
    }

    #[test]
    fn a_second_plan_may_only_learn() {
        let run = |first: &Value, last: &Value| of_final_plan(&schema(), &value(&[]), first, last).join("; ");
        let first = value(&[("id", Value::Unknown), ("note", "x".into())]);
        assert_eq!(run(&first, &first), "");
        assert_eq!(run(&first, &value(&[("id", "1".into()), ("note", "x".into())])), "");
        assert!(run(&first, &value(&[("id", "1".into()), ("note", Value::Unknown)])).contains("now unknown"));
        assert!(run(&value(&[]), &with(("id", "1".into()))).contains("nothing was planned"));
    }

    #[test]
    fn states_are_known_whole_and_there() {
        assert_eq!(of_state(&schema(), &Value::Null), Vec::<String>::new());
        assert_eq!(of_present_state(&schema(), &Value::Null), ["null, where an object must be"]);
        assert_eq!(of_present_state(&schema(), &value(&[])), Vec::<String>::new());
        let listed = with(("tables", Value::List(vec![])));
        assert!(of_state(&schema(), &listed)[0].contains("as a list"));
        assert!(of_state(&schema(), &with(("secret", "s".into())))[0].contains("write-only"));
        let unknown = with(("tables", set([table("p".into(), Value::Unknown)])));
        assert_eq!(of_state(&schema(), &unknown), ["`tables` is unknown in a state"]);
    }
}
