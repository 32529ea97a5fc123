//! What the catalogue says of one object, for the data source of one and for the list of all.

pub(super) mod publication;
pub(super) mod slot;

use tfplugin::Type;
use tfplugin::schema::{Attribute, list_of};

/// A list of objects with the attributes that the data source of one object has. It is read only, so a plain type: see
/// [`object_of`](tfplugin::schema::object_of).
pub(super) fn list_of_objects(attributes: impl IntoIterator<Item = (&'static str, Attribute)>) -> Attribute {
    let attributes = attributes.into_iter().map(|(name, it)| (name.to_owned(), it.value_type())).collect();
    list_of(Type::Object(attributes)).computed()
}
