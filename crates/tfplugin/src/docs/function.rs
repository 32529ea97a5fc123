//! The page of a provider function.

use std::fmt::Write as _;

use super::markdown::{fenced, plain_summary, title_case};
use crate::kinds::function::{Parameter, Signature};
use crate::value::types::Type;

/// What the page of a function is made of.
#[derive(Clone, Copy, Debug)]
pub struct FunctionPage<'a> {
    /// The name without the provider, `parse_id`.
    pub name: &'a str,
    /// The provider's name.
    pub provider: &'a str,
    /// Parameters, result and prose.
    pub signature: &'a Signature,
    /// The heading of the navigation under which the page stands; empty for none.
    pub subcategory: &'a str,
    /// HCL of the example; empty for none.
    pub example: &'a str,
}

/// Renders the page of a function, with a final newline.
pub fn function_page(page: &FunctionPage<'_>) -> String {
    let FunctionPage { name, provider, signature, subcategory, example } = page;
    let description = plain_summary(signature.summary);
    let mut text = format!(
        "---\npage_title: \"{name} function - {provider}\"\nsubcategory: \"{subcategory}\"\ndescription: |-\n  {description}\n---\n\n\
         # function: {name}\n\n{}\n",
        signature.prose.trim()
    );
    if !example.is_empty() {
        let _ = write!(text, "\n## Example Usage\n\n{}", fenced("terraform", example));
    }
    let all = signature.parameters.iter().map(|it| format!("{} {}", it.name, constraint(&it.of)));
    let further = signature.variadic.iter().map(|it| format!("{} {}...", it.name, constraint(&it.of)));
    let parameters = all.chain(further).collect::<Vec<_>>().join(", ");
    let declared = format!("{name}({parameters}) {}", constraint(&signature.returns));
    let _ = write!(text, "\n## Signature\n\n{}", fenced("text", &declared));
    text.push_str("\n## Arguments\n\n");
    let all =
        signature.parameters.iter().map(|it| (it, "")).chain(signature.variadic.iter().map(|it| (it, "Variadic, ")));
    for ((parameter, kind), number) in all.zip(1_u32..) {
        text.push_str(&argument(number, parameter, kind));
    }
    text
}

fn argument(number: u32, parameter: &Parameter, kind: &str) -> String {
    let nullable = if parameter.nullable { ", Nullable" } else { "" };
    let doc = parameter.doc.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{number}. `{}` ({kind}{}{nullable}) {doc}\n", parameter.name, title_case(&parameter.of.name()))
}

/// A type as configuration writes it: `list(string)`, `object({ name = string })`.
fn constraint(it: &Type) -> String {
    match it {
        Type::Bool => "bool".into(),
        Type::Number => "number".into(),
        Type::String => "string".into(),
        Type::Dynamic => "any".into(),
        Type::List(element) => format!("list({})", constraint(element)),
        Type::Set(element) => format!("set({})", constraint(element)),
        Type::Map(element) => format!("map({})", constraint(element)),
        Type::Object(attributes) => {
            let all: Vec<String> = attributes.iter().map(|(name, it)| format!("{name} = {}", constraint(it))).collect();
            format!("object({{ {} }})", all.join(", "))
        }
        Type::Tuple(elements) => {
            format!("tuple([{}])", elements.iter().map(constraint).collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn a_page_has_the_registrys_form() {
        let returns = Type::Object([("text".to_owned(), Type::String)].into());
        let signature = Signature::new("Joins `parts`.", "Joins parts by a separator.\n\nMore.\n", returns)
            .parameter(Parameter::new("separator", Type::String, "Stands\n  between.").nullable())
            .variadic(Parameter::new("parts", Type::List(Box::new(Type::String)), "The parts."));
        let page = FunctionPage {
            name: "join",
            provider: "toy",
            signature: &signature,
            subcategory: "",
            example: "output \"it\" {}\n",
        };
        assert_snapshot!(function_page(&page), @r#"
        ---
        page_title: "join function - toy"
        subcategory: ""
        description: |-
          Joins parts.
        ---

        # function: join

        Joins parts by a separator.

        More.

        ## Example Usage

        ```terraform
        output "it" {}
        ```

        ## Signature

        ```text
        join(separator string, parts list(string)...) object({ text = string })
        ```

        ## Arguments

        1. `separator` (String, Nullable) Stands between.
        2. `parts` (Variadic, List of String) The parts.
        "#);
    }
}
