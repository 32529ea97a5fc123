//! The planner: from configuration and prior state to the planned state. Pure: Terraform plans twice and compares.
//!
//! The order is that of `PlanResourceChange` in `internal/fwserver` of hashicorp/terraform-plugin-framework: configured
//! values win; defaults where configuration says nothing; write-only values are null; where anything changes, computed
//! values become unknown unless they are kept; the resource's own hook; then what must be replaced.
//!
//! Terraform's `proposed_new_state` is such a merge too, but it matches the members of sets by heuristics and drops
//! optional and computed nested attributes that configuration left; so the planner merges itself.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kinds::resource::Plan;
use crate::schema::{Attribute, Kind, Nesting, Schema};
use crate::value::path::{AttributePath, Trail};
use crate::value::{SetValue, Value};

type Attributes = BTreeMap<String, Attribute>;

/// Whether a plan comes to anything, and to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Planned is the prior value.
    Nothing,
    /// There is no prior value.
    Create,
    /// Some attribute changes in place.
    Update,
    /// Some attribute changes that only a new object can have.
    Replace,
    /// There is no planned value.
    Destroy,
}

impl Plan<Value> {
    /// What the plan comes to.
    pub fn action(&self) -> Action {
        match (&self.prior, &self.planned) {
            (_, None) => Action::Destroy,
            (None, Some(_)) => Action::Create,
            (Some(_), Some(_)) if !self.requires_replace.is_empty() => Action::Replace,
            (Some(prior), Some(planned)) if prior == planned => Action::Nothing,
            (Some(_), Some(_)) => Action::Update,
        }
    }
}

/// Plans a change. `prior` is null for an object to be made, `config` for one to be destroyed. `modify` is the
/// resource's own hook.
pub fn plan(
    schema: &Schema,
    prior: Value,
    config: Value,
    modify: impl FnOnce(&mut Plan<Value>) -> Result<(), Diagnostics>,
) -> Result<Plan<Value>, Diagnostics> {
    let some = |value: Value| if value.is_null() { None } else { Some(value) };
    let (prior, config) = (some(prior), some(config));
    let mut plan = match &config {
        None => Plan { config: None, prior, planned: None, requires_replace: Vec::new() },
        Some(wanted) => {
            let planned = merge(schema, wanted, prior.as_ref())?;
            let requires_replace = replacements(schema, prior.as_ref(), &planned);
            Plan { config, prior, planned: Some(planned), requires_replace }
        }
    };
    let found_before = plan.requires_replace.clone();
    modify(&mut plan)?;
    if let Some(planned) = &mut plan.planned {
        null_write_only(&schema.attributes, planned);
    }
    // The hook may have kept a prior value, or changed another that replaces; what it added itself stays.
    let found_after = plan.planned.as_ref().map(|it| replacements(schema, plan.prior.as_ref(), it)).unwrap_or_default();
    plan.requires_replace.retain(|path| !found_before.contains(path));
    plan.requires_replace.extend(found_after);
    plan.requires_replace.sort();
    plan.requires_replace.dedup();
    Ok(plan)
}

/// The configuration with defaults, as data sources and validation see it; computed values are null.
pub fn with_defaults(schema: &Schema, config: &Value) -> Result<Value, Diagnostics> {
    let merge = Merge { unknowns: false, problems: Diagnostics::none() };
    merge.run(schema, config, None)
}

/// The configuration merged with the prior state; if that changes anything, with its computed values unknown.
fn merge(schema: &Schema, config: &Value, prior: Option<&Value>) -> Result<Value, Diagnostics> {
    let merge = |unknowns| Merge { unknowns, problems: Diagnostics::none() }.run(schema, config, prior);
    let planned = merge(false)?;
    if prior == Some(&planned) { Ok(planned) } else { merge(true) }
}

struct Merge {
    /// Whether computed values that are not kept become unknown.
    unknowns: bool,
    problems: Diagnostics,
}

impl Merge {
    fn run(mut self, schema: &Schema, config: &Value, prior: Option<&Value>) -> Result<Value, Diagnostics> {
        let planned = self.object(&schema.attributes, config, prior, &Trail::default());
        if self.problems.has_errors() { Err(self.problems) } else { Ok(planned) }
    }

    fn object(&mut self, attributes: &Attributes, config: &Value, prior: Option<&Value>, place: &Trail<'_>) -> Value {
        if !matches!(config, Value::Object(_)) {
            return config.clone();
        }
        Value::Object(
            attributes
                .iter()
                .map(|(name, attribute)| {
                    let config = config.get(name).unwrap_or(&Value::Null);
                    let prior = prior.and_then(|it| it.get(name));
                    (name.clone(), self.attribute(attribute, config, prior, &place.attribute(name)))
                })
                .collect(),
        )
    }

    /// `prior` is none where the object that holds the attribute is new, and null where that has no value.
    fn attribute(&mut self, attribute: &Attribute, config: &Value, prior: Option<&Value>, place: &Trail<'_>) -> Value {
        if attribute.write_only {
            return Value::Null;
        }
        if config.is_null() {
            return match (&attribute.default, prior) {
                (Some(default), _) => default.clone(),
                (None, _) if !attribute.computed => Value::Null,
                (None, Some(prior)) if attribute.keeps_prior => prior.clone(),
                (None, _) if self.unknowns => Value::Unknown,
                (None, Some(prior)) => prior.clone(),
                (None, None) => Value::Null,
            };
        }
        let Kind::Nested(nesting, attributes) = &attribute.kind else { return config.clone() };
        match (nesting, config) {
            (Nesting::Single, config) => self.object(attributes, config, prior, place),
            (Nesting::List, Value::List(items)) => {
                let prior = |index: usize| match prior {
                    Some(Value::List(items)) => items.get(index),
                    _ => None,
                };
                let items = items.iter().enumerate().map(|(index, item)| {
                    let place = place.index(i64::try_from(index).unwrap_or(i64::MAX));
                    self.object(attributes, item, prior(index), &place)
                });
                Value::List(items.collect())
            }
            (Nesting::Map, Value::Map(items)) => {
                let items = items.iter().map(|(key, item)| {
                    let prior = prior.and_then(|it| it.get(key));
                    (key.clone(), self.object(attributes, item, prior, &place.key(key)))
                });
                Value::Map(items.collect())
            }
            (Nesting::Set, Value::Set(items)) => {
                let members: SetValue = items.iter().map(|item| self.member(attributes, item, prior, place)).collect();
                if members.len() < items.len() {
                    self.problems.push(same_member_twice(place.path()));
                }
                Value::Set(members)
            }
            (_, other) => other.clone(),
        }
    }

    /// A member of a set: one that was there before, if configuration can mean it, else a new one.
    fn member(&mut self, attributes: &Attributes, config: &Value, prior: Option<&Value>, place: &Trail<'_>) -> Value {
        if let Some(Value::Set(candidates)) = prior {
            for candidate in candidates.iter().filter(|it| may_mean(attributes, config, it)) {
                let mut kept = Self { unknowns: false, problems: Diagnostics::none() };
                if &kept.object(attributes, config, Some(candidate), place) == candidate {
                    return candidate.clone();
                }
            }
        }
        self.object(attributes, config, None, place)
    }
}

/// Whether nothing that configuration says of a member speaks against the candidate: cheap, for each member of a set is
/// held against each.
fn may_mean(attributes: &Attributes, config: &Value, candidate: &Value) -> bool {
    attributes
        .iter()
        .filter(|(_, it)| matches!(it.kind, Kind::Type(_)) && !it.write_only)
        .all(|(name, _)| config.get(name).is_none_or(|wanted| wanted.is_null() || candidate.get(name) == Some(wanted)))
}

fn same_member_twice(path: AttributePath) -> Diagnostic {
    Diagnostic::error(
        "The same element twice",
        format!("`{path}` has two elements that are the same once their defaults are filled in. Remove one of them."),
    )
    .at(path)
}

/// Write-only values are read from configuration and never stored, whatever a hook or a handler did.
pub(crate) fn null_write_only(attributes: &Attributes, value: &mut Value) {
    let Value::Object(items) = value else { return };
    for (name, attribute) in attributes {
        let Some(item) = items.get_mut(name) else { continue };
        if attribute.write_only {
            *item = Value::Null;
        } else if let Kind::Nested(_, attributes) = &attribute.kind {
            match item {
                Value::List(items) => items.iter_mut().for_each(|it| null_write_only(attributes, it)),
                Value::Map(items) => items.values_mut().for_each(|it| null_write_only(attributes, it)),
                // Terraform takes no write-only attributes in sets.
                other => null_write_only(attributes, other),
            }
        }
    }
}

/// The attributes whose change replaces the object: their prior value is not null and is not what is planned.
fn replacements(schema: &Schema, prior: Option<&Value>, planned: &Value) -> Vec<AttributePath> {
    let mut found = Vec::new();
    if let Some(prior) = prior {
        object_replacements(&schema.attributes, prior, planned, &AttributePath::root(), &mut found);
    }
    found.sort();
    found.dedup();
    found
}

fn object_replacements(
    attributes: &Attributes,
    prior: &Value,
    planned: &Value,
    path: &AttributePath,
    found: &mut Vec<AttributePath>,
) {
    for (name, attribute) in attributes {
        let before = prior.get(name).unwrap_or(&Value::Null);
        let after = planned.get(name).unwrap_or(&Value::Null);
        if before.is_null() || before == after {
            continue;
        }
        let path = path.clone().attribute(name);
        if attribute.replaces_if_set {
            found.push(path);
            continue;
        }
        let Kind::Nested(_, attributes) = &attribute.kind else { continue };
        match (before, after) {
            (Value::Object(_), Value::Object(_)) => object_replacements(attributes, before, after, &path, found),
            (Value::List(before), Value::List(after)) => {
                for ((before, after), index) in before.iter().zip(after).zip(0..) {
                    object_replacements(attributes, before, after, &path.clone().index(index), found);
                }
            }
            (Value::Map(before), Value::Map(after)) => {
                for (key, before) in before {
                    let Some(after) = after.get(key) else { continue };
                    object_replacements(attributes, before, after, &path.clone().key(key), found);
                }
            }
            // A path cannot step into a set: the set as a whole is what replaces.
            (Value::Set(_), _) if attributes.values().any(|it| it.replaces_if_set) => found.push(path),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
