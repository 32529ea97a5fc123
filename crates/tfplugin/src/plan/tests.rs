//! The planner's table of cases.

use proptest::prelude::*;

use super::*;
use crate::path;
use crate::schema::{boolean, list_of, set_of, set_of_objects, single, string};
use crate::value::types::Type;

fn members() -> Attribute {
    set_of_objects([("schema", string().default("public")), ("name", string().required())])
}

fn schema() -> Schema {
    Schema::new("")
        .attribute("name", string().required().replaces_if_set())
        .attribute("flag", boolean().default(false))
        .attribute("words", set_of(Type::String).default(Value::string_set(["insert"])))
        .attribute("tables", members().default(Value::Set(SetValue::default())))
        .attribute("branch", string().optional().computed().keeps_prior().replaces_if_set())
        .attribute("id", string().computed().keeps_prior())
        .attribute("oid", string().computed())
        .attribute("status", string().computed().default("ok"))
        .attribute("secret", string().optional().write_only())
        .attribute("note", string().optional())
        .attribute(
            "box",
            single([("size", string().default("small")), ("at", string().computed().keeps_prior())]).optional(),
        )
        .timeouts()
}

fn object(items: &[(&str, Value)]) -> Value {
    let mut all: BTreeMap<String, Value> = schema().attributes.keys().map(|name| (name.clone(), Value::Null)).collect();
    all.extend(items.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    Value::Object(all)
}

/// What an apply of `config` leaves in state.
fn stored(items: &[(&str, Value)]) -> Value {
    let defaults = [
        ("name", "n".into()),
        ("flag", false.into()),
        ("words", Value::string_set(["insert"])),
        ("tables", Value::Set(SetValue::default())),
        ("branch", "br".into()),
        ("id", "i".into()),
        ("oid", "1".into()),
        ("status", "ok".into()),
    ];
    object(&[&defaults, items].concat())
}

fn config(items: &[(&str, Value)]) -> Value {
    object(&[&[("name", "n".into())], items].concat())
}

fn planned(prior: Value, config: Value) -> Plan<Value> {
    plan(&schema(), prior, config, |_| Ok(())).unwrap()
}

#[track_caller]
fn assert_differs(plan: &Plan<Value>, from: &Value, differences: &[(&str, Value)]) {
    let planned = plan.planned.as_ref().unwrap().as_object().unwrap();
    for (name, value) in planned {
        let wanted = differences.iter().find(|(it, _)| it == name).map_or(from.get(name), |(_, it)| Some(it));
        assert_eq!(Some(value), wanted, "{name}");
    }
}

#[test]
fn a_create_has_defaults_and_unknown_computed_values() {
    let plan = planned(Value::Null, config(&[("note", Value::Unknown), ("secret", "s".into())]));
    let unknown = || Value::Unknown;
    assert_differs(
        &plan,
        &stored(&[]),
        &[("branch", unknown()), ("id", unknown()), ("oid", unknown()), ("note", unknown())],
    );
    assert_eq!(plan.action(), Action::Create);
    assert_eq!(plan.requires_replace, []);
}

#[test]
fn the_same_again_plans_nothing() {
    let plan = planned(stored(&[]), config(&[]));
    assert_differs(&plan, &stored(&[]), &[]);
    assert_eq!(plan.action(), Action::Nothing);
}

#[test]
fn a_change_makes_only_what_is_not_kept_unknown() {
    let plan = planned(stored(&[]), config(&[("flag", true.into())]));
    assert_differs(&plan, &stored(&[]), &[("flag", true.into()), ("oid", Value::Unknown)]);
    assert_eq!(plan.action(), Action::Update);
}

#[test]
fn a_found_value_is_planned_back_to_the_constant() {
    let plan = planned(stored(&[("status", "missing".into())]), config(&[]));
    assert_differs(&plan, &stored(&[]), &[("oid", Value::Unknown)]);
    assert_eq!(plan.action(), Action::Update);
}

#[test]
fn a_kept_null_stays_null_in_an_update() {
    let prior = stored(&[("id", Value::Null), ("branch", Value::Null)]);
    assert_eq!(planned(prior.clone(), config(&[])).action(), Action::Nothing);
    let plan = planned(prior.clone(), config(&[("flag", true.into())]));
    assert_differs(&plan, &prior, &[("flag", true.into()), ("oid", Value::Unknown)]);
    assert_eq!(plan.action(), Action::Update);
}

#[test]
fn a_change_replaces_only_what_was_set() {
    let changed = config(&[("name", "m".into()), ("branch", Value::Unknown)]);
    let plan = planned(stored(&[]), changed.clone());
    assert_eq!(plan.requires_replace, [path!(branch), path!(name)]);
    assert_eq!(plan.action(), Action::Replace);
    let imported = planned(stored(&[("name", Value::Null), ("branch", Value::Null)]), changed);
    assert_eq!(imported.requires_replace, []);
    assert_eq!(imported.action(), Action::Update);
}

#[test]
fn what_configuration_leaves_is_kept_and_does_not_replace() {
    let plan = planned(stored(&[("branch", "old".into())]), config(&[]));
    assert_eq!(plan.action(), Action::Nothing);
    assert_eq!(plan.planned.unwrap().get("branch"), Some(&"old".into()));
}

#[test]
fn an_optional_value_that_was_removed_is_planned_null() {
    let plan = planned(stored(&[("note", "x".into())]), config(&[]));
    assert_differs(&plan, &stored(&[]), &[("oid", Value::Unknown)]);
}

fn table(schema: Value, name: &str) -> Value {
    Value::object([("schema", schema), ("name", name.into())])
}

fn set(items: impl IntoIterator<Item = Value>) -> Value {
    Value::Set(items.into_iter().collect())
}

#[test]
fn members_of_a_set_get_their_defaults() {
    let written = set([table(Value::Null, "a"), table(Value::Unknown, "b"), table("s".into(), "c")]);
    let wanted = set([table("public".into(), "a"), table(Value::Unknown, "b"), table("s".into(), "c")]);
    let plan = planned(Value::Null, config(&[("tables", written)]));
    assert_eq!(plan.planned.unwrap().get("tables"), Some(&wanted));
    let prior = stored(&[("tables", set([table("public".into(), "a")]))]);
    assert_eq!(planned(prior, config(&[("tables", set([table(Value::Null, "a")]))])).action(), Action::Nothing);
}

#[test]
fn members_that_become_the_same_are_refused() {
    let twice = set([table(Value::Null, "a"), table("public".into(), "a")]);
    let problems = plan(&schema(), Value::Null, config(&[("tables", twice)]), |_| Ok(())).unwrap_err();
    assert_eq!(problems.iter().next().unwrap().path, path!(tables));
}

#[test]
fn computed_parts_of_a_members_are_kept_with_the_member() {
    let member = set_of_objects([("name", string().required()), ("oid", string().computed())]);
    let schema = Schema::new("").attribute("tables", member.optional());
    let member = |name: &str, oid: Value| Value::object([("name", name.into()), ("oid", oid)]);
    let object = |items: Vec<Value>| Value::object([("tables", set(items))]);
    let prior = object(vec![member("a", "1".into()), member("b", "2".into())]);
    let written = |names: &[&str]| object(names.iter().map(|name| member(name, Value::Null)).collect());
    let run = |config: Value| plan(&schema, prior.clone(), config, |_| Ok(())).unwrap();
    assert_eq!(run(written(&["a", "b"])).action(), Action::Nothing);
    let wanted = object(vec![member("b", "2".into()), member("c", Value::Unknown)]);
    assert_eq!(run(written(&["b", "c"])).planned, Some(wanted));
}

#[test]
fn nested_objects_get_defaults_and_keep_what_was_computed() {
    let inner = |size: Value, at: Value| ("box", Value::object([("size", size), ("at", at)]));
    let create = planned(Value::Null, config(&[inner(Value::Null, Value::Null)]));
    assert_eq!(create.planned.unwrap().get("box"), Some(&inner("small".into(), Value::Unknown).1));
    let prior = stored(&[inner("small".into(), "x".into())]);
    assert_eq!(planned(prior.clone(), config(&[inner(Value::Null, Value::Null)])).action(), Action::Nothing);
    let update = planned(prior.clone(), config(&[inner("big".into(), Value::Null)]));
    assert_eq!(update.planned.unwrap().get("box"), Some(&inner("big".into(), "x".into()).1));
    assert_eq!(planned(prior, config(&[])).planned.unwrap().get("box"), Some(&Value::Null));
    let unknown = planned(Value::Null, config(&[("box", Value::Unknown)]));
    assert_eq!(unknown.planned.unwrap().get("box"), Some(&Value::Unknown));
}

#[test]
fn lists_of_objects_are_matched_by_index_and_replace_by_path() {
    let list = Attribute { ..crate::schema::set_of_objects([]) };
    let kind = Kind::Nested(
        Nesting::List,
        [("a".to_owned(), string().required().replaces_if_set()), ("b".to_owned(), string().computed().keeps_prior())]
            .into(),
    );
    let schema = Schema::new("").attribute("list", Attribute { kind, ..list.optional() });
    let item = |a: &str, b: Value| Value::object([("a", a.into()), ("b", b)]);
    let object = |items: Vec<Value>| Value::object([("list", Value::List(items))]);
    let prior = object(vec![item("x", "1".into()), item("y", "2".into())]);
    let config = object(vec![item("x", Value::Null), item("z", Value::Null), item("w", Value::Null)]);
    let plan = plan(&schema, prior, config, |_| Ok(())).unwrap();
    let wanted = object(vec![item("x", "1".into()), item("z", "2".into()), item("w", Value::Unknown)]);
    assert_eq!(plan.planned, Some(wanted));
    assert_eq!(plan.requires_replace, [AttributePath::root().attribute("list").index(1).attribute("a")]);
}

#[test]
fn a_set_replaces_as_a_whole() {
    let tables = set_of_objects([("name", string().required().replaces_if_set())]).optional();
    let schema = Schema::new("").attribute("tables", tables);
    let object = |name: &str| Value::object([("tables", set([Value::object([("name", name.into())])]))]);
    let plan = plan(&schema, object("a"), object("b"), |_| Ok(())).unwrap();
    assert_eq!(plan.requires_replace, [path!(tables)]);
}

#[test]
fn the_hook_sees_replacement_and_has_the_last_word() {
    let hook = |plan: &mut Plan<Value>| {
        assert!(plan.replaces());
        if let Some(Value::Object(planned)) = &mut plan.planned {
            planned.insert("name".into(), "n".into());
            planned.insert("secret".into(), "leaked".into());
        }
        plan.requires_replace.push(path!(note));
        plan.requires_replace.push(path!(note));
        Ok(())
    };
    let plan = plan(&schema(), stored(&[]), config(&[("name", "m".into())]), hook).unwrap();
    assert_eq!(plan.requires_replace, [path!(note)]);
    assert_eq!(plan.planned.unwrap().get("secret"), Some(&Value::Null));
}

#[test]
fn a_destroy_is_planned_null_and_shown_to_the_hook() {
    let mut seen = false;
    let plan = plan(&schema(), stored(&[]), Value::Null, |plan| {
        seen = plan.destroy().is_some();
        Ok(())
    })
    .unwrap();
    assert!(seen);
    assert_eq!((plan.action(), plan.planned), (Action::Destroy, None));
}

#[test]
fn an_error_of_the_hook_fails_the_plan() {
    let refuse = |_: &mut Plan<Value>| Err(Diagnostic::error("No", "").into());
    assert!(plan(&schema(), Value::Null, config(&[]), refuse).is_err());
}

#[test]
fn data_sources_get_defaults_but_no_unknowns() {
    let value = with_defaults(&schema(), &config(&[])).unwrap();
    assert_eq!(value.get("flag"), Some(&false.into()));
    assert_eq!(value.get("oid"), Some(&Value::Null));
}

/// A configuration of [`schema`] with any mix of null, unknown and a few values.
fn any_config() -> impl Strategy<Value = Value> {
    let text = || prop_oneof![Just(Value::Null), Just(Value::Unknown), Just(Value::from("x")), Just(Value::from("y"))];
    let member = (text(), text()).prop_map(|(schema, name)| Value::object([("schema", schema), ("name", name)]));
    let tables = prop_oneof![
        Just(Value::Null),
        Just(Value::Unknown),
        prop::collection::vec(member, 0..3).prop_map(|items| Value::Set(items.into_iter().collect()))
    ];
    let inner =
        prop_oneof![Just(Value::Null), text().prop_map(|size| Value::object([("size", size), ("at", Value::Null)]))];
    (text(), text(), tables, inner, text()).prop_map(|(name, branch, tables, inner, note)| {
        object(&[("name", name), ("branch", branch), ("tables", tables), ("box", inner), ("note", note)])
    })
}

/// Whether a planned value says what configuration says, wherever it says anything.
fn follows(config: &Value, planned: &Value) -> bool {
    match (config, planned) {
        (Value::Null, _) => true,
        (Value::Object(config), Value::Object(planned)) => {
            config.iter().all(|(name, it)| follows(it, planned.get(name).unwrap_or(&Value::Null)))
        }
        (Value::Set(config), Value::Set(planned)) => {
            config.len() == planned.len() && config.iter().all(|it| planned.iter().any(|member| follows(it, member)))
        }
        (config, planned) => config == planned,
    }
}

proptest! {
    #[test]
    fn a_plan_follows_configuration_and_planning_again_changes_nothing(first in any_config(), second in any_config()) {
        let run = |prior: Value, config: &Value| plan(&schema(), prior, config.clone(), |_| Ok(()));
        let Ok(created) = run(Value::Null, &first) else { return Ok(()) };
        let created = created.planned.unwrap();
        prop_assert!(follows(&first, &created));
        prop_assert!(schema().object_type().conform(created.clone()).is_ok());
        // Terraform plans again during apply with the same prior value: the same must come out.
        prop_assert_eq!(run(Value::Null, &first).unwrap().planned.unwrap(), created.clone());
        let state = created.unknown_as_null();
        if let Ok(updated) = run(state.clone(), &second) {
            prop_assert!(follows(&second, updated.planned.as_ref().unwrap()));
            for path in &updated.requires_replace {
                let Some(crate::value::path::Step::Attribute(name)) = path.steps().first() else { panic!("{path}") };
                prop_assert!(!state.get(name).unwrap().is_null());
            }
        }
        if first.is_wholly_known() {
            prop_assert_eq!(run(state, &first).unwrap().action(), Action::Nothing);
        }
    }
}

#[test]
fn a_list_of_strings_is_taken_as_it_is() {
    let schema = Schema::new("").attribute("list", list_of(Type::String).optional());
    let object = |items: Vec<Value>| Value::object([("list", Value::List(items))]);
    let config = object(vec!["b".into(), Value::Unknown]);
    let plan = plan(&schema, object(vec!["a".into()]), config.clone(), |_| Ok(())).unwrap();
    assert_eq!(plan.planned, Some(config));
}
