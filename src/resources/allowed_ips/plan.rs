//! What a plan comes to, by values alone: another spelling of the same addresses is no change.

use tfplugin::{Attr, Plan};

use super::model::{Model, common, has};

pub(super) fn modify(plan: &mut Plan<Model>) {
    let Some(planned) = &mut plan.planned else { return };
    planned.id = planned.project_id.clone();
    let Some(prior) = plan.prior.as_ref().filter(|_| plan.requires_replace.is_empty()) else {
        planned.preexisting = Attr::Unknown;
        return;
    };
    planned.preexisting = match (&prior.ips, &planned.ips) {
        (Attr::Known(was), Attr::Known(wanted)) => {
            let grows = wanted.iter().any(|it| !has(was, it));
            if !grows && was.iter().all(|it| has(wanted, it)) {
                planned.ips = prior.ips.clone();
            }
            match (&prior.preexisting, &planned.ips) {
                (Attr::Known(before), Attr::Known(wanted)) if !grows => Attr::Known(common(before, wanted)),
                _ => Attr::Unknown,
            }
        }
        _ => Attr::Unknown,
    };
}
