//! Which layer may name which.

use std::collections::BTreeMap;

use super::{Named, module_path, root, sources};

/// Layer → layers it may name; itself always.
const LAYERS: &[(&str, &[&str])] = &[
    ("secret", &[]),
    ("single_flight", &[]),
    ("neon", &["secret", "single_flight"]),
    ("postgres", &["secret"]),
    ("target", &["neon", "postgres", "secret", "single_flight"]),
    ("checks", &["destinations", "neon", "postgres"]),
    ("handler", &["checks", "target", "neon", "postgres", "secret"]),
    ("destinations", &[]),
    ("guides", &["destinations", "checks"]),
    ("resources", &["handler", "checks", "target", "neon", "postgres", "secret"]),
    ("data_sources", &["handler", "checks", "destinations", "target", "neon", "postgres", "secret"]),
    ("ephemeral", &["handler", "target", "neon", "postgres", "secret"]),
    ("functions", &[]),
    (
        "provider",
        &[
            "resources",
            "data_sources",
            "ephemeral",
            "functions",
            "handler",
            "checks",
            "target",
            "neon",
            "postgres",
            "secret",
        ],
    ),
];

/// Layers that do not know Terraform, and what they may name of the framework all the same. Each secret is remembered where it
/// is created, so that no log line can show it whoever writes the line: a layer above could forget one.
const WITHOUT_TERRAFORM: &[(&str, Option<&str>)] =
    &[("secret", Some("tfplugin::secrets::remember")), ("single_flight", None), ("neon", None), ("postgres", None)];

#[test]
fn layers_name_only_what_they_may() {
    let allowed: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (file, text) in sources("src") {
        let module = module_path(&file);
        let Some(layer) = module.first() else { continue };
        if module.iter().any(|it| it == "on_servers") {
            continue; // tests, with all that they need to connect
        }
        let Some(may) = allowed.get(layer.as_str()) else {
            wrong.push(format!("{}: `{layer}` is no layer of the table", file.display()));
            continue;
        };
        let without = WITHOUT_TERRAFORM.iter().find(|(it, _)| it == layer);
        let rest = without.map(|(_, except)| except.map_or_else(|| text.clone(), |it| text.replace(it, "")));
        if rest.is_some_and(|it| it.contains("tfplugin::")) {
            wrong.push(format!("{}: names `tfplugin`", file.display()));
        }
        for named in Named::of(&file, &text) {
            let other = named[0].as_str();
            if other == layer || !allowed.contains_key(other) {
                continue; // a macro of the crate's root, or the layer itself
            }
            if !may.contains(&other) {
                wrong.push(format!("{}: names `{}`", file.display(), named.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn resources_do_not_name_one_another() {
    let mut wrong = Vec::new();
    for (file, text) in sources("src") {
        let module = module_path(&file);
        let (Some(layer), Some(unit)) = (module.first(), module.get(1)) else { continue };
        if layer != "resources" && layer != "data_sources" && layer != "ephemeral" {
            continue;
        }
        for named in Named::of(&file, &text) {
            let Some(other) = named.get(1).filter(|other| named[0] == *layer && *other != unit) else { continue };
            if root().join(format!("src/{layer}/{other}/page.md")).is_file() {
                wrong.push(format!("{}: names `{}`; what two share is below them", file.display(), named.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
