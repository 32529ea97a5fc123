//! IP Allow: the addresses that may connect to a project, and changes of single entries.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::ip_range::{Bounds, IpRange};
use super::request::or_default;

/// `allowed_ips` of a project's settings. An empty list admits everyone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct AllowedIps {
    /// Entries as the API has them, not checked here.
    #[serde(default, deserialize_with = "or_default")]
    pub ips: Vec<String>,
    /// Whether branches that are not protected admit everyone.
    #[serde(default, deserialize_with = "or_default")]
    pub protected_branches_only: bool,
}

/// What tells one entry from another: the addresses that it admits, or its text if it is none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Range(Bounds),
    Text(String),
}

impl Key {
    fn of(text: &str) -> Self {
        match IpRange::parse(text) {
            Ok(range) => Self::Range(range.bounds()),
            Err(_) => Self::Text(text.to_owned()),
        }
    }
}

impl AllowedIps {
    /// Whether every address may connect, to every branch.
    pub(crate) fn is_open(&self) -> bool {
        self.ips.is_empty()
    }

    /// Whether it has an entry that admits the same addresses as this one.
    pub(crate) fn has(&self, range: &IpRange) -> bool {
        let wanted = Key::Range(range.bounds());
        self.ips.iter().any(|it| Key::of(it) == wanted)
    }

    /// Whether the address may connect to a branch that is protected.
    pub(crate) fn admits(&self, address: IpAddr) -> bool {
        self.is_open() || self.ips.iter().any(|it| IpRange::parse(it).is_ok_and(|range| range.admits(address)))
    }

    /// The entries that can be parsed, and those that cannot.
    pub(crate) fn parsed(&self) -> (BTreeSet<IpRange>, BTreeSet<String>) {
        let (mut ranges, mut others) = (BTreeSet::new(), BTreeSet::new());
        for text in &self.ips {
            match IpRange::parse(text) {
                Ok(range) => {
                    ranges.insert(range);
                }
                Err(_) => {
                    others.insert(text.clone());
                }
            }
        }
        (ranges, others)
    }

    /// Whether this list may refuse an address that `before` admits.
    pub(crate) fn is_narrower_than(&self, before: &Self) -> bool {
        if self.is_open() {
            return false;
        }
        let now: BTreeSet<Key> = self.ips.iter().map(|it| Key::of(it)).collect();
        before.is_open()
            || (before.protected_branches_only && !self.protected_branches_only)
            || before.ips.iter().any(|it| !now.contains(&Key::of(it)))
    }
}

/// A change of single entries: what others have in the list stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edit {
    add: BTreeMap<Key, String>,
    remove: BTreeSet<Key>,
    protected_branches_only: Option<bool>,
}

impl Edit {
    /// Adds `add`, removes `remove` except what is added, and sets the flag if one is given.
    pub(crate) fn new<'a>(
        add: impl IntoIterator<Item = &'a IpRange>,
        remove: impl IntoIterator<Item = &'a IpRange>,
        protected_branches_only: Option<bool>,
    ) -> Self {
        let key = |range: &IpRange| Key::Range(range.bounds());
        let add: BTreeMap<Key, String> = add.into_iter().map(|it| (key(it), it.canonical().to_owned())).collect();
        let remove = remove.into_iter().map(key).filter(|it| !add.contains_key(it)).collect();
        Self { add, remove, protected_branches_only }
    }

    /// What undoes the change from `before` to `after` and nothing else.
    pub(crate) fn back(before: &AllowedIps, after: &AllowedIps) -> Self {
        let keyed = |list: &AllowedIps| -> BTreeMap<Key, String> {
            list.ips.iter().map(|it| (Key::of(it), it.clone())).collect()
        };
        let (was, is) = (keyed(before), keyed(after));
        let flag_changed = before.protected_branches_only != after.protected_branches_only;
        Self {
            remove: is.keys().filter(|it| !was.contains_key(it)).cloned().collect(),
            add: was.into_iter().filter(|(key, _)| !is.contains_key(key)).collect(),
            protected_branches_only: flag_changed.then_some(before.protected_branches_only),
        }
    }

    /// The list after the change. Applied to its own result it changes nothing.
    pub(crate) fn apply(&self, list: &AllowedIps) -> AllowedIps {
        let mut ips: Vec<String> = list.ips.iter().filter(|it| !self.remove.contains(&Key::of(it))).cloned().collect();
        let there: BTreeSet<Key> = ips.iter().map(|it| Key::of(it)).collect();
        ips.extend(self.add.iter().filter(|(key, _)| !there.contains(key)).map(|(_, text)| text.clone()));
        let protected_branches_only = self.protected_branches_only.unwrap_or(list.protected_branches_only);
        AllowedIps { ips, protected_branches_only }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(ips: &[&str]) -> AllowedIps {
        AllowedIps { ips: ips.iter().map(|&it| it.to_owned()).collect(), protected_branches_only: false }
    }

    fn ranges(texts: &[&str]) -> Vec<IpRange> {
        texts.iter().map(|it| IpRange::parse(it).expect(it)).collect()
    }

    #[test]
    fn entries_are_compared_by_what_they_admit() {
        let there = list(&["192.0.2.1/32", "10.0.0.0-10.0.0.255", "2001:DB8::1", "old entry"]);
        for same in ["192.0.2.1", "10.0.0.0/24", "10.0.0.9/24", "2001:db8:0:0::1"] {
            let range = IpRange::parse(same).expect(same);
            assert!(there.has(&range), "{same}");
            assert_eq!(Edit::new([&range], [], None).apply(&there), there, "{same}");
            assert_eq!(Edit::new([], [&range], None).apply(&there).ips.len(), 3, "{same}");
        }
        assert!(!there.has(&IpRange::parse("10.0.0.5").expect("legal")), "being admitted is not being listed");
    }

    #[test]
    fn a_change_leaves_the_entries_of_others() {
        let before = list(&["192.0.2.1", "not parsed"]);
        let [one, two, three] = ["192.0.2.1", "192.0.2.2/24", "192.0.2.3"].map(|it| IpRange::parse(it).expect(it));
        let added = Edit::new([&two, &three], [], None);
        let after = added.apply(&before);
        assert_eq!(after.ips, ["192.0.2.1", "not parsed", "192.0.2.0/24", "192.0.2.3"]);
        assert_eq!(added.apply(&after), after, "applied again");
        assert_eq!(Edit::new([&one], [&one, &three], Some(true)).apply(&after).ips.len(), 3, "what is added stays");
        assert!(Edit::new([], [], Some(true)).apply(&after).protected_branches_only);
        assert_eq!(Edit::new([], &ranges(&["192.0.2.1"]), None).apply(&list(&["192.0.2.1"])), list(&[]));
    }

    #[test]
    fn back_undoes_one_change_and_not_those_of_others_since() {
        let before = list(&["192.0.2.1", "192.0.2.2"]);
        let [one, nine] = ["192.0.2.1", "192.0.2.9"].map(|it| IpRange::parse(it).expect(it));
        let after = Edit::new([&nine], [&one], Some(true)).apply(&before);
        let back = Edit::back(&before, &after);
        assert_eq!(back.apply(&after), list(&["192.0.2.2", "192.0.2.1"]));
        let mut since = after.clone();
        since.ips.push("198.51.100.0/24".to_owned());
        assert_eq!(back.apply(&since).ips, ["192.0.2.2", "198.51.100.0/24", "192.0.2.1"]);
        assert_eq!(Edit::back(&list(&[]), &list(&["192.0.2.9"])).apply(&list(&["192.0.2.9"])), list(&[]));
    }

    #[test]
    fn only_a_narrower_list_can_refuse_who_was_admitted() {
        let flagged = |ips: &[&str]| AllowedIps { protected_branches_only: true, ..list(ips) };
        for (before, after, narrower) in [
            (list(&[]), list(&["192.0.2.1"]), true),
            (list(&["192.0.2.1"]), list(&["192.0.2.1", "192.0.2.2"]), false),
            (list(&["192.0.2.1"]), list(&["192.0.2.1/32"]), false),
            (list(&["192.0.2.1", "192.0.2.2"]), list(&["192.0.2.1"]), true),
            (list(&["192.0.2.1"]), list(&[]), false),
            (flagged(&["192.0.2.1"]), list(&["192.0.2.1"]), true),
            (list(&["192.0.2.1"]), flagged(&["192.0.2.1"]), false),
        ] {
            assert_eq!(after.is_narrower_than(&before), narrower, "{before:?} {after:?}");
        }
    }

    #[test]
    fn an_empty_list_admits_everyone() {
        let address = "192.0.2.1".parse().expect("legal");
        assert!(list(&[]).admits(address) && list(&["192.0.2.0/24"]).admits(address));
        assert!(!list(&["192.0.2.2"]).admits(address) && !list(&["not parsed"]).admits(address));
    }

    #[test]
    fn what_cannot_be_parsed_is_told_apart() {
        let (ranges, others) = list(&["192.0.2.1", "x"]).parsed();
        assert_eq!(ranges.iter().map(ToString::to_string).collect::<Vec<_>>(), ["192.0.2.1"]);
        assert_eq!(others, ["x".to_owned()].into());
    }
}
