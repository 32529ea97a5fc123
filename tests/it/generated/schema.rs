//! The schemas: what the code, the prose and the real CLI say of them is the same.

use std::collections::{BTreeMap, BTreeSet};

use tfplugin::schema::{Attribute, Kind, Nesting, Role, Schema};
use tfplugin::{Provider, Type};

use neonrep::Neonrep;
use serde_json::{Value, json};

use super::{Named, data_sources, ephemeral_resources, resources};
use crate::architecture::{module_path, prose, sources};
use crate::support::terraform::Workspace;

fn short(name: &str) -> String {
    name.trim_start_matches("neonrep_").to_owned()
}

#[test]
fn each_registered_type_has_prose_and_each_prose_a_type() {
    let names = |types: Vec<Named>| -> BTreeSet<String> { types.iter().map(|(name, _)| short(name)).collect() };
    assert_eq!(names(resources()), prose("src/resources"));
    assert_eq!(names(data_sources()), prose("src/data_sources"));
    assert_eq!(names(ephemeral_resources()), prose("src/ephemeral"));
}

/// Attribute names written in `path!(…)`, dotted ones in parts.
fn paths_in(text: &str) -> Vec<String> {
    let starts = text.match_indices("path!(").map(|(at, found)| at + found.len());
    starts.filter_map(|at| text[at..].split_once(')').map(|(inside, _)| inside.replace([' ', '\n'], ""))).collect()
}

fn has(attributes: &BTreeMap<String, Attribute>, path: &str) -> bool {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    match (attributes.get(first).map(|it| &it.kind), rest) {
        (None, _) | (Some(Kind::Type(_)), Some(_)) => false,
        (Some(_), None) => true,
        (Some(Kind::Nested(_, inner)), Some(rest)) => has(inner, rest),
    }
}

#[test]
fn paths_exist_in_the_schema() {
    let mut looked_at = 0;
    let mut wrong = Vec::new();
    for (folder, types) in
        [("resources", resources()), ("data_sources", data_sources()), ("ephemeral", ephemeral_resources())]
    {
        for (name, schema) in types {
            let ours = |file: &std::path::Path| module_path(file).get(1).is_some_and(|it| *it == short(name));
            for (file, text) in sources(&format!("src/{folder}")).into_iter().filter(|(file, _)| ours(file)) {
                for path in paths_in(&text) {
                    looked_at += 1;
                    if !has(&schema.attributes, &path) {
                        wrong.push(format!("{}: `{name}` has no `{path}`", file.display()));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(looked_at > 0, "no path!() was found: nothing was looked at");
}

#[test]
fn models_agree_with_schemas() {
    for it in Neonrep::resources() {
        assert_eq!(it.agrees(), Ok(()), "{}", it.type_name());
    }
    for it in Neonrep::data_sources() {
        assert_eq!(it.agrees(), Ok(()), "{}", it.type_name());
    }
    for it in Neonrep::ephemeral_resources() {
        assert_eq!(it.agrees(), Ok(()), "{}", it.type_name());
    }
    for it in Neonrep::functions() {
        assert_eq!(it.agrees(), Ok(()), "{}", it.name());
    }
}

#[test]
fn each_parameter_is_described_and_each_example_calls_its_function() {
    let functions = Neonrep::functions();
    assert!(!functions.is_empty(), "there are no functions: nothing was looked at");
    for it in functions {
        for parameter in &it.signature().parameters {
            assert!(parameter.doc.ends_with('.'), "{}: `{}` has no description", it.name(), parameter.name);
        }
        let file = format!("{}/examples/functions/{}/function.tf", env!("CARGO_MANIFEST_DIR"), it.name());
        let example = std::fs::read_to_string(file).expect("an example");
        assert!(example.contains(&format!("provider::neonrep::{}(", it.name())), "{}: {example}", it.name());
    }
}

#[test]
fn terraform_takes_the_schemas() {
    assert_eq!(Neonrep::schema().check(Role::Provider), Ok(()));
    for (types, role) in
        [(resources(), Role::Resource), (data_sources(), Role::DataSource), (ephemeral_resources(), Role::Ephemeral)]
    {
        for (name, schema) in types {
            assert_eq!(schema.check(role), Ok(()), "{name}");
        }
    }
}

fn walk(attributes: &BTreeMap<String, Attribute>, at: &str, visit: &mut dyn FnMut(&str, &Attribute)) {
    for (name, attribute) in attributes {
        let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        visit(&path, attribute);
        if let Kind::Nested(_, inner) = &attribute.kind {
            walk(inner, &path, visit);
        }
    }
}

#[test]
fn each_attribute_is_described_once() {
    let mut wrong = Vec::new();
    let provider = vec![("the provider", Neonrep::schema())];
    for (name, schema) in provider.into_iter().chain(resources()).chain(data_sources()).chain(ephemeral_resources()) {
        let mut seen = BTreeMap::new();
        walk(&schema.attributes, "", &mut |path, attribute| {
            if !attribute.doc.ends_with('.') {
                wrong.push(format!("{name}: `{path}` has no description that ends with a period"));
            }
            if let Some(other) = seen.insert(attribute.doc.clone(), path.to_owned()) {
                wrong.push(format!("{name}: `{path}` and `{other}` have the same description"));
            }
        });
        if schema.prose.trim().is_empty() {
            wrong.push(format!("{name}: no prose"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn wire_type(it: &Type) -> Value {
    match it {
        Type::Bool => json!("bool"),
        Type::Number => json!("number"),
        Type::String => json!("string"),
        Type::Dynamic => json!("dynamic"),
        Type::List(inner) => json!(["list", wire_type(inner)]),
        Type::Set(inner) => json!(["set", wire_type(inner)]),
        Type::Map(inner) => json!(["map", wire_type(inner)]),
        Type::Tuple(inner) => json!(["tuple", inner.iter().map(wire_type).collect::<Vec<_>>()]),
        Type::Object(inner) => {
            let attributes: BTreeMap<_, _> = inner.iter().map(|(name, it)| (name.clone(), wire_type(it))).collect();
            json!(["object", attributes])
        }
    }
}

/// What the CLI prints of an attribute, from our schema.
fn expected(attributes: &BTreeMap<String, Attribute>) -> Value {
    let one = |attribute: &Attribute| {
        let mut shown = match &attribute.kind {
            Kind::Type(it) => json!({ "type": wire_type(it) }),
            Kind::Nested(nesting, inner) => {
                let mode = match nesting {
                    Nesting::Single => "single",
                    Nesting::List => "list",
                    Nesting::Set => "set",
                    Nesting::Map => "map",
                };
                json!({ "nested_type": { "attributes": expected(inner), "nesting_mode": mode } })
            }
        };
        let flags = [
            ("required", attribute.required),
            ("optional", attribute.optional),
            ("computed", attribute.computed),
            ("sensitive", attribute.sensitive),
            ("write_only", attribute.write_only),
            ("deprecated", attribute.deprecated.is_some()),
        ];
        for (name, on) in flags {
            if on {
                shown[name] = json!(true);
            }
        }
        shown
    };
    attributes.iter().map(|(name, attribute)| (name.clone(), one(attribute))).collect::<serde_json::Map<_, _>>().into()
}

/// What the CLI printed, texts taken away: how they are shown is the business of the pages.
fn without_texts(shown: &Value) -> Value {
    match shown {
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, value)| {
                !(matches!(name.as_str(), "description" | "description_kind") && value.is_string())
            });
            Value::Object(kept.map(|(name, value)| (name.clone(), without_texts(value))).collect())
        }
        other => other.clone(),
    }
}

#[test]
fn the_cli_sees_the_schemas_that_we_have() {
    let workspace = Workspace::bare();
    workspace.write("");
    let shown = workspace.run(&["providers", "schema", "-json"]).expect_success().json();
    let address = shown["provider_schemas"].as_object().expect("schemas").keys().next().expect("a provider").clone();
    assert!(address.ends_with("/neonrep/neonrep"), "{address}");
    let shown = &shown["provider_schemas"][&address];
    let compare = |what: &str, shown: &Value, schema: &Schema| {
        assert_eq!(shown["version"], schema.version, "{what}");
        let attributes = without_texts(&shown["block"]["attributes"]);
        let expected = expected(&schema.attributes);
        assert_eq!(attributes, expected, "{what}");
        assert!(shown["block"].get("block_types").is_none(), "{what}: blocks are not used");
        walk(&schema.attributes, "", &mut |path, attribute| {
            if !path.contains('.') {
                let text = shown["block"]["attributes"][path]["description"].as_str().unwrap_or_default();
                assert!(text.starts_with(&attribute.doc), "{what}: {path} is described as {text:?}");
            }
        });
    };
    compare("provider", &shown["provider"], &Neonrep::schema());
    for (kind, types) in [
        ("resource_schemas", resources()),
        ("data_source_schemas", data_sources()),
        ("ephemeral_resource_schemas", ephemeral_resources()),
    ] {
        let there = shown[kind].as_object().map(|it| it.keys().cloned().collect()).unwrap_or_default();
        let ours: Vec<String> = types.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(ours, Vec::<String>::from_iter(BTreeSet::<String>::from_iter::<Vec<String>>(there)), "{kind}");
        for (name, schema) in &types {
            compare(name, &shown[kind][*name], schema);
        }
    }
}

#[test]
fn paths_are_read_from_code() {
    assert_eq!(paths_in("x(path!(a), path!(b . c))"), ["a", "b.c"]);
    assert!(!has(&BTreeMap::new(), "a"));
}
