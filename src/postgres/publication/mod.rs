//! Publications: which changes of which tables a subscriber may receive.
//!
//! Membership is read as it was declared (`pg_publication_rel`, `pg_publication_namespace`), not as it takes effect
//! (`pg_publication_tables`): a list, a schema and FOR ALL TABLES look the same there.

mod change;
mod definition;
mod effective;
mod filter;
mod operation;
mod read;

pub(crate) use change::{alter, comment, create, drop, replace};
pub(crate) use definition::{Definition, Listing, Member, Publication, WantedFilter, Wish};
pub(crate) use effective::{EffectiveTables, read_all_effective};
pub(crate) use filter::RowFilter;
pub(crate) use operation::{GeneratedColumns, Operation};
pub(crate) use read::{read, read_all, read_comment};

impl Publication {
    /// Whether it is what is wanted, so that nothing has to be changed.
    pub(crate) fn is(&self, want: &Definition) -> bool {
        !self.must_be_replaced_for(want) && alter(self, want).is_empty()
    }
}
