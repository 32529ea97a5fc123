//! The password of a role: what a plan may promise of it, when it is rotated, and how it comes into the state.

use tfplugin::{Attr, Diagnostic, Diagnostics, path};

use super::{Model, Place};
use crate::context::Context;
use crate::explain;
use crate::neon::{Budget, Kind};
use crate::secret::Secret;
use crate::session::Session;

/// The planned value: null where it is not kept, what it was where nothing gives a new one, else unknown.
pub(super) fn planned(prior: Option<&Model>, planned: &Model) -> Attr<String> {
    match (planned.store_password, prior) {
        (Attr::Null | Attr::Known(false), _) => Attr::Null,
        (Attr::Known(true), Some(prior)) if prior.store_password.is_true() && !may_rotate(prior, planned) => {
            prior.password.clone()
        }
        (Attr::Known(true) | Attr::Unknown, _) => Attr::Unknown,
    }
}

/// Whether an update gives a new password: `rotate_when_changed` goes from one value to another. The first value
/// rotates nothing, nor does taking it away.
pub(super) fn rotates(prior: &Model, planned: &Model) -> bool {
    match (&prior.rotate_when_changed, &planned.rotate_when_changed) {
        (Attr::Known(before), Attr::Known(after)) => before != after,
        _ => false,
    }
}

/// The same for a plan: a value that is not known yet may be another one.
fn may_rotate(prior: &Model, planned: &Model) -> bool {
    rotates(prior, planned) || (!prior.rotate_when_changed.is_null() && planned.rotate_when_changed.is_unknown())
}

/// Said when a rotation is planned.
pub(super) fn rotation_warning(planned: &Model) -> Diagnostic {
    let name = planned.name.known().map_or("", String::as_str);
    Diagnostic::warning(
        format!("Password of role `{name}` is about to change"),
        "`rotate_when_changed` has another value: Neon gives the role a new password, which drops its open connections. Its \
         consumer stops until it has the new password.",
    )
    .at(path!(rotate_when_changed))
}

/// Said when it has happened.
pub(super) fn rotated_warning(name: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("Role `{name}` has a new password"),
        "Its open connections were dropped. Give the new password to the consumer: `data.neonrep_connection` with \
         `include_password = true` reads it.",
    )
    .at(path!(rotate_when_changed))
}

/// The model with the password of an answer, if it is wanted and in there.
pub(super) fn with_answer(model: Model, password: Option<&Secret>) -> Model {
    let found = || password.map(|it| it.expose().to_owned()).into();
    Model { password: model.password.clone().or_found(found), ..model }
}

/// The model with an unknown password filled: from the answer, else asked for. It is no failure of a finished change
/// that it cannot be read.
pub(super) async fn filled(
    cx: &Context,
    model: Model,
    place: &Place,
    answer: Option<&Secret>,
    budget: &Budget,
) -> Model {
    if !model.password.is_unknown() {
        return model;
    }
    if answer.is_some() {
        return with_answer(model, answer);
    }
    let neon = cx.data().session.neon();
    match neon.reveal_password(&place.project, &place.branch, place.name.as_str(), budget).await {
        Ok(password) => with_answer(model, Some(&password)),
        Err(error) => {
            let (summary, detail) = if error.kind() == Kind::PasswordsNotStored {
                let why = "The project does not store passwords, so it can only be had when it is made: give the role a new \
                           one by changing `rotate_when_changed`.";
                (format!("Password of role `{}` is not known", place.name), why.to_owned())
            } else {
                let why = explain::neon(&format!("read the password of role `{}`", place.name), &error);
                (why.summary, format!("{}\n\nThe role itself is as planned; the next plan reads it again.", why.detail))
            };
            cx.warn(Diagnostic::warning(summary, detail).at(path!(password)));
            Model { password: Attr::Null, ..model }
        }
    }
}

/// The state with the password as it is now. What the API does not show stays as it was.
pub(super) async fn read(
    session: &Session,
    state: Model,
    place: &Place,
    budget: &Budget,
) -> Result<Model, Diagnostics> {
    if !state.store_password.is_true() {
        return Ok(Model { password: Attr::Null, ..state });
    }
    match session.neon().reveal_password(&place.project, &place.branch, place.name.as_str(), budget).await {
        Ok(password) => Ok(Model { password: password.expose().to_owned().into(), ..state }),
        // The project keeps none, or the role may not log in: it was read itself.
        Err(error) if matches!(error.kind(), Kind::PasswordsNotStored | Kind::NotFound) => Ok(state),
        Err(error) => Err(explain::neon(&format!("read the password of role `{}`", place.name), &error).into()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use tfplugin::Resource;
    use tfplugin::model;

    fn role(store: Attr<bool>, rotate: Attr<&str>, password: Attr<&str>) -> Model {
        let nulls: Model = model::nulls(&super::super::Role::schema()).unwrap();
        Model {
            store_password: store,
            rotate_when_changed: rotate.map(|it| BTreeMap::from([("v".to_owned(), it.to_owned().into())])),
            password: password.map(str::to_owned),
            ..nulls
        }
    }

    #[test]
    fn a_plan_promises_no_more_than_it_knows() {
        use Attr::{Known, Null, Unknown};
        let (on, off) = (Known(true), Known(false));
        let cases = [
            ("create, not kept", None, role(off, Null, Unknown), Null),
            ("create, kept", None, role(on, Null, Unknown), Unknown),
            ("create, not known whether", None, role(Unknown, Null, Unknown), Unknown),
            ("kept on", Some(role(on, Null, Known("a"))), role(on, Null, Unknown), Known("a")),
            ("kept on, not shown", Some(role(on, Null, Null)), role(on, Null, Unknown), Null),
            ("from now on", Some(role(off, Null, Null)), role(on, Null, Unknown), Unknown),
            ("no more", Some(role(on, Null, Known("a"))), role(off, Null, Unknown), Null),
            ("rotated", Some(role(on, Known("1"), Known("a"))), role(on, Known("2"), Unknown), Unknown),
            ("perhaps rotated", Some(role(on, Known("1"), Known("a"))), role(on, Unknown, Unknown), Unknown),
            ("first value", Some(role(on, Null, Known("a"))), role(on, Known("1"), Unknown), Known("a")),
            ("value taken away", Some(role(on, Known("1"), Known("a"))), role(on, Null, Unknown), Known("a")),
            ("rotated, not kept", Some(role(off, Known("1"), Null)), role(off, Known("2"), Unknown), Null),
        ];
        for (what, prior, wanted, expected) in cases {
            assert_eq!(planned(prior.as_ref(), &wanted), expected.map(str::to_owned), "{what}");
        }
    }

    #[test]
    fn only_another_value_rotates() {
        use Attr::{Known, Null, Unknown};
        let with = |rotate| role(Known(false), rotate, Null);
        for (before, after, expected) in [
            (Null, Null, false),
            (Null, Known("1"), false),
            (Known("1"), Null, false),
            (Known("1"), Known("1"), false),
            (Known("1"), Known("2"), true),
            (Known("1"), Unknown, false),
        ] {
            assert_eq!(rotates(&with(before), &with(after)), expected, "{before:?} {after:?}");
        }
    }
}
