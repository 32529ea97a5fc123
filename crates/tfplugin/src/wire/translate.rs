//! Between Terraform's messages and the framework's types. Values stay encoded: decoding needs a schema.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::kinds::function::{Parameter, Signature};
use crate::printable;
use crate::schema::{Attribute, Kind, Nesting, Rule, Schema, describe};
use crate::server::{ClientCapabilities, Encoded, FunctionRefusal};
use crate::value::path::{AttributePath, Step};
use crate::value::types::Type;
use crate::wire::generated::tfplugin6::{self as proto, attribute_path, schema as wire};

/// An absent value is null.
pub(super) fn encoded(value: Option<proto::DynamicValue>) -> Encoded {
    value.map(|it| Encoded { msgpack: it.msgpack, json: it.json }).unwrap_or_default()
}

/// A value for the wire.
pub(super) fn dynamic(value: Encoded) -> proto::DynamicValue {
    proto::DynamicValue { msgpack: value.msgpack, json: value.json }
}

/// An identity; one that is left out is null.
pub(super) fn identity_encoded(identity: proto::ResourceIdentityData) -> Encoded {
    encoded(identity.identity_data)
}

/// An identity for the wire.
pub(super) fn identity_data(identity: Encoded) -> proto::ResourceIdentityData {
    proto::ResourceIdentityData { identity_data: Some(dynamic(identity)) }
}

/// What the client offers; nothing, if it does not say.
pub(super) fn capabilities(offered: Option<proto::ClientCapabilities>) -> ClientCapabilities {
    let offered = offered.unwrap_or_default();
    ClientCapabilities {
        deferral_allowed: offered.deferral_allowed,
        write_only_attributes_allowed: offered.write_only_attributes_allowed,
    }
}

/// What we offer. `GetProviderSchema` is optional: each call works in a process that was never asked for it.
pub(super) fn server_capabilities() -> proto::ServerCapabilities {
    proto::ServerCapabilities {
        plan_destroy: true,
        get_provider_schema_optional: true,
        move_resource_state: true,
        generate_resource_config: false,
    }
}

/// More messages than anybody reads make an answer that no terminal can show.
const MOST_MESSAGES: usize = 200;

/// Messages for the wire, in their order. What there is beyond the first two hundred is counted.
pub(super) fn diagnostics(all: Diagnostics) -> Vec<proto::Diagnostic> {
    let count = all.iter().count();
    let has_errors = all.has_errors();
    let mut shown: Vec<_> = all.into_iter().take(MOST_MESSAGES).map(|it| diagnostic(&it)).collect();
    if count > MOST_MESSAGES {
        let rest = format!("There are {} more messages, which are not shown.", count - MOST_MESSAGES);
        let summary = "More messages are not shown";
        // An error among those that are left out is still an error.
        let severity = if has_errors { Severity::Error } else { Severity::Warning };
        shown.push(diagnostic(&Diagnostic { severity, ..Diagnostic::error(summary, rest) }));
    }
    shown
}

/// One message for the wire: the only way by which text leaves the process towards the terminal.
pub(super) fn diagnostic(message: &Diagnostic) -> proto::Diagnostic {
    let severity = match message.severity {
        Severity::Error => proto::diagnostic::Severity::Error,
        Severity::Warning => proto::diagnostic::Severity::Warning,
    };
    proto::Diagnostic {
        severity: severity.into(),
        summary: printable::line(&message.summary, printable::SUMMARY_BYTES),
        detail: printable::lines(&message.detail, printable::DETAIL_BYTES),
        attribute: (!message.path.is_root()).then(|| path(&message.path)),
    }
}

/// The message on a panic in a handler.
pub(super) fn panicked(text: &str) -> proto::Diagnostic {
    diagnostic(&Diagnostic::bug(format_args!("The operation panicked: {text}")))
}

/// A path for the wire.
pub(super) fn path(path: &AttributePath) -> proto::AttributePath {
    use attribute_path::step::Selector;
    let selector = |step: &Step| match step {
        Step::Attribute(name) => Selector::AttributeName(name.clone()),
        Step::Index(index) => Selector::ElementKeyInt(*index),
        Step::Key(key) => Selector::ElementKeyString(key.clone()),
    };
    let steps = path.steps().iter().map(|it| attribute_path::Step { selector: Some(selector(it)) }).collect();
    proto::AttributePath { steps }
}

/// A path for the log.
pub(super) fn path_text(path: &proto::AttributePath) -> String {
    use attribute_path::step::Selector;
    let back = path.steps.iter().filter_map(|it| it.selector.as_ref()).fold(AttributePath::root(), |path, selector| {
        match selector {
            Selector::AttributeName(name) => path.attribute(name),
            Selector::ElementKeyInt(index) => path.index(*index),
            Selector::ElementKeyString(key) => path.key(key),
        }
    });
    back.to_string()
}

/// A schema for the wire.
pub(super) fn schema(schema: &Schema) -> proto::Schema {
    proto::Schema {
        version: schema.version,
        block: Some(wire::Block {
            attributes: attributes(&schema.attributes, &schema.rules),
            description: schema.prose.to_owned(),
            description_kind: proto::StringKind::Markdown.into(),
            ..wire::Block::default()
        }),
    }
}

/// The schema of a configuration that comes to no value, as those of actions and lists: nothing in it is computed, and
/// defaults are the framework's own.
pub(super) fn config_schema(of: &Schema) -> proto::Schema {
    fn arguments(all: &mut [wire::Attribute]) {
        for it in all {
            it.computed = false;
            it.nested_type.iter_mut().for_each(|nested| arguments(&mut nested.attributes));
        }
    }
    let mut schema = schema(of);
    schema.block.iter_mut().for_each(|block| arguments(&mut block.attributes));
    schema
}

/// The identity of a resource for the wire, if its schema has one.
pub(super) fn identity_schema(schema: &Schema) -> Option<proto::ResourceIdentitySchema> {
    let identity = schema.identity.as_ref()?;
    let attribute = |name: &str, required: bool| {
        let of = schema.attributes.get(name);
        let value_type = of.map_or(Type::String, Attribute::value_type);
        proto::resource_identity_schema::IdentityAttribute {
            name: name.to_owned(),
            r#type: value_type.to_json().to_string().into_bytes(),
            required_for_import: required,
            optional_for_import: !required,
            description: of.map(|it| it.doc.clone()).unwrap_or_default(),
        }
    };
    let required = identity.required.iter().map(|name| attribute(name, true));
    let optional = identity.optional.iter().map(|name| attribute(name, false));
    Some(proto::ResourceIdentitySchema {
        version: identity.version,
        identity_attributes: required.chain(optional).collect(),
    })
}

/// Functions for the wire, by name.
pub(super) fn functions<B: FromIterator<(String, proto::Function)>>(all: Vec<(String, Signature)>) -> B {
    all.into_iter().map(|(name, it)| (name, function(&it))).collect()
}

fn function(signature: &Signature) -> proto::Function {
    proto::Function {
        parameters: signature.parameters.iter().map(parameter).collect(),
        variadic_parameter: signature.variadic.as_ref().map(parameter),
        r#return: Some(proto::function::Return { r#type: signature.returns.to_json().to_string().into_bytes() }),
        summary: signature.summary.to_owned(),
        description: signature.prose.to_owned(),
        description_kind: proto::StringKind::Markdown.into(),
        deprecation_message: String::new(),
    }
}

fn parameter(it: &Parameter) -> proto::function::Parameter {
    proto::function::Parameter {
        name: it.name.to_owned(),
        r#type: it.of.to_json().to_string().into_bytes(),
        allow_null_value: it.nullable,
        allow_unknown_values: false,
        description: it.doc.to_owned(),
        description_kind: proto::StringKind::Markdown.into(),
    }
}

/// An error of a function for the wire.
pub(super) fn function_error(refusal: &FunctionRefusal) -> proto::FunctionError {
    proto::FunctionError {
        text: printable::lines(&refusal.text, printable::DETAIL_BYTES),
        function_argument: refusal.argument.and_then(|it| i64::try_from(it).ok()),
    }
}

fn attributes(all: &BTreeMap<String, Attribute>, rules: &[Rule]) -> Vec<wire::Attribute> {
    all.iter().map(|(name, it)| attribute(name, it, rules)).collect()
}

/// `rules` are those between the attributes of the same object.
fn attribute(name: &str, attribute: &Attribute, rules: &[Rule]) -> wire::Attribute {
    let (simple, nested) = match &attribute.kind {
        Kind::Type(it) => (it.to_json().to_string().into_bytes(), None),
        Kind::Nested(nesting, inner) => {
            let object = wire::Object {
                attributes: attributes(inner, &[]),
                nesting: self::nesting(*nesting).into(),
                ..wire::Object::default()
            };
            (Vec::new(), Some(object))
        }
    };
    wire::Attribute {
        name: name.to_owned(),
        r#type: simple,
        nested_type: nested,
        description: describe::attribute(name, attribute, rules),
        required: attribute.required,
        optional: attribute.optional,
        computed: attribute.computed,
        sensitive: attribute.sensitive,
        description_kind: proto::StringKind::Markdown.into(),
        deprecated: attribute.deprecated.is_some(),
        write_only: attribute.write_only,
        deprecation_message: attribute.deprecated.unwrap_or_default().to_owned(),
    }
}

fn nesting(nesting: Nesting) -> wire::object::NestingMode {
    match nesting {
        Nesting::Single => wire::object::NestingMode::Single,
        Nesting::List => wire::object::NestingMode::List,
        Nesting::Set => wire::object::NestingMode::Set,
        Nesting::Map => wire::object::NestingMode::Map,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{set_of, set_of_objects, string};

    #[test]
    fn a_path_survives_and_the_root_is_absent() {
        let at = AttributePath::root().attribute("tables").index(2).attribute("tags").key("k");
        assert_eq!(path_text(&path(&at)), at.to_string());
        let there = diagnostic(&Diagnostic::error("s", "d").at(at));
        assert_eq!(there.attribute.map(|it| it.steps.len()), Some(4));
        let root = diagnostic(&Diagnostic::warning("s", "d"));
        assert_eq!((root.severity, root.attribute), (2, None));
    }

    #[test]
    fn foreign_text_reaches_the_terminal_harmless() {
        crate::secrets::remember("a key that the API repeats");
        let sent = diagnostic(&Diagnostic::error(
            "Table \u{1b}[2J\nx",
            format!("said: a key that the API repeats\n\u{202e}{}", "y".repeat(1 << 20)),
        ));
        assert_eq!(sent.summary, "Table \\u{1b}[2J x");
        assert!(sent.detail.starts_with("said: (sensitive value)\n\\u{202e}yyy"), "{}", &sent.detail[..80]);
        assert!(sent.detail.ends_with(" more bytes)") && sent.detail.len() < 20_000);
    }

    #[test]
    fn messages_without_end_are_counted() {
        let many = |error_at: usize| -> Vec<proto::Diagnostic> {
            diagnostics(
                (0..500)
                    .map(|it| {
                        if it == error_at {
                            Diagnostic::error(format!("{it}"), "")
                        } else {
                            Diagnostic::warning(format!("{it}"), "")
                        }
                    })
                    .collect(),
            )
        };
        let sent = many(usize::MAX);
        assert_eq!((sent.len(), sent[200].severity, sent[200].detail.contains("300 more")), (201, 2, true));
        assert_eq!(many(499)[200].severity, 1);
    }

    #[test]
    fn schemas_carry_types_or_nested_attributes_never_both() {
        let of = Schema::new("Prose.")
            .attribute("name", string().required().doc("Name."))
            .attribute("publish", set_of(Type::String).optional().sensitive())
            .attribute("tables", set_of_objects([("schema", string().default("public").doc("Schema."))]).optional())
            .rule(Rule::Requires("publish", "tables"));
        let block = schema(&of).block.unwrap();
        let [name, publish, tables] = &block.attributes[..] else { panic!("{} attributes", block.attributes.len()) };
        assert_eq!((block.description.as_str(), block.description_kind()), ("Prose.", proto::StringKind::Markdown));
        assert_eq!((name.name.as_str(), name.r#type.as_slice(), name.required), ("name", &br#""string""#[..], true));
        assert_eq!((publish.r#type.as_slice(), publish.sensitive), (&br#"["set","string"]"#[..], true));
        let nested = tables.nested_type.as_ref().unwrap();
        assert!(tables.r#type.is_empty());
        assert_eq!(nested.nesting(), wire::object::NestingMode::Set);
        assert_eq!(nested.attributes[0].description, "Schema. Defaults to `public`.");
        assert_eq!(publish.description.trim(), "Needs `tables`.");
        assert!(nested.attributes[0].optional && nested.attributes[0].computed);
    }
}
