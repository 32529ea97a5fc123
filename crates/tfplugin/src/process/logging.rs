//! Log lines as Terraform reads them on stderr: hclog's JSON, one object per line. And the report of a panic.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::{self, Write as _};
use std::io::{self, Write as _};

use jiff::Timestamp;
use serde_json::{Map, Number, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

use super::about::About;
use super::environment;
use crate::printable;

/// go-plugin takes longer lines for plain text. Some room is left for its own additions.
const LINE_BYTES: usize = 60 * 1024;
/// Without any `TF_LOG` variable Terraform throws lines away; by hand and under `--debug` these are worth reading.
const QUIET: LevelFilter = LevelFilter::WARN;

/// Sets up logging and the panic report, once per process.
pub(crate) fn start(about: &About) {
    let level =
        level(&about.variable_suffix(), |name| environment::variable(name).and_then(|it| it.into_string().ok()));
    // A subscriber is there already only if the caller set its own: it is left in place.
    drop(tracing::subscriber::set_global_default(Registry::default().with(Hclog { level, crates: about.log_crates })));
    std::panic::set_hook(Box::new(|panic| {
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
        let place = panic.location().map(ToString::to_string);
        let report = panic_report(panic.payload_as_str(), place.as_deref(), backtrace.as_deref());
        write_stderr(&printable::lines(&report, LINE_BYTES));
    }));
}

/// The level of the most specific variable that is set.
fn level(suffix: &str, variable: impl Fn(&str) -> Option<String>) -> LevelFilter {
    [format!("TF_LOG_PROVIDER_{suffix}"), "TF_LOG_PROVIDER".to_owned(), "TF_LOG".to_owned()]
        .iter()
        .filter_map(|name| variable(name))
        .find(|value| !value.is_empty())
        .map_or(QUIET, |value| match value.to_ascii_uppercase().as_str() {
            "OFF" => LevelFilter::OFF,
            "ERROR" => LevelFilter::ERROR,
            "WARN" => LevelFilter::WARN,
            "INFO" => LevelFilter::INFO,
            "DEBUG" => LevelFilter::DEBUG,
            // TRACE, JSON, and what Terraform does with a word that it does not know.
            _ => LevelFilter::TRACE,
        })
}

/// What Terraform shows after its own error: it looks for a line that starts with `panic: ` and takes what follows.
fn panic_report(message: Option<&str>, place: Option<&str>, backtrace: Option<&str>) -> String {
    let mut report = format!("panic: {}\n", message.unwrap_or("without a message"));
    if let Some(place) = place {
        let _ = writeln!(report, "\tat {place}");
    }
    if let Some(backtrace) = backtrace {
        let _ = writeln!(report, "{backtrace}");
    }
    report
}

/// One write per report, so that lines of several threads do not mix. A closed stderr is nobody's to hear of.
fn write_stderr(text: &str) {
    drop(io::stderr().lock().write_all(text.as_bytes()));
}

/// The layer that writes our own events. Those of libraries are left out: h2 and hyper would drown ours.
struct Hclog {
    level: LevelFilter,
    crates: &'static [&'static str],
}

impl Hclog {
    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        is_ours(self.crates, metadata.target()) && *metadata.level() <= self.level
    }
}

fn is_ours(crates: &[&str], target: &str) -> bool {
    let named = target.split("::").next().unwrap_or_default();
    module_path!().split("::").next() == Some(named) || crates.contains(&named)
}

/// Fields of a span, kept for the events inside it.
struct Fields(Map<String, Value>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Hclog {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.wants(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _context: Context<'_, S>) -> bool {
        self.wants(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Map::new();
        attributes.record(&mut Collect(&mut fields));
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Fields(fields));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(&mut Collect(&mut fields.0));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Map::new();
        for span in context.event_scope(event).into_iter().flatten().collect::<Vec<_>>().into_iter().rev() {
            if let Some(Fields(outer)) = span.extensions().get::<Fields>() {
                fields.extend(outer.clone());
            }
        }
        event.record(&mut Collect(&mut fields));
        fields.values_mut().for_each(make_printable);
        let metadata = event.metadata();
        write_stderr(&line(Timestamp::now(), *metadata.level(), &module(metadata.target()), fields));
    }
}

/// Terraform prints what it reads out of the JSON, so control characters are escaped once more here.
fn make_printable(value: &mut Value) {
    if let Value::String(text) = value {
        *text = printable::lines(text, LINE_BYTES);
    }
}

/// Crate and layer: `sample::api::client` is `sample.api`.
fn module(target: &str) -> String {
    target.split("::").take(2).collect::<Vec<_>>().join(".")
}

/// One line, newline included. `message` among the fields becomes hclog's.
///
/// go-plugin panics in Terraform if one of the `@` keys is not a string, and takes a line with another form of time for
/// plain text.
fn line(time: Timestamp, level: Level, module: &str, mut fields: Map<String, Value>) -> String {
    let message = match fields.remove("message") {
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
        None => String::new(),
    };
    fields.retain(|name, _| !name.starts_with('@'));
    fields.insert("@timestamp".to_owned(), format!("{time:.6}").into());
    fields.insert("@level".to_owned(), level.as_str().to_ascii_lowercase().into());
    fields.insert("@module".to_owned(), module.into());
    fields.insert("@message".to_owned(), message.into());

    let mut object = Value::Object(fields);
    let mut text = object.to_string();
    while text.len() > LINE_BYTES && shorten(&mut object) {
        text = object.to_string();
    }
    text.push('\n');
    text
}

/// Halves the longest text of the line. False when there is nothing left to shorten.
fn shorten(object: &mut Value) -> bool {
    let Some(longest) =
        object.as_object_mut().and_then(|it| it.values_mut().max_by_key(|value| value.as_str().map_or(0, str::len)))
    else {
        return false;
    };
    match longest.as_str() {
        Some(text) if text.len() > 64 => {
            *longest = format!("{}…", &text[..text.floor_char_boundary(text.len() / 2)]).into();
            true
        }
        _ => false,
    }
}

/// Takes fields into JSON.
struct Collect<'a>(&'a mut Map<String, Value>);

impl Collect<'_> {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Collect<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        match Number::from_f64(value) {
            Some(number) => self.put(field, number),
            None => self.put(field, value.to_string()),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &Value) -> Map<String, Value> {
        json.as_object().unwrap().clone()
    }

    #[test]
    fn a_line_has_hclogs_form() {
        let time: Timestamp = "2026-01-02T03:04:05.6Z".parse().unwrap();
        let fields =
            fields(&serde_json::json!({ "message": "call ended", "tf_rpc": "ReadResource", "@level": 3, "n": 5 }));
        assert_eq!(
            line(time, Level::WARN, "sample.protocol", fields),
            concat!(
                r#"{"@level":"warn","@message":"call ended","@module":"sample.protocol","@timestamp":"2026-01-02T03:04:05.600000Z","#,
                r#""n":5,"tf_rpc":"ReadResource"}"#,
                "\n"
            )
        );
    }

    #[test]
    fn lines_stay_short_enough_for_go_plugin() {
        let long = "ü\u{1}".repeat(200_000);
        let fields = fields(&serde_json::json!({ "message": long, "detail": long, "tf_rpc": "x" }));
        let text = line(Timestamp::UNIX_EPOCH, Level::INFO, "m", fields);
        assert!(text.len() <= 64 * 1024, "{}", text.len());
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["tf_rpc"], "x");
        assert!(json["@message"].as_str().unwrap().len() > 1000);
    }

    #[test]
    fn fields_are_printable_and_hold_no_secret() {
        crate::secrets::remember("a token that is logged");
        let mut value = Value::from("\u{1b}[31m a token that is logged\n\u{9b}");
        make_printable(&mut value);
        assert_eq!(value, Value::from("\\u{1b}[31m (sensitive value)\n\\u{9b}"));
    }

    #[test]
    fn the_most_specific_variable_decides() {
        let cases: [(&[(&str, &str)], LevelFilter); 9] = [
            (&[], QUIET),
            (&[("TF_LOG", "debug")], LevelFilter::DEBUG),
            (&[("TF_LOG", "JSON")], LevelFilter::TRACE),
            (&[("TF_LOG", "loud")], LevelFilter::TRACE),
            (&[("TF_LOG", "TRACE"), ("TF_LOG_PROVIDER", "ERROR")], LevelFilter::ERROR),
            (&[("TF_LOG", "TRACE"), ("TF_LOG_PROVIDER", "")], LevelFilter::TRACE),
            (&[("TF_LOG_PROVIDER", "OFF"), ("TF_LOG_PROVIDER_MY_SAMPLE", "INFO")], LevelFilter::INFO),
            (&[("TF_LOG_PROVIDER_OTHER", "INFO"), ("TF_LOG", "OFF")], LevelFilter::OFF),
            (&[("TF_LOG_CORE", "TRACE")], QUIET),
        ];
        for (variables, expected) in cases {
            let found = level("MY_SAMPLE", |name| {
                variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            });
            assert_eq!(found, expected, "{variables:?}");
        }
    }

    #[test]
    fn libraries_are_not_ours() {
        assert!(is_ours(&["sample"], "sample::api::client"));
        assert!(is_ours(&["sample"], "sample"));
        assert!(!is_ours(&["sample"], "h2::codec"));
        assert!(!is_ours(&["sample"], "samplex"));
        assert_eq!(module("sample::api::client"), "sample.api");
    }

    #[test]
    fn a_panic_report_starts_as_terraform_wants_it() {
        assert_eq!(panic_report(Some("index 3"), Some("src/x.rs:1:2"), None), "panic: index 3\n\tat src/x.rs:1:2\n");
        assert_eq!(panic_report(None, None, Some("0: f")), "panic: without a message\n0: f\n");
    }
}
