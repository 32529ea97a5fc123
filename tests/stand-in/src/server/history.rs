//! A moment of a branch's past, as a client asks for it, and whether the branch has it.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio_postgres::types::PgLsn;

use super::answer::Refusal;
use super::found;
use crate::app::App;
use crate::names;
use crate::postgres::history::Moment;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The present.
    Head,
    /// A moment of the past.
    Past(Moment),
}

impl Wanted {
    /// Reads it from a body or a query; the keys are those of the position and of the time.
    pub(super) fn read(sent: &Map<String, Value>, [lsn, timestamp]: [&str; 2]) -> Result<Self, Refusal> {
        let text = |key: &str| match sent.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Refusal::bad_request(format!("[{key}] must be a string"))),
        };
        match (text(lsn)?, text(timestamp)?) {
            (None, None) => Ok(Self::Head),
            (Some(_), Some(_)) => {
                Err(Refusal::bad_request(format!("{lsn} and {timestamp} cannot be specified at the same time")))
            }
            (Some(position), None) => match position.parse::<PgLsn>() {
                Ok(position) => Ok(Self::Past(Moment::Lsn(position))),
                Err(_) => Err(Refusal::bad_request(format!("[{lsn}] must be a Log Sequence Number such as 0/1E88838"))),
            },
            (None, Some(time)) => match time.parse::<Timestamp>() {
                Ok(time) => Ok(Self::Past(Moment::At(time))),
                Err(_) => Err(Refusal::bad_request(format!("[{timestamp}] must be an RFC 3339 time"))),
            },
        }
    }

    /// Whether a time or a position was given.
    pub(super) fn is_past(self) -> bool {
        self != Self::Head
    }

    /// The time as the API shows it; of a position it is not known and counts as now.
    pub(super) fn time(self) -> String {
        match self {
            Self::Past(Moment::At(time)) => names::time(time),
            Self::Past(Moment::Lsn(_)) | Self::Head => names::now(),
        }
    }

    /// The moment, if the branch has it in its past: not before its creation or its last restore, not longer ago than the
    /// project's history window, and not in the future.
    pub(super) async fn within(self, app: &App, project: &str, branch: &str) -> Result<Option<Moment>, Refusal> {
        let Self::Past(moment) = self else { return Ok(None) };
        let (window, name) = {
            let world = app.world();
            let (project, branch) = found::branch(&world, project, branch)?;
            (project.history_window(), branch.name.clone())
        };
        let compute = app.compute(branch).map_err(|_| no_history(&name))?;
        let end = compute.position().await?;
        let since = compute.since().ok_or_else(|| no_history(&name))?;
        let refused = |why: String| Err(Refusal::bad_request(format!("branch {name:?}: {why}")));
        match moment {
            Moment::At(time) => {
                let now = Timestamp::now();
                if time > now {
                    return refused(format!("timestamp {time} is in the future"));
                }
                // The API shows whole seconds, so the second in which it began counts as well.
                if time.as_second() < since.at.as_second() {
                    return refused(format!(
                        "timestamp {time} is before the branch's history, which begins at {}",
                        since.at
                    ));
                }
                if now.duration_since(time) > window {
                    return refused(format!("timestamp {time} is outside of the history window of {window:#}"));
                }
                Ok(Some(if time < since.at { Moment::Lsn(since.lsn) } else { moment }))
            }
            Moment::Lsn(lsn) => {
                if lsn < since.lsn {
                    return refused(format!("LSN {lsn} is before the branch's history, which begins at {}", since.lsn));
                }
                if lsn > end {
                    return refused(format!("LSN {lsn} is beyond the branch's last one, which is {end}"));
                }
                if window.is_zero() {
                    return refused("the project's history window is 0".to_owned());
                }
                Ok(Some(moment))
            }
        }
    }
}

fn no_history(branch: &str) -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, format!("branch {branch:?} has no history yet"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(sent: &Value) -> Result<Wanted, String> {
        let sent = sent.as_object().cloned().expect("an object");
        Wanted::read(&sent, ["source_lsn", "source_timestamp"]).map_err(|refusal| refusal.message)
    }

    #[test]
    fn a_moment_is_a_time_or_a_position() {
        assert_eq!(read(&json!({"source_lsn": null, "source_timestamp": ""})), Ok(Wanted::Head));
        let lsn = Wanted::Past(Moment::Lsn(0x1E8_8838.into()));
        assert_eq!(read(&json!({"source_lsn": "0/1E88838"})), Ok(lsn));
        let time = Timestamp::from_second(1_709_035_200).expect("a time");
        assert_eq!(read(&json!({"source_timestamp": "2024-02-27T13:00:00+01:00"})), Ok(Wanted::Past(Moment::At(time))));
        assert_eq!(Wanted::Past(Moment::At(time)).time(), "2024-02-27T12:00:00Z");
    }

    #[test]
    fn what_is_neither_is_refused() {
        for (sent, says) in [
            (json!({"source_lsn": "0/1", "source_timestamp": "2024-02-27T12:00:00Z"}), "same time"),
            (json!({"source_lsn": "last"}), "Log Sequence Number"),
            (json!({"source_lsn": 7}), "must be a string"),
            (json!({"source_timestamp": "yesterday"}), "RFC 3339"),
        ] {
            let message = read(&sent).expect_err("it is refused");
            assert!(message.contains(says), "{sent}: {message}");
        }
    }
}
