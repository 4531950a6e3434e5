//! The names of the variables, and what is said of names that are none.

pub(super) const OWN: &str = "CODOMYRMEX_";
pub(super) const STANDARD: &str = "OTEL_";

/// Variables that are read under both prefixes.
const SHARED: &[&str] = &[
    "SDK_DISABLED",
    "SERVICE_NAME",
    "RESOURCE_ATTRIBUTES",
    "TRACES_EXPORTER",
    "TRACES_SAMPLER",
    "TRACES_SAMPLER_ARG",
    "SPAN_ATTRIBUTE_COUNT_LIMIT",
    "ATTRIBUTE_COUNT_LIMIT",
    "SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "SPAN_EVENT_COUNT_LIMIT",
    "SPAN_LINK_COUNT_LIMIT",
    "EVENT_ATTRIBUTE_COUNT_LIMIT",
    "LINK_ATTRIBUTE_COUNT_LIMIT",
    "BSP_SCHEDULE_DELAY",
    "BSP_MAX_QUEUE_SIZE",
    "BSP_MAX_EXPORT_BATCH_SIZE",
    "BSP_EXPORT_TIMEOUT",
    "PROPAGATORS",
    "EXPORTER_OTLP_ENDPOINT",
    "EXPORTER_OTLP_TRACES_ENDPOINT",
    "EXPORTER_OTLP_PROTOCOL",
    "EXPORTER_OTLP_TRACES_PROTOCOL",
    "EXPORTER_OTLP_HEADERS",
    "EXPORTER_OTLP_TRACES_HEADERS",
    "EXPORTER_OTLP_TIMEOUT",
    "EXPORTER_OTLP_TRACES_TIMEOUT",
    "EXPORTER_OTLP_COMPRESSION",
    "EXPORTER_OTLP_TRACES_COMPRESSION",
    "EXPORTER_OTLP_INSECURE",
    "EXPORTER_OTLP_TRACES_INSECURE",
    "EXPORTER_OTLP_CERTIFICATE",
    "EXPORTER_OTLP_TRACES_CERTIFICATE",
    "EXPORTER_OTLP_CLIENT_CERTIFICATE",
    "EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
    "EXPORTER_OTLP_CLIENT_KEY",
    "EXPORTER_OTLP_TRACES_CLIENT_KEY",
    "EXPORTER_ZIPKIN_ENDPOINT",
    "EXPORTER_ZIPKIN_TIMEOUT",
];

/// Variables that only exist with our prefix.
pub(super) const OURS: &[&str] = &[
    "REDACT",
    "QUEUE_BYTES",
    "EXPORTER_FILE_PATH",
    "EXPORTER_FILE_MAX_BYTES",
    "EXPORTER_FILE_KEPT",
    "WHEN_FULL",
    "BOOKS_ON_THE_WIRE",
    "PARENT_FROM_ENVIRONMENT",
    "FLUSH_ON_SIGTERM",
];

/// Beginnings of names that OpenTelemetry knows and that mean nothing here yet.
const LATER: &[&str] = &["EXPORTER_ZIPKIN_", "LOG_LEVEL"];

/// What there is to say of a variable with our prefix, which is not part of `name`; None where it is known.
pub(super) fn unknown(name: &str) -> Option<String> {
    if known().any(|known| known == name) {
        return None;
    }
    if LATER.iter().any(|later| name.starts_with(later)) {
        return Some(format!("{OWN}{name} has no effect in this version"));
    }
    Some(match nearest(name) {
        Some(nearest) => format!("{OWN}{name} is unknown: did you mean {OWN}{nearest}?"),
        None => format!("{OWN}{name} is unknown"),
    })
}

fn known() -> impl Iterator<Item = &'static str> {
    SHARED.iter().chain(OURS).copied()
}

/// The known name that differs from this one in the fewest letters, if those are few.
fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_uppercase();
    let allowed = (name.len() / 3).max(2);
    known()
        .map(|known| (edit_distance(&name, known), known))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, known)| known)
}

/// How many bytes have to be inserted, removed or replaced to make `to` of `from` (Levenshtein).
fn edit_distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, from_byte) in from.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to_byte) in to.bytes().enumerate() {
            let replaced = diagonal + usize::from(from_byte != to_byte);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}
