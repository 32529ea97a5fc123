//! Tests of what two instances of one object learn of each other.

use serde_json::json;

use super::*;

struct Started {
    addresses: Addresses,
    key: NaturalKey,
    /// Created first.
    old: Instance,
    new: Instance,
}

fn instance(since: u64, holds: Json) -> Instance {
    Instance { nonce: Nonce::random().unwrap(), since, holds }
}

fn started() -> Started {
    let (old, new) = (instance(1, Json::Null), instance(2, Json::Null));
    Started { addresses: Addresses::default(), key: NaturalKey::new("role", ["p", "r"]), old, new }
}

fn noted(all: &[&Instance]) -> Vec<Other> {
    all.iter().map(|it| Other { instance: it.nonce.clone(), holds: it.holds.clone() }).collect()
}

fn found(holders: &[&Instance], takers: &[&Instance]) -> Others {
    Others { holders: noted(holders), takers: noted(takers), is_kept_for_unseen: false }
}

impl Started {
    async fn read(&self, it: &Instance) -> Others {
        self.addresses.read(&self.key, it, &[]).await
    }

    fn plan_destroy(&self, it: &Instance, of: &[&Instance]) -> Planned {
        self.addresses.plan_destroy(&self.key, it, &noted(of))
    }
}

#[tokio::test(start_paused = true)]
async fn the_destroyed_instance_notes_the_living_one_and_not_the_other_way_round() {
    let it = started();
    let begun = tokio::time::Instant::now();
    it.addresses.begin(&it.key, &it.old);
    it.addresses.begin(&it.key, &it.new);
    let (of_new, ()) = tokio::join!(it.read(&it.new), async {
        assert_eq!(it.read(&it.old).await, found(&[&it.new], &[]), "the older one does not wait");
        let planned = it.plan_destroy(&it.old, &[&it.new]);
        assert_eq!(planned, Planned { unnoted: Vec::new(), was_read: true });
    });
    assert_eq!(of_new, found(&[], &[]), "a note would be stale after this run");
    assert!(begun.elapsed() < PATIENCE, "it waited for the plan, and no longer");
    assert!(it.plan_destroy(&it.new, &[]).unnoted.is_empty());
}

#[tokio::test(start_paused = true)]
async fn two_instances_that_stay_note_each_other() {
    let it = started();
    it.addresses.begin(&it.key, &it.old);
    it.addresses.begin(&it.key, &it.new);
    let (of_new, ()) = tokio::join!(it.read(&it.new), async {
        assert_eq!(it.read(&it.old).await, found(&[&it.new], &[]));
        it.addresses.stay(&it.old.nonce);
    });
    assert_eq!(of_new, found(&[&it.old], &[]));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_without_a_plan_does_not_wait_long() {
    let it = started();
    let begun = tokio::time::Instant::now();
    it.read(&it.old).await;
    assert_eq!(it.read(&it.new).await, found(&[&it.old], &[]));
    assert_eq!(begun.elapsed(), PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn a_destroy_that_was_planned_first_is_found_by_the_read_of_the_other() {
    let it = started();
    it.read(&it.old).await;
    assert_eq!(it.plan_destroy(&it.old, &[]), Planned { unnoted: Vec::new(), was_read: true });
    assert_eq!(it.read(&it.new).await, found(&[], &[&it.old]));
    // The second one is destroyed too: nothing is taken away under it.
    it.plan_destroy(&it.new, &[]);
    assert_eq!(it.read(&it.new).await, found(&[], &[]));
    assert_eq!(
        it.read(&it.old).await,
        found(&[&it.new], &[]),
        "of two that are destroyed, the younger one takes the object"
    );
}

#[tokio::test(start_paused = true)]
async fn a_living_instance_that_the_read_has_not_noted_is_told_to_the_plan() {
    let it = started();
    it.read(&it.old).await;
    it.addresses.begin(&it.key, &it.new);
    assert_eq!(it.plan_destroy(&it.old, &[]), Planned { unnoted: noted(&[&it.new]), was_read: true });
    // Planned before it is read: the note of this plan reaches the apply.
    let it = started();
    it.addresses.begin(&it.key, &it.new);
    assert_eq!(it.plan_destroy(&it.old, &[]), Planned { unnoted: noted(&[&it.new]), was_read: false });
}

#[tokio::test(start_paused = true)]
async fn what_another_instance_holds_by_now_counts_and_not_what_was_noted() {
    let it = started();
    let now = Instance { holds: json!("a"), ..it.new.clone() };
    it.addresses.begin(&it.key, &now);
    let old = Instance { holds: json!("a"), ..it.old.clone() };
    assert_eq!(it.plan_destroy(&old, &[&it.new]).unnoted, noted(&[&now]));
}

#[tokio::test(start_paused = true)]
async fn a_note_of_an_instance_that_is_not_read_is_doubted() {
    let it = started();
    it.plan_destroy(&it.old, &[&it.new]);
    let doubted = it.addresses.read(&it.key, &it.old, &noted(&[&it.new])).await;
    assert!(doubted.is_kept_for_unseen);
    it.addresses.begin(&it.key, &it.new);
    assert!(!it.addresses.read(&it.key, &it.old, &noted(&[&it.new])).await.is_kept_for_unseen);
}

#[tokio::test(start_paused = true)]
async fn who_holds_something_else_does_not_hide_a_destroy() {
    let it = started();
    let (one, two, third) = (instance(1, json!("a")), instance(2, json!("b")), instance(3, json!("a")));
    it.read(&one).await;
    it.addresses.stay(&one.nonce);
    it.read(&two).await;
    assert_eq!(it.plan_destroy(&one, &[]).unnoted, noted(&[&two]));
    it.addresses.stay(&two.nonce);
    assert_eq!(it.read(&third).await.takers, noted(&[&one]));
}

#[test]
fn the_last_one_that_goes_takes_the_object_along() {
    let it = started();
    assert_eq!(it.addresses.depart(&it.old.nonce, noted(&[&it.new])), noted(&[&it.new]));
    assert!(it.addresses.depart(&it.new.nonce, noted(&[&it.old])).is_empty());
    let other = started();
    assert_eq!(other.addresses.depart(&it.new.nonce, noted(&[&it.old])), noted(&[&it.old]), "another process");
}
