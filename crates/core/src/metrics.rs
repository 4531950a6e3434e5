//! The books as metrics, under OpenTelemetry's own names (semantic conventions for SDK metrics).

use crate::stats::{ExporterStats, Stats};

/// One metric at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name, for example `otel.sdk.span.started`.
    pub name: &'static str,
    /// What it counts.
    pub description: &'static str,
    /// Its unit as UCUM has it, for example `{span}` or `By`.
    pub unit: &'static str,
    /// Whether it only grows.
    pub kind: MetricKind,
    /// Its values, one for each set of attributes.
    pub points: Vec<MetricPoint>,
}

/// How a metric's value moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows, from zero at the start of the process.
    Counter,
    /// It goes up and down.
    UpDownCounter,
}

/// One value of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricPoint {
    /// What it is the value of.
    pub attributes: Vec<(&'static str, String)>,
    /// The value.
    pub value: u64,
}

const RESULT: &str = "otel.span.sampling_result";
const COMPONENT_NAME: &str = "otel.component.name";
const COMPONENT_TYPE: &str = "otel.component.type";
const ERROR_TYPE: &str = "error.type";

/// An exporter's values of one metric, each with the reason where it counts failures.
type Each<'a> = &'a dyn Fn(&ExporterStats) -> Vec<(Option<&'static str>, u64)>;

impl Stats {
    /// The books as metrics.
    ///
    /// Those whose names begin with `otel.` are what OpenTelemetry's semantic conventions say, the others are this SDK's own.
    /// Each exporter's queue counts as one batching span processor; components are numbered as the exporters are.
    ///
    /// ```
    /// use codomyrmex_core::{NullExporter, Tracer};
    /// let tracer = Tracer::builder("shop").exporter(NullExporter::new()).build();
    /// tracer.span("checkout").finish();
    /// let metrics = tracer.stats().metrics();
    /// let started = metrics.iter().find(|metric| metric.name == "otel.sdk.span.started").unwrap();
    /// assert_eq!(started.points[0].value, 1);
    /// ```
    pub fn metrics(&self) -> Vec<Metric> {
        let mut metrics = Vec::from(self.span_metrics());
        metrics.extend(self.processor_metrics());
        metrics.extend(self.exporter_metrics());
        metrics.extend(self.own_metrics());
        metrics.retain(|metric| !metric.points.is_empty());
        metrics
    }

    fn span_metrics(&self) -> [Metric; 2] {
        let sampled = |value, result: &str| MetricPoint {
            attributes: vec![(RESULT, result.to_owned())],
            value,
        };
        [
            Metric {
                name: "otel.sdk.span.started",
                description: "Spans that started.",
                unit: "{span}",
                kind: MetricKind::Counter,
                points: vec![
                    sampled(
                        self.started.saturating_sub(self.unsampled),
                        "RECORD_AND_SAMPLE",
                    ),
                    sampled(self.unsampled, "DROP"),
                ],
            },
            Metric {
                name: "otel.sdk.span.live",
                description: "Recorded spans that have not ended.",
                unit: "{span}",
                kind: MetricKind::UpDownCounter,
                points: vec![sampled(self.open, "RECORD_AND_SAMPLE")],
            },
        ]
    }

    fn processor_metrics(&self) -> [Metric; 3] {
        let points = |each: Each<'_>| self.points("batching_span_processor", each);
        [
            Metric {
                name: "otel.sdk.processor.span.queue.size",
                description: "Finished spans that wait for an exporter.",
                unit: "{span}",
                kind: MetricKind::UpDownCounter,
                points: points(&|row| vec![(None, row.queued.saturating_sub(row.in_flight))]),
            },
            Metric {
                name: "otel.sdk.processor.span.queue.capacity",
                description: "The most spans that may wait, where they are limited beside their bytes.",
                unit: "{span}",
                kind: MetricKind::UpDownCounter,
                points: points(&|row| {
                    row.queue_capacity
                        .map(|most| (None, most))
                        .into_iter()
                        .collect()
                }),
            },
            Metric {
                name: "otel.sdk.processor.span.processed",
                description: "Finished spans that were handed to an exporter, or dropped before that.",
                unit: "{span}",
                kind: MetricKind::Counter,
                points: points(&|row| {
                    let handed_over = row.exported + row.dropped.export_failed + row.in_flight;
                    vec![
                        (None, handed_over),
                        (Some("queue_full"), row.dropped.queue_full),
                        (Some("limit"), row.dropped.limit),
                        (Some("already_shutdown"), row.dropped.shutdown),
                        (Some("hook"), row.dropped.hook),
                    ]
                }),
            },
        ]
    }

    fn exporter_metrics(&self) -> [Metric; 2] {
        [
            Metric {
                name: "otel.sdk.exporter.span.inflight",
                description: "Spans that an exporter is exporting.",
                unit: "{span}",
                kind: MetricKind::UpDownCounter,
                points: self.points("", &|row| vec![(None, row.in_flight)]),
            },
            Metric {
                name: "otel.sdk.exporter.span.exported",
                description: "Spans that an exporter delivered, or failed to.",
                unit: "{span}",
                kind: MetricKind::Counter,
                points: self.points("", &|row| {
                    let failed = row.dropped.export_failed.saturating_sub(row.rejected);
                    vec![
                        (None, row.exported),
                        (Some("export_failed"), failed),
                        (Some("rejected"), row.rejected),
                    ]
                }),
            },
        ]
    }

    fn own_metrics(&self) -> [Metric; 7] {
        use MetricKind::{Counter, UpDownCounter};
        let one = |name, description, unit, kind, value| Metric {
            name,
            description,
            unit,
            kind,
            points: vec![MetricPoint {
                attributes: Vec::new(),
                value,
            }],
        };
        [
            one(
                "codomyrmex.sdk.span.abandoned",
                "Spans that were given up unfinished.",
                "{span}",
                Counter,
                self.abandoned,
            ),
            one(
                "codomyrmex.sdk.span.ignored_calls",
                "Calls on spans that had finished.",
                "{call}",
                Counter,
                self.ignored_after_finish,
            ),
            one(
                "codomyrmex.sdk.value.redacted",
                "Values that redaction replaced or cut.",
                "{value}",
                Counter,
                self.redacted,
            ),
            one(
                "codomyrmex.sdk.value.truncated",
                "Values that a length limit cut.",
                "{value}",
                Counter,
                self.truncated,
            ),
            one(
                "codomyrmex.sdk.value.over_limit",
                "Attributes, events and links beyond their span's limits.",
                "{value}",
                Counter,
                self.over_limit,
            ),
            one(
                "codomyrmex.sdk.buffer.usage",
                "Bytes of buffers in use.",
                "By",
                UpDownCounter,
                self.queue_bytes,
            ),
            one(
                "codomyrmex.sdk.buffer.limit",
                "The most bytes of buffers.",
                "By",
                UpDownCounter,
                self.queue_limit,
            ),
        ]
    }

    /// The points of each exporter's component: of this type, or of the exporter's own where that is empty. Reasons that
    /// never happened are left out.
    fn points(&self, component: &str, each: Each<'_>) -> Vec<MetricPoint> {
        let mut points = Vec::new();
        for (number, row) in self.exporters.iter().enumerate() {
            let component = if component.is_empty() {
                &row.name
            } else {
                component
            };
            for (error, value) in each(row) {
                if error.is_some() && value == 0 {
                    continue;
                }
                let mut attributes = vec![
                    (COMPONENT_NAME, format!("{component}/{number}")),
                    (COMPONENT_TYPE, component.to_owned()),
                ];
                attributes.extend(error.map(|error| (ERROR_TYPE, error.to_owned())));
                points.push(MetricPoint { attributes, value });
            }
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Dropped;

    fn value(stats: &Stats, name: &str, error: Option<&str>) -> Option<u64> {
        let metrics = stats.metrics();
        let metric = metrics.iter().find(|metric| metric.name == name)?;
        let found = metric.points.iter().find(|point| {
            let of = point.attributes.iter().find(|(key, _)| *key == ERROR_TYPE);
            of.map(|(_, value)| value.as_str()) == error
        });
        found.map(|point| point.value)
    }

    #[test]
    fn every_reason_has_its_place_and_what_never_happened_has_none() {
        let dropped = Dropped {
            queue_full: 3,
            export_failed: 5,
            shutdown: 7,
            ..Dropped::default()
        };
        let stats = Stats {
            started: 40,
            unsampled: 4,
            recorded: 32,
            open: 4,
            exporters: vec![ExporterStats {
                name: "otlp".into(),
                exported: 11,
                dropped,
                queued: 6,
                in_flight: 2,
                rejected: 1,
                queue_capacity: None,
            }],
            ..Stats::default()
        };
        assert!(stats.balanced());
        let processed = "otel.sdk.processor.span.processed";
        assert_eq!(value(&stats, processed, None), Some(18));
        assert_eq!(value(&stats, processed, Some("queue_full")), Some(3));
        assert_eq!(value(&stats, processed, Some("already_shutdown")), Some(7));
        assert_eq!(value(&stats, processed, Some("hook")), None);
        let exported = "otel.sdk.exporter.span.exported";
        assert_eq!(value(&stats, exported, None), Some(11));
        assert_eq!(value(&stats, exported, Some("export_failed")), Some(4));
        assert_eq!(value(&stats, exported, Some("rejected")), Some(1));
        assert_eq!(
            value(&stats, "otel.sdk.exporter.span.inflight", None),
            Some(2)
        );
        assert_eq!(
            value(&stats, "otel.sdk.processor.span.queue.size", None),
            Some(4)
        );
        assert_eq!(
            value(&stats, "otel.sdk.processor.span.queue.capacity", None),
            None
        );
        assert_eq!(value(&stats, "otel.sdk.span.live", None), Some(4));
        assert_eq!(value(&stats, "otel.sdk.span.started", None), Some(36));
    }
}
