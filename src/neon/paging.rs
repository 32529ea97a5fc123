//! Lists that come in pages, whatever the cursor is called, and even where paging does not end.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::budget::Budget;
use super::error::{Error, Kind};
use super::request::{Request, or_default};
use super::transport::Transport;

/// Most pages of one list. Ten times more branches than Neon allows in a project fit.
const MOST_PAGES: usize = 100;

/// One page of a list, as the nouns read it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) pagination: Pagination,
}

/// The API calls the cursor `next` for branches and `cursor` for other lists. Either is taken.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Pagination {
    #[serde(default, deserialize_with = "or_default")]
    next: String,
    #[serde(default, deserialize_with = "or_default")]
    cursor: String,
}

impl Pagination {
    fn next(self) -> Option<String> {
        [self.next, self.cursor].into_iter().find(|cursor| !cursor.is_empty())
    }
}

/// Reads pages until `enough` says so, a page is empty, or the cursor is absent or was seen before.
pub(crate) async fn each_page<T>(
    transport: &Transport,
    budget: &Budget,
    page: impl Fn(Option<&str>) -> Request<Page<T>> + Send + Sync,
    mut enough: impl FnMut(Vec<T>) -> bool + Send,
) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    let mut cursor: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let Page { items, pagination } = transport.send(&page(cursor.as_deref()), budget).await?;
        if items.is_empty() || enough(items) {
            return Ok(());
        }
        match pagination.next() {
            Some(next) if seen.insert(next.clone()) => cursor = Some(next),
            _ => return Ok(()),
        }
    }
    let first = page(None);
    let error = Error::new(Kind::NotJson, format!("the list does not end after {MOST_PAGES} pages"));
    Err(error.at(first.method, &first.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_goes_by_two_names() {
        let next = |text: &str| serde_json::from_str::<Pagination>(text).expect("pagination").next();
        assert_eq!(next(r#"{"next":"n","sort_by":"x"}"#).as_deref(), Some("n"));
        assert_eq!(next(r#"{"cursor":"c"}"#).as_deref(), Some("c"));
        assert_eq!(next(r#"{"next":null,"cursor":"c"}"#).as_deref(), Some("c"));
        for last in ["{}", r#"{"next":""}"#, r#"{"next":null,"cursor":null}"#] {
            assert_eq!(next(last), None, "{last}");
        }
    }
}
