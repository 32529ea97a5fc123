//! Marks in the COMMENT of a publication: what is believed of them, and of whom.

use super::{ADDRESS, SLOT, owner, publication, with_tables};
use crate::support::stand_in::StandIn;
use crate::support::terraform::Workspace;
use crate::support::versions::suite;

fn oid(stand_in: &StandIn) -> String {
    stand_in.value("SELECT oid FROM pg_publication")
}

fn comment(stand_in: &StandIn) -> String {
    stand_in.value("SELECT coalesce(obj_description(oid, 'pg_publication'), '') FROM pg_publication")
}

#[test]
fn a_forged_adoption_does_not_keep_what_was_created_here() {
    let stand_in = with_tables(suite());
    let workspace = Workspace::new(&stand_in);
    workspace.write(&publication(r#"tables = [{ name = "a" }]"#));
    workspace.apply();
    owner(&stand_in, "COMMENT ON PUBLICATION pub_one IS 'neonrep: adopted'");
    assert_eq!(workspace.attributes(ADDRESS)["adopted"], false);
    workspace.destroy();
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "0");
}

#[test]
fn what_another_state_adopted_is_kept_and_force_destroy_overrides() {
    let stand_in = with_tables(suite());
    let tables = r#"tables = [{ name = "a" }]"#;
    let (creator, adopter) = (Workspace::new(&stand_in), Workspace::new(&stand_in));
    creator.write(&publication(tables));
    creator.apply();
    adopter.write(&publication(&format!("{tables}\n  adopt = true")));
    adopter.apply();
    creator.destroy().insist_warning("mark of another");
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "1");
    // Imported again it is managed like one that was created here.
    creator.import(ADDRESS, &stand_in.id_of("pub_one")).expect_success();
    assert_eq!(creator.attributes(ADDRESS)["adopted"], false);
    creator.write(&publication(&format!("{tables}\n  force_destroy = true")));
    creator.apply();
    creator.destroy();
    assert_eq!(stand_in.value("SELECT count(*) FROM pg_publication"), "0");
}

#[test]
fn a_slot_believes_no_mark_but_that_of_the_publications_own_resource() {
    let stand_in = with_tables(suite());
    let workspace = Workspace::new(&stand_in);
    let body = |rest: &str| format!("{}{SLOT}", publication(rest));
    workspace.write(&body(r#"tables = [{ name = "a" }]"#));
    workspace.apply();
    let first = oid(&stand_in);

    // Replaced by its resource: the slot continues, run by run.
    workspace.write(&body("all_tables = true\n  allow_replace = true"));
    workspace.apply();
    let second = oid(&stand_in);
    let mark = comment(&stand_in);
    assert!(mark.starts_with(&format!("neonrep: continues {first} ")), "{mark}");
    assert_eq!(workspace.attributes("neonrep_slot.this")["status"], "ok");
    workspace.write(&body("tables = [{ name = \"a\" }]\n  allow_replace = true"));
    workspace.apply();
    let third = oid(&stand_in);
    assert_eq!(workspace.plan().messages().matches("recreated").count(), 0);

    // Recreated outside, with a copy of the mark that names what the slot was created after.
    let nonce =
        comment(&stand_in).lines().last().and_then(|it| it.rsplit(' ').next().map(str::to_owned)).expect("a nonce");
    workspace.refresh();
    for forged in [
        format!("neonrep: continues {third}"),
        format!("neonrep: continues {second} {nonce}\nneonrep: continues {third} {nonce}"),
    ] {
        owner(
            &stand_in,
            &format!(
                "DROP PUBLICATION pub_one; CREATE PUBLICATION pub_one FOR TABLE a;
                 COMMENT ON PUBLICATION pub_one IS '{forged}'"
            ),
        );
        let plan = workspace.plan();
        plan.insist_warning("was recreated");
        plan.insist_warning("is not proved");
        assert!(plan.changes().contains(&"neonrep_slot.this update".to_owned()), "{:?}", plan.changes());
    }
    workspace.destroy();
}
