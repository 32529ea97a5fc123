//! Each argument of each resource and data source as null, unknown, empty, and set although it is only read. The schemas say what to try, so
//! a new resource is covered by being registered.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};
use tfplugin::schema::{Attribute, Kind, Nesting, Validator};
use tfplugin::{Type, Value};

use super::started;
use crate::support::core::{Core, Messages, Walk, unknown};
use crate::support::stand_in::StandIn;

/// What one case is about: a path of names, and what is put there.
struct Case {
    path: Vec<String>,
    value: Json,
    /// Whether an error on that argument is required, allowed, or wrong.
    error: Expected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Required,
    Allowed,
    Wrong,
}

/// A type of which configurations are tried.
struct Tried<'a> {
    walk: &'a Walk,
    name: String,
    attributes: &'a BTreeMap<String, Attribute>,
    is_data: bool,
    texts: Vec<String>,
}

impl Tried<'_> {
    fn validate(&self, config: &Json) -> Messages {
        if self.is_data {
            self.walk.validate_data(&self.name, config)
        } else {
            self.walk.validate(&self.name, &self.walk.config(&self.name, config))
        }
    }

    /// A plan, or the read of a data source: whatever comes of it, the provider does not blame itself.
    fn insist_on_no_bug(&self, case: &str, config: &Json) {
        let said = if self.is_data {
            if config.to_string().contains("$unknown") {
                return;
            }
            self.walk.data(&self.name, config).err()
        } else {
            let config = self.walk.config(&self.name, config);
            self.walk.plan(&self.name, &Value::Null, &config, &[]).err()
        };
        if let Some(said) = said {
            assert!(!said.to_string().contains("Bug in the provider"), "{case}: {said}");
        }
    }

    /// The smallest configuration that is valid: what is required, and of the rest what the rules ask for.
    fn smallest(&self) -> Json {
        let mut config = self.object(self.attributes);
        if !self.validate(&config).have_errors() {
            return config;
        }
        let optional = self.attributes.iter().filter(|it| it.1.optional);
        for (name, attribute) in optional {
            for value in self.values(name, attribute) {
                let mut tried = config.clone();
                tried[name.as_str()] = value;
                if !self.validate(&tried).have_errors() {
                    return tried;
                }
                // One of several that are needed.
                if self.validate(&tried).0.len() < self.validate(&config).0.len() {
                    config = tried;
                    break;
                }
            }
        }
        assert!(!self.validate(&config).have_errors(), "{}: {config}: {}", self.name, self.validate(&config));
        config
    }

    fn object(&self, attributes: &BTreeMap<String, Attribute>) -> Json {
        let required = attributes.iter().filter(|it| it.1.required);
        let located = ["project_id", "database"].map(|it| attributes.get_key_value(it)).into_iter().flatten();
        let of = |(name, attribute): (&String, &Attribute)| {
            let value = self.values(name, attribute).into_iter().next();
            (name.clone(), value.unwrap_or_else(|| panic!("{}: no value for `{name}` is accepted", self.name)))
        };
        Json::Object(required.chain(located.filter(|it| it.1.optional)).map(of).collect::<Map<_, _>>())
    }

    /// Values that the attribute itself accepts.
    fn values(&self, name: &str, attribute: &Attribute) -> Vec<Json> {
        let all = match &attribute.kind {
            Kind::Nested(Nesting::Single, inner) => vec![self.object(inner)],
            Kind::Nested(Nesting::List | Nesting::Set, inner) => vec![json!([self.object(inner)])],
            Kind::Nested(Nesting::Map, inner) => vec![json!({ "k": self.object(inner) })],
            Kind::Type(of) => self.of_type(name, of, attribute),
        };
        all.into_iter().filter(|it| is_accepted(attribute, it)).collect()
    }

    fn of_type(&self, name: &str, of: &Type, attribute: &Attribute) -> Vec<Json> {
        match of {
            Type::String => {
                let words = attribute.validators.iter().find_map(|it| match it {
                    Validator::OneOf(words) => Some(words.iter().map(|it| json!(it)).collect()),
                    Validator::Check(_) => None,
                });
                words.unwrap_or_else(|| {
                    let located = match name {
                        "project_id" => Some(&self.texts[1]),
                        "branch_id" => Some(&self.texts[2]),
                        _ => None,
                    };
                    located.into_iter().chain(&self.texts).map(|it| json!(it)).collect()
                })
            }
            Type::Bool => vec![json!(true), json!(false)],
            Type::Number => vec![json!(1)],
            Type::Set(inner) | Type::List(inner) => {
                self.of_type(name, inner, attribute).into_iter().map(|it| json!([it])).collect()
            }
            Type::Map(inner) => self.of_type(name, inner, attribute).into_iter().map(|it| json!({ "k": it })).collect(),
            Type::Object(attributes) => {
                let of = |(name, it): (&String, &Type)| (name.clone(), self.of_type(name, it, attribute)[0].clone());
                vec![Json::Object(attributes.iter().map(of).collect())]
            }
            Type::Tuple(_) | Type::Dynamic => vec![],
        }
    }

    /// All cases of one level of attributes.
    fn cases(&self, attributes: &BTreeMap<String, Attribute>, at: &[String]) -> Vec<Case> {
        let mut cases = Vec::new();
        for (name, attribute) in attributes {
            let path: Vec<String> = at.iter().chain([name]).cloned().collect();
            let mut case = |value, error| cases.push(Case { path: path.clone(), value, error });
            if !attribute.required && !attribute.optional {
                let mut set = self.values(name, attribute);
                set.truncate(1);
                set.into_iter().for_each(|value| case(value, Expected::Required));
                continue;
            }
            case(Json::Null, if attribute.required { Expected::Required } else { Expected::Allowed });
            case(unknown(), Expected::Wrong);
            if matches!(attribute.kind, Kind::Type(Type::String)) {
                case(json!(""), Expected::Allowed);
            }
            if let Kind::Type(Type::Set(inner)) = &attribute.kind
                && **inner == Type::String
            {
                case(json!([]), Expected::Allowed);
                case(json!([""]), Expected::Allowed);
                case(json!([unknown()]), Expected::Wrong);
            }
            if let Kind::Nested(_, inner) = &attribute.kind {
                cases.extend(self.cases(inner, &path));
            }
        }
        cases
    }

    /// The configuration to which a case is added: without what excludes the object that the case is in.
    fn base_of(&self, smallest: &Json, case: &Case) -> Option<Json> {
        let object = &case.path[0];
        if case.path.len() == 1 || !smallest[object.as_str()].is_null() {
            return Some(smallest.clone());
        }
        let mut whole = smallest.clone();
        whole[object.as_str()] = self.values(object, &self.attributes[object]).into_iter().next()?;
        let optional = self.attributes.iter().filter(|it| it.1.optional && it.0 != object).map(|it| it.0);
        let without = optional.map(|name| {
            let mut less = whole.clone();
            less[name.as_str()] = Json::Null;
            less
        });
        std::iter::once(whole.clone()).chain(without).find(|it| !self.validate(it).have_errors())
    }

    /// The configuration with that value; what is on the way there is added.
    fn with(&self, config: &Json, case: &Case) -> Json {
        let mut config = config.clone();
        let (last, way) = case.path.split_last().expect("a path");
        let (mut at, mut attributes) = (&mut config, self.attributes);
        for name in way {
            let Kind::Nested(nesting, inner) = &attributes[name].kind else {
                unreachable!("a way of nested attributes")
            };
            if at[name.as_str()].is_null() {
                at[name.as_str()] = self.values(name, &attributes[name]).remove(0);
            }
            at = &mut at[name.as_str()];
            at = match nesting {
                Nesting::Single => at,
                Nesting::List | Nesting::Set => &mut at[0],
                Nesting::Map => &mut at["k"],
            };
            attributes = inner;
        }
        at[last.as_str()] = case.value.clone();
        config
    }

    fn run(&self) -> usize {
        let smallest = self.smallest();
        let mut tried = 0;
        for case in &self.cases(self.attributes, &[]) {
            let Some(base) = self.base_of(&smallest, case) else { continue };
            tried += 1;
            let config = self.with(&base, case);
            let said = self.validate(&config);
            let what = format!("{} with {} = {}", self.name, case.path.join("."), case.value);
            assert!(!said.to_string().contains("Bug in the provider"), "{what}: {said}");
            // The element of a set has no path that users could follow: the set has.
            let on_it = said.0.iter().any(|it| it.is_error && it.path.starts_with(case.path[0].as_str()));
            match case.error {
                Expected::Required => assert!(on_it, "{what} is not refused on the argument: {said}"),
                Expected::Wrong => assert!(!said.have_errors(), "{what}: what is not known yet is refused: {said}"),
                Expected::Allowed => {}
            }
            if !said.have_errors() {
                self.insist_on_no_bug(&what, &config);
            }
        }
        tried
    }
}

fn is_accepted(attribute: &Attribute, value: &Json) -> bool {
    fn plain(json: &Json) -> Value {
        match json {
            Json::String(it) => Value::String(it.clone()),
            Json::Array(items) => Value::Set(items.iter().map(plain).collect()),
            Json::Number(it) => Value::Number(it.to_string().parse().expect("a number")),
            Json::Bool(it) => Value::Bool(*it),
            _ => Value::Null,
        }
    }
    let value = plain(value);
    attribute.validators.iter().all(|it| match it {
        Validator::Check(check) => value.is_null() || check(&value).is_ok(),
        Validator::OneOf(_) => true,
    })
}

fn texts(stand_in: &StandIn) -> Vec<String> {
    let ready = &stand_in.ready;
    vec![
        "neondb".to_owned(),
        ready.project_id.clone(),
        ready.branch_id.clone(),
        stand_in.id_of("p"),
        stand_in.id_of("public/a"),
        format!("{}/{}/neondb_owner", ready.project_id, ready.branch_id),
        "30s".to_owned(),
    ]
}

#[test]
fn each_argument_as_null_unknown_empty_and_set_although_read_only() {
    let stand_in = started();
    let core = Core::new(&stand_in);
    let walk = core.walk();
    let mut tried = 0;
    for (is_data, name) in
        core.types().into_iter().map(|it| (false, it)).chain(core.data_types().into_iter().map(|it| (true, it)))
    {
        let schema = core.schema(&name, is_data);
        let it = Tried { walk: &walk, name, attributes: &schema.attributes, is_data, texts: texts(&stand_in) };
        tried += it.run();
    }
    assert!(tried > 400, "{tried} cases: is every schema looked at?");
}
