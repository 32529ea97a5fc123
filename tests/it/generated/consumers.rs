//! The modules `consumer/` of the guides use only arguments that their providers have, and the pages call them rightly.
//!
//! Those providers are not needed here. `terraform validate` would not be enough: it accepts any key in a map and in
//! `jsonencode`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use hcl::expr::{Expression, ObjectKey};
use hcl::structure::{Block, Body, Structure};

use super::consumer_arguments::{RESOURCES, Resource};
use crate::support::terraform::Workspace;

/// Arguments that every resource takes.
const META: &[&str] = &["for_each", "count", "depends_on", "lifecycle", "provider"];

fn guides() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/guides")
}

/// Guides that have a module for their consumer, and what its files say.
fn modules() -> BTreeMap<String, Body> {
    let mut found = BTreeMap::new();
    for guide in fs::read_dir(guides()).expect("the guides").flatten() {
        let folder = guide.path().join("consumer");
        let Ok(files) = fs::read_dir(&folder) else { continue };
        let mut structures = Vec::new();
        for file in files.flatten().map(|it| it.path()) {
            let text = fs::read_to_string(&file).expect("text");
            let body = hcl::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            structures.extend(body);
        }
        found.insert(guide.file_name().to_string_lossy().into_owned(), Body::from_iter(structures));
    }
    found
}

fn label(block: &Block, at: usize) -> &str {
    block.labels().get(at).map_or("", |it| it.as_str())
}

fn blocks<'a>(body: &'a Body, kind: &'a str) -> impl Iterator<Item = &'a Block> {
    body.blocks().filter(move |it| it.identifier() == kind)
}

/// Paths of all arguments in a body, through blocks, objects, lists and function calls.
fn paths(body: &Body, above: &str, found: &mut BTreeSet<String>) {
    for it in body {
        match it {
            Structure::Attribute(it) => {
                let path = below(above, it.key());
                expression(it.expr(), &path, found);
                found.insert(path);
            }
            Structure::Block(it) if it.identifier() == "dynamic" => {
                let path = below(above, label(it, 0));
                blocks(it.body(), "content").for_each(|content| paths(content.body(), &path, found));
                found.insert(path);
            }
            Structure::Block(it) => {
                let path = below(above, it.identifier());
                paths(it.body(), &path, found);
                found.insert(path);
            }
        }
    }
}

fn expression(it: &Expression, above: &str, found: &mut BTreeSet<String>) {
    match it {
        Expression::Object(object) => {
            for (key, value) in object {
                let key = match key {
                    ObjectKey::Identifier(it) => it.to_string(),
                    ObjectKey::Expression(Expression::String(it)) => it.clone(),
                    other => panic!("a key that is computed: {other}"),
                };
                let path = below(above, &key);
                expression(value, &path, found);
                found.insert(path);
            }
        }
        Expression::Array(items) => items.iter().for_each(|it| expression(it, above, found)),
        Expression::FuncCall(call) => call.args.iter().for_each(|it| expression(it, above, found)),
        Expression::ForExpr(it) => expression(&it.value_expr, above, found),
        Expression::Parenthesis(it) => expression(it, above, found),
        _ => {}
    }
}

fn below(above: &str, name: &str) -> String {
    if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") }
}

/// What is wrong with the arguments of one resource.
fn wrong(used: &BTreeSet<String>, resource: &Resource) -> Vec<String> {
    let known: BTreeSet<&str> = resource.arguments.iter().map(|it| it.trim_end_matches('!')).collect();
    let meta = |it: &str| META.contains(&it.split('.').next().unwrap_or_default());
    let unknown = used.iter().filter(|it| !known.contains(it.as_str()) && !meta(it));
    let mut found: Vec<String> = unknown.map(|it| format!("{}.{it} is no argument", resource.name)).collect();
    for required in resource.arguments.iter().filter_map(|it| it.strip_suffix('!')) {
        // The longest known path above it: names of connector options have dots.
        let parent = known.iter().filter(|it| required.strip_prefix(**it).is_some_and(|rest| rest.starts_with('.')));
        let parent = parent.max_by_key(|it| it.len());
        if parent.is_none_or(|it| used.contains(*it)) && !used.contains(required) {
            found.push(format!("{}.{required} is not set", resource.name));
        }
    }
    found
}

#[test]
fn consumers_use_arguments_that_their_providers_have() {
    let mut found = Vec::new();
    let mut used_types = BTreeSet::new();
    for (guide, body) in modules() {
        for block in body.blocks() {
            assert!(
                matches!(block.identifier(), "terraform" | "variable" | "resource" | "output"),
                "{guide}: a block `{}`, which nobody looks at",
                block.identifier()
            );
        }
        for block in blocks(&body, "resource") {
            let kind = label(block, 0).to_owned();
            let Some(resource) = RESOURCES.iter().find(|it| it.name == kind) else {
                found.push(format!("{guide}: {kind} is not in the table"));
                continue;
            };
            let mut used = BTreeSet::new();
            paths(block.body(), "", &mut used);
            found.extend(wrong(&used, resource).into_iter().map(|it| format!("{guide}: {it}")));
            used_types.insert(kind);
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    let table: BTreeSet<String> = RESOURCES.iter().map(|it| it.name.to_owned()).collect();
    assert_eq!(used_types, table, "the table holds what the modules use");
}

/// The block of code in which a page calls the module: `module "…" { … }`, and variables for it.
fn call(guide: &str) -> Option<Body> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/guides/{guide}.md"));
    let page = fs::read_to_string(page).unwrap_or_default();
    let code = page.split("```terraform\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let mut bodies = code.filter_map(|it| hcl::parse(it).ok());
    bodies.find(|it| blocks(it, "module").next().is_some())
}

/// Variables, locals, resources and data sources of a configuration, as expressions name them.
fn declared(body: &Body) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for block in body.blocks() {
        match block.identifier() {
            "variable" => found.extend([format!("var.{}", label(block, 0))]),
            "locals" => found.extend(block.body().attributes().map(|it| format!("local.{}", it.key()))),
            "resource" => found.extend([format!("{}.{}", label(block, 0), label(block, 1))]),
            "data" => found.extend([format!("data.{}.{}", label(block, 0), label(block, 1))]),
            _ => {}
        }
    }
    found
}

/// What a text refers to among variables, locals and what the provider has. Resources of others are the reader's own.
fn referred(text: &str) -> BTreeSet<String> {
    let word = |it: char| it.is_alphanumeric() || matches!(it, '_' | '-' | '.');
    let parts = text.split(|it| !word(it)).map(|it| it.split('.').collect::<Vec<&str>>());
    let names = parts.filter_map(|it| match it[..] {
        ["var" | "local", ..] => it.get(..2).map(|it| it.join(".")),
        ["data", kind, ..] if kind.starts_with("neonrep_") => it.get(..3).map(|it| it.join(".")),
        [kind, ..] if kind.starts_with("neonrep_") => it.get(..2).map(|it| it.join(".")),
        _ => None,
    });
    names.collect()
}

#[test]
fn calls_of_the_modules_refer_to_what_is_declared() {
    for guide in modules().into_keys() {
        let call = call(&guide).unwrap_or_else(|| panic!("docs/guides/{guide}.md shows no call of the module"));
        let main = fs::read_to_string(guides().join(&guide).join("main.tf")).expect("an example");
        let mut known = declared(&hcl::parse(&main).expect("a configuration"));
        known.extend(declared(&call));
        let used = referred(&hcl::to_string(&call).expect("text"));
        let unknown: Vec<&String> = used.difference(&known).collect();
        assert!(unknown.is_empty(), "docs/guides/{guide}.md: {unknown:?} are declared nowhere");
    }
}

#[test]
fn pages_call_the_modules_with_what_they_take() {
    let modules = modules();
    assert!(modules.contains_key("databricks-lakeflow"), "no modules were found");
    for (guide, body) in &modules {
        let call = call(guide).and_then(|it| it.into_blocks().find(|it| it.identifier() == "module"));
        let call = call.unwrap_or_else(|| panic!("docs/guides/{guide}.md shows no call of the module"));
        let given: BTreeSet<&str> =
            call.body().attributes().map(hcl::Attribute::key).filter(|it| *it != "source").collect();
        let names = |all: bool| {
            let variables = blocks(body, "variable");
            let wanted = variables.filter(|it| all || it.body().attributes().all(|one| one.key() != "default"));
            wanted.map(|it| label(it, 0)).collect::<BTreeSet<&str>>()
        };
        assert!(given.is_subset(&names(true)), "{guide}: {given:?} of {:?}", names(true));
        assert!(given.is_superset(&names(false)), "{guide}: {given:?}, needed {:?}", names(false));
        let source = call.body().attributes().find(|it| it.key() == "source").map(|it| it.expr().to_string());
        assert_eq!(source.as_deref(), Some("\"./consumer\""), "{guide}");
    }
}

/// Types of resources that read the slot once they exist, or create one of their own.
const READERS: &[&str] = &[
    "airbyte_connection",
    "clickhouse_clickpipe",
    "confluent_connector",
    "databricks_pipeline",
    "fivetran_connection",
    "materialize_source_postgres",
    "sequin_database",
];

/// What a reader comes after: the slot, or the publication where the consumer creates its slot. None if Neon is the target.
fn source(body: &Body) -> Option<&str> {
    let variables: Vec<&str> = blocks(body, "variable").map(|it| label(it, 0)).collect();
    ["slot_name", "slot_config", "publication_name"].into_iter().find(|it| variables.contains(it))
}

/// Resources (`type.name`) of a module that do not depend on the variable, neither directly nor through other resources.
fn independent(body: &Body, variable: &str) -> BTreeSet<String> {
    let mut waiting: BTreeMap<String, String> = BTreeMap::new();
    for block in blocks(body, "resource") {
        let text = hcl::to_string(block.body()).expect("text");
        waiting.insert(format!("{}.{}", label(block, 0), label(block, 1)), text);
    }
    let mut ordered = vec![format!("var.{variable}")];
    while let Some(known) = ordered.pop() {
        let found: Vec<String> =
            waiting.iter().filter(|(_, text)| refers(text, &known)).map(|(name, _)| name.clone()).collect();
        for name in found {
            waiting.remove(&name);
            ordered.push(name);
        }
    }
    waiting.into_keys().collect()
}

/// Whether the text refers to `what`, and not to something whose name only begins with it.
fn refers(text: &str, what: &str) -> bool {
    let word = |it: char| it.is_alphanumeric() || matches!(it, '_' | '-');
    text.match_indices(what).any(|(at, _)| {
        let (left, right) = (text[..at].chars().next_back(), text[at + what.len()..].chars().next());
        !left.is_some_and(|it| word(it) || it == '.') && !right.is_some_and(word)
    })
}

#[test]
fn readers_are_created_after_their_source_and_destroyed_before_it() {
    let mut checked = BTreeSet::new();
    for (guide, body) in modules() {
        let Some(variable) = source(&body) else { continue };
        let wrong = independent(&body, variable);
        let wrong: Vec<&String> = wrong.iter().filter(|it| READERS.iter().any(|one| kind(it) == *one)).collect();
        assert!(wrong.is_empty(), "{guide}: {wrong:?} do not depend on var.{variable}");
        checked.extend(blocks(&body, "resource").map(|it| label(it, 0).to_owned()));
    }
    let unused: Vec<&&str> = READERS.iter().filter(|it| !checked.contains(**it)).collect();
    assert!(unused.is_empty(), "no module uses {unused:?}");
}

fn kind(address: &str) -> &str {
    address.split('.').next().unwrap_or_default()
}

#[test]
fn order_goes_through_references_and_depends_on() {
    let text = r#"
        resource "a" "one" { x = var.slot_name }
        resource "a" "two" { x = a.one.id }
        resource "a" "three" { depends_on = [a.two] }
        resource "a" "on" { x = a.oneself.id }
        resource "a" "four" { x = var.slot_names }
        resource "b" "five" { x = a.on.id }
        resource "b" "six" { x = data.a.one }
    "#;
    let expected = ["a.four", "a.on", "b.five", "b.six"];
    let found = independent(&hcl::parse(text).expect("a body"), "slot_name");
    assert_eq!(found, expected.map(str::to_owned).into());
}

/// Supabase answers with IPv4 before IPv6, and its provider compares the lists as text: another order would be a difference in
/// each plan.
#[test]
fn supabase_restrictions_are_in_the_order_of_the_answer() {
    let modules = modules();
    let network = blocks(&modules["supabase"], "resource")
        .find(|it| label(it, 0) == "supabase_settings")
        .and_then(|it| it.body().attributes().find(|it| it.key() == "network").map(|it| it.expr().clone()))
        .expect("an argument");
    let workspace = Workspace::bare();
    workspace.write_file(
        "main.tf",
        &format!(
            r#"
variable "addresses" {{
  type    = set(string)
  default = ["3.4.5.6/32", "2001:db8::/32", "1.2.3.4/32"]
}}

output "network" {{
  value = jsondecode({network})
}}
"#
        ),
    );
    workspace.apply_once(&[]);
    let expected = serde_json::json!({ "restrictions": ["1.2.3.4/32", "3.4.5.6/32", "2001:db8::/32"] });
    assert_eq!(workspace.outputs()["network"]["value"], expected);
}

#[test]
fn paths_go_through_blocks_objects_and_calls() {
    let text = r#"
        a = jsonencode({ b = { "c.d" = 1 } })
        e { f = [for x in y : { g = x }] }
        dynamic "h" {
          for_each = z
          content {
            i { j = 1 }
          }
        }
    "#;
    let mut found = BTreeSet::new();
    paths(&hcl::parse(text).expect("a body"), "", &mut found);
    let expected = ["a", "a.b", "a.b.c.d", "e", "e.f", "e.f.g", "h", "h.i", "h.i.j"];
    assert_eq!(found, expected.map(str::to_owned).into());
    let resource = Resource { name: "r", arguments: &["a!", "a.b", "a.b.c.d!", "e", "h!", "k!"] };
    assert_eq!(
        wrong(&["a", "a.b", "e", "lifecycle", "lifecycle.x", "x"].map(str::to_owned).into(), &resource),
        ["r.x is no argument", "r.a.b.c.d is not set", "r.h is not set", "r.k is not set"]
    );
}
