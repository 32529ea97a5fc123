//! Any type, and any value of it, for property tests.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::value::Value;
use crate::value::number::Number;
use crate::value::types::Type;

/// Any type of a few levels.
pub(super) fn any_type() -> BoxedStrategy<Type> {
    let leaf = prop_oneof![
        3 => Just(Type::String),
        2 => Just(Type::Number),
        2 => Just(Type::Bool),
        1 => Just(Type::Dynamic),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|it| Type::List(Box::new(it))),
            inner.clone().prop_map(|it| Type::Set(Box::new(it))),
            inner.clone().prop_map(|it| Type::Map(Box::new(it))),
            prop::collection::btree_map("[a-d]", inner.clone(), 0..4).prop_map(Type::Object),
            prop::collection::vec(inner, 0..3).prop_map(Type::Tuple),
        ]
    })
    .boxed()
}

fn number() -> BoxedStrategy<Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        any::<f64>().prop_filter_map("finite", |it| Number::try_from(it).ok()),
        "-?[1-9][0-9]{0,40}(\\.[0-9]{1,20})?(e-?[0-9]{1,2})?".prop_map(|text| text.parse().expect("a number")),
    ]
    .boxed()
}

/// Any value of a type; with unknown parts if wanted.
fn value_of(of: &Type, unknown: bool) -> BoxedStrategy<Value> {
    let some = match of {
        Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Type::Number => number().prop_map(Value::Number).boxed(),
        Type::String => any::<String>().prop_map(Value::String).boxed(),
        Type::Dynamic => prop::sample::select(vec![Type::String, Type::List(Box::new(Type::Number))])
            .prop_flat_map(move |of| (Just(of.clone()), value_of(&of, unknown)))
            .prop_map(|pair| Value::Dynamic(Box::new(pair)))
            .boxed(),
        Type::List(element) => prop::collection::vec(value_of(element, unknown), 0..4).prop_map(Value::List).boxed(),
        Type::Set(element) => prop::collection::vec(value_of(element, unknown), 0..4)
            .prop_map(|items| Value::Set(items.into_iter().collect()))
            .boxed(),
        Type::Map(element) => {
            prop::collection::btree_map(any::<String>(), value_of(element, unknown), 0..4).prop_map(Value::Map).boxed()
        }
        Type::Object(attributes) => attributes
            .iter()
            .map(|(name, it)| (Just(name.clone()), value_of(it, unknown)).boxed())
            .collect::<Vec<_>>()
            .prop_map(|items| Value::Object(items.into_iter().collect::<BTreeMap<_, _>>()))
            .boxed(),
        Type::Tuple(elements) => {
            elements.iter().map(|it| value_of(it, unknown)).collect::<Vec<_>>().prop_map(Value::List).boxed()
        }
    };
    let unknown = u32::from(unknown);
    prop_oneof![8 => some, 1 => Just(Value::Null), unknown => Just(Value::Unknown)].boxed()
}

/// Any type with any value of it.
pub(super) fn typed_value(unknown: bool) -> impl Strategy<Value = (Type, Value)> {
    any_type().prop_flat_map(move |of| (Just(of.clone()), value_of(&of, unknown)))
}
