//! Attribute paths: where in a resource a message belongs.

use std::fmt;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// An attribute of an object.
    Attribute(String),
    /// An element of a list.
    Index(i64),
    /// An element of a map.
    Key(String),
}

/// The way from the root of a resource, data source or provider block to one of its values.
/// The empty path is the block itself. A path cannot step into a set, for which the
/// protocol has no selector: it ends at the set.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttributePath(Vec<Step>);

impl AttributePath {
    /// The path of the block itself, without steps.
    pub fn root() -> Self {
        Self::default()
    }

    /// The path one attribute deeper.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>) -> Self {
        self.0.push(Step::Attribute(name.into()));
        self
    }

    /// The path to an element of this list.
    #[must_use]
    pub fn index(mut self, index: i64) -> Self {
        self.0.push(Step::Index(index));
        self
    }

    /// The path to an element of this map.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.0.push(Step::Key(key.into()));
        self
    }

    /// The same place, seen from one step further out.
    #[must_use]
    pub(crate) fn inside(mut self, outer: Step) -> Self {
        self.0.insert(0, outer);
        self
    }

    /// The steps, outermost first.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Whether this is the block itself.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

/// Where a walk through a value is, on the stack of that walk: a path is made of it only when a message needs one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Trail<'a>(Option<(&'a Trail<'a>, Reached<'a>)>);

#[derive(Clone, Copy, Debug)]
enum Reached<'a> {
    Attribute(&'a str),
    Index(i64),
    Key(&'a str),
    /// A member of a set has no path of its own.
    Member,
}

impl<'a> Trail<'a> {
    /// One attribute deeper.
    pub(crate) fn attribute(&'a self, name: &'a str) -> Self {
        Self(Some((self, Reached::Attribute(name))))
    }

    /// At an element of this list.
    pub(crate) fn index(&'a self, index: i64) -> Self {
        Self(Some((self, Reached::Index(index))))
    }

    /// At an element of this map.
    pub(crate) fn key(&'a self, key: &'a str) -> Self {
        Self(Some((self, Reached::Key(key))))
    }

    /// At a member of this set.
    pub(crate) fn member(&'a self) -> Self {
        Self(Some((self, Reached::Member)))
    }

    /// The path, which ends at the first set.
    pub(crate) fn path(&self) -> AttributePath {
        self.told().0
    }

    /// The attributes beneath the first set, where a path cannot go.
    pub(crate) fn below_set(&self) -> Vec<&'a str> {
        self.told().1.unwrap_or_default()
    }

    fn told(&self) -> (AttributePath, Option<Vec<&'a str>>) {
        let Some((outer, reached)) = self.0 else { return (AttributePath::root(), None) };
        match (outer.told(), reached) {
            ((path, below), Reached::Member) => (path, Some(below.unwrap_or_default())),
            ((path, Some(mut below)), Reached::Attribute(name)) => {
                below.push(name);
                (path, Some(below))
            }
            ((path, None), Reached::Attribute(name)) => (path.attribute(name), None),
            ((path, None), Reached::Index(index)) => (path.index(index), None),
            ((path, None), Reached::Key(key)) => (path.key(key), None),
            ((path, below @ Some(_)), Reached::Index(_) | Reached::Key(_)) => (path, below),
        }
    }
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Attribute(name) if position == 0 => write!(f, "{name}")?,
                Step::Attribute(name) => write!(f, ".{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}

/// The path to an attribute: `path!(tables)`, `path!(timeouts.create)`.
#[macro_export]
macro_rules! path {
    ($first:ident $(. $rest:ident)*) => {
        $crate::value::path::AttributePath::root()
            .attribute(stringify!($first))
            $(.attribute(stringify!($rest)))*
    };
}
