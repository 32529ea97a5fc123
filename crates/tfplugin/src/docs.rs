//! Documentation pages in the form of the Terraform Registry, rendered from a schema. Text in, text out.
//!
//! Allowed values, defaults, replacement and rules come with each attribute's description, see [`crate::schema`]; prose
//! and attribute sentences do not repeat them.

mod function;
mod markdown;

pub use function::{FunctionPage, function_page};

use std::collections::BTreeMap;
use std::fmt::Write as _;

use markdown::{fenced, plain_summary, title_case};

use crate::schema::{Attribute, Kind, Nesting, Role, Rule, Schema, describe};
use crate::value::types::Type;

const WRITE_ONLY: &str = "https://developer.hashicorp.com/terraform/language/resources/ephemeral#write-only-arguments";
const IMPORT_BLOCK: &str = "https://developer.hashicorp.com/terraform/language/import";
const IMPORT_COMMAND: &str = "https://developer.hashicorp.com/terraform/cli/commands/import";

/// What one page is made of.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// What the page is about.
    pub role: Role,
    /// The full type name, `toy_thing`; for the provider its name.
    pub name: &'a str,
    /// The provider's name, `toy`.
    pub provider: &'a str,
    /// Attributes and prose.
    pub schema: &'a Schema,
    /// The heading of the navigation under which the page stands; empty for none.
    pub subcategory: &'a str,
    /// HCL of the example; empty for none.
    pub example: &'a str,
    /// HCL of an `import` block; empty for none.
    pub import_block: &'a str,
    /// The `terraform import` command; empty for none.
    pub import_command: &'a str,
}

/// Renders a page, with a final newline.
pub fn page(page: &Page<'_>) -> String {
    let mut text = front_matter(page);
    let _ = write!(text, "\n# {}\n\n{}\n", title(page), page.schema.prose.trim());
    if !page.example.is_empty() {
        let _ = write!(text, "\n## Example Usage\n\n{}", fenced("terraform", page.example));
    }
    text.push_str("\n## Schema\n");
    text.push_str(&schema(page.schema));
    text.push_str(&import(page));
    text
}

fn title(page: &Page<'_>) -> String {
    match page.role {
        Role::Provider => format!("{} Provider", page.provider),
        Role::Resource => format!("{} (Resource)", page.name),
        Role::DataSource => format!("{} (Data Source)", page.name),
        Role::Ephemeral => format!("{} (Ephemeral Resource)", page.name),
        Role::Action => format!("{} (Action)", page.name),
        Role::List => format!("{} (List Resource)", page.name),
    }
}

fn front_matter(page: &Page<'_>) -> String {
    let (kind, name, provider) = match page.role {
        Role::Provider => return provider_front_matter(page),
        Role::Resource => ("Resource", page.name, page.provider),
        Role::DataSource => ("Data Source", page.name, page.provider),
        Role::Ephemeral => ("Ephemeral Resource", page.name, page.provider),
        Role::Action => ("Action", page.name, page.provider),
        Role::List => ("List Resource", page.name, page.provider),
    };
    let (subcategory, description) = (page.subcategory, plain_summary(page.schema.prose));
    format!(
        "---\npage_title: \"{name} {kind} - {provider}\"\nsubcategory: \"{subcategory}\"\ndescription: |-\n  {description}\n---\n"
    )
}

/// An index has no subcategory.
fn provider_front_matter(page: &Page<'_>) -> String {
    let description = plain_summary(page.schema.prose);
    format!("---\npage_title: \"Provider: {}\"\ndescription: |-\n  {description}\n---\n", page.provider)
}

fn import(page: &Page<'_>) -> String {
    let mut text = String::new();
    let Some(form) = page.schema.import_id else { return text };
    let escapes =
        if form.contains('/') { " Within a part, `/` is written `%2F` and `%` is written `%25`." } else { "" };
    let _ = write!(text, "\n## Import\n\nThe id is `{form}`.{escapes}\n");
    if !page.import_block.is_empty() {
        let _ = write!(
            text,
            "\nIn Terraform v1.5.0 and later, an [`import` block]({IMPORT_BLOCK}) can be used with the `id`:\n\n{}",
            fenced("terraform", page.import_block)
        );
    }
    if !page.import_command.is_empty() {
        let _ = write!(
            text,
            "\nThe [`terraform import` command]({IMPORT_COMMAND}) can be used:\n\n{}",
            fenced("shell", page.import_command)
        );
    }
    text
}

fn schema(schema: &Schema) -> String {
    let mut below = String::new();
    let mut text = groups("### {}\n", &schema.attributes, "", &schema.rules, &mut below);
    text.push_str(&below);
    text
}

/// Whether an attribute stands in a list.
type Belongs = fn(&Attribute) -> bool;

/// The three lists of a set of attributes; what is nested goes to `below`, depth first.
fn groups(
    heading: &str,
    attributes: &BTreeMap<String, Attribute>,
    parent: &str,
    rules: &[Rule],
    below: &mut String,
) -> String {
    let mut text = String::new();
    let kinds: [(&str, Belongs); 3] = [
        ("Required", |it| it.required),
        ("Optional", |it| it.optional),
        ("Read-Only", |it| !it.required && !it.optional),
    ];
    for (name, belongs) in kinds {
        let mut lines = attributes.iter().filter(|(_, it)| belongs(it)).peekable();
        if lines.peek().is_some() {
            let _ = write!(text, "\n{}\n", heading.replace("{}", name));
        }
        for (name, attribute) in lines {
            let path = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
            text.push_str(&bullet(name, &path, attribute, rules));
            let mut deeper = String::new();
            let inner = match &attribute.kind {
                Kind::Nested(_, attributes) => groups("{}:\n", attributes, &path, &[], &mut deeper),
                Kind::Type(it) => match object_in(it) {
                    Some(attributes) => plain_attributes(attributes),
                    None => continue,
                },
            };
            let _ =
                write!(below, "\n<a id=\"{}\"></a>\n### Nested Schema for `{path}`\n{inner}{deeper}", anchor(&path));
        }
    }
    text
}

/// The attributes of the objects that a plain type holds.
fn object_in(it: &Type) -> Option<&BTreeMap<String, Type>> {
    match it {
        Type::Object(attributes) => Some(attributes),
        Type::List(element) | Type::Set(element) | Type::Map(element) => object_in(element),
        _ => None,
    }
}

/// Only what is read has plain types: what is set has nested attributes, each with its own sentences.
fn plain_attributes(attributes: &BTreeMap<String, Type>) -> String {
    let mut text = "\nRead-Only:\n\n".to_owned();
    for (name, it) in attributes {
        let _ = writeln!(text, "- `{name}` ({})", title_case(&it.name()));
    }
    text
}

fn anchor(path: &str) -> String {
    format!("nestedatt--{}", path.replace('.', "--"))
}

fn bullet(name: &str, path: &str, attribute: &Attribute, rules: &[Rule]) -> String {
    let mut kind = type_name(attribute);
    if attribute.sensitive {
        kind.push_str(", Sensitive");
    }
    if attribute.deprecated.is_some() {
        kind.push_str(", Deprecated");
    }
    if attribute.write_only {
        let _ = write!(kind, ", [Write-only]({WRITE_ONLY})");
    }
    let mut text = format!("- `{name}` ({kind}) {}", describe::attribute(name, attribute, rules));
    let nested = match &attribute.kind {
        Kind::Nested(..) => true,
        Kind::Type(it) => object_in(it).is_some(),
    };
    if nested {
        let _ = write!(text, " (see [below for nested schema](#{}))", anchor(path));
    }
    text.push('\n');
    text
}

fn type_name(attribute: &Attribute) -> String {
    match &attribute.kind {
        Kind::Type(it) => title_case(&it.name()),
        Kind::Nested(Nesting::Single, _) => "Attributes".into(),
        Kind::Nested(Nesting::List, _) => "Attributes List".into(),
        Kind::Nested(Nesting::Set, _) => "Attributes Set".into(),
        Kind::Nested(Nesting::Map, _) => "Attributes Map".into(),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::schema::{boolean, number, set_of, set_of_objects, single, string};
    use crate::value::Value;

    fn sample() -> Schema {
        Schema::new("A [thing](https://example.com), as `SQL` has it,\nwith *care*.\n\nMore.\n")
            .attribute("name", string().required().replaces_if_set().doc("Its name."))
            .attribute("mode", string().default("full").one_of(["full", "none"]).doc("How it is."))
            .attribute(
                "words",
                set_of(Type::String).default(Value::string_set(["b", "a"])).one_of(["a", "b"]).doc("Its\n  words."),
            )
            .attribute("branch", string().optional().computed().replaces_if_set().doc("Its branch."))
            .attribute("secret", string().optional().sensitive().write_only().doc("A secret."))
            .attribute("old", boolean().optional().deprecated("Use `mode`.").doc("As it was."))
            .attribute("size", number().computed().doc("Its size."))
            .attribute(
                "missing",
                set_of(Type::String).computed().default(Value::string_set::<&str>([])).doc("What lacks."),
            )
            .attribute(
                "tables",
                set_of_objects([
                    ("name", string().required().doc("Name of the table.")),
                    ("opts", single([("deep", boolean().default(false).doc("Deep."))]).optional().doc("Options.")),
                ])
                .optional()
                .doc("Its tables."),
            )
            .rule(Rule::ExactlyOneOf(vec!["branch", "tables"]))
            .rule(Rule::Conflicts("old", "secret"))
            .rule(Rule::Requires("secret", "branch"))
            .import_id("<project_id>/<name>")
    }

    #[test]
    fn a_resource_page_has_the_registrys_form() {
        let schema = sample();
        let text = page(&Page {
            role: Role::Resource,
            name: "toy_thing",
            provider: "toy",
            schema: &schema,
            subcategory: "Toys",
            example: "resource \"toy_thing\" \"a\" {}\n",
            import_block: "import {}\n",
            import_command: "terraform import toy_thing.a p/n\n",
        });
        assert_snapshot!(text, @r#"
        ---
        page_title: "toy_thing Resource - toy"
        subcategory: "Toys"
        description: |-
          A thing, as SQL has it, with care.
        ---

        # toy_thing (Resource)

        A [thing](https://example.com), as `SQL` has it,
        with *care*.

        More.

        ## Example Usage

        ```terraform
        resource "toy_thing" "a" {}
        ```

        ## Schema

        ### Required

        - `name` (String) Its name. Changing this replaces the resource.

        ### Optional

        - `branch` (String) Its branch. Changing this replaces the resource (if it was set). Exactly one of `branch` and `tables` must be set.
        - `mode` (String) How it is. One of `full` or `none`. Defaults to `full`.
        - `old` (Boolean, Deprecated) As it was. Use `mode`. Cannot be set together with `secret`.
        - `secret` (String, Sensitive, [Write-only](https://developer.hashicorp.com/terraform/language/resources/ephemeral#write-only-arguments)) A secret. Cannot be set together with `old`. Needs `branch`.
        - `tables` (Attributes Set) Its tables. Exactly one of `branch` and `tables` must be set. (see [below for nested schema](#nestedatt--tables))
        - `words` (Set of String) Its words. Each is one of `a` or `b`. Defaults to `["a", "b"]`.

        ### Read-Only

        - `missing` (Set of String) What lacks. Every plan aims at `[]`; another value shows as a difference.
        - `size` (Number) Its size.

        <a id="nestedatt--tables"></a>
        ### Nested Schema for `tables`

        Required:

        - `name` (String) Name of the table.

        Optional:

        - `opts` (Attributes) Options. (see [below for nested schema](#nestedatt--tables--opts))

        <a id="nestedatt--tables--opts"></a>
        ### Nested Schema for `tables.opts`

        Optional:

        - `deep` (Boolean) Deep. Defaults to `false`.

        ## Import

        The id is `<project_id>/<name>`. Within a part, `/` is written `%2F` and `%` is written `%25`.

        In Terraform v1.5.0 and later, an [`import` block](https://developer.hashicorp.com/terraform/language/import) can be used with the `id`:

        ```terraform
        import {}
        ```

        The [`terraform import` command](https://developer.hashicorp.com/terraform/cli/commands/import) can be used:

        ```shell
        terraform import toy_thing.a p/n
        ```
        "#);
    }

    #[test]
    fn an_index_has_no_subcategory_and_no_import() {
        let schema = Schema::new("Toys [of").attribute("key", string().optional().doc("The key."));
        let text = page(&Page {
            role: Role::Provider,
            name: "toy",
            provider: "toy",
            schema: &schema,
            subcategory: "",
            example: "",
            import_block: "",
            import_command: "",
        });
        assert_snapshot!(text, @r#"
        ---
        page_title: "Provider: toy"
        description: |-
          Toys [of
        ---

        # toy Provider

        Toys [of

        ## Schema

        ### Optional

        - `key` (String) The key.
        "#);
    }
}
