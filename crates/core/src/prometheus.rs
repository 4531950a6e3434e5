//! The books in Prometheus' text format.

use std::fmt::Write;

use crate::metrics::{Metric, MetricKind};
use crate::stats::Stats;

impl Stats {
    /// The [metrics](Self::metrics) in Prometheus' text format (`text/plain; version=0.0.4`), for an endpoint of your own.
    ///
    /// Names are translated as OpenTelemetry's compatibility specification says: dots become underscores, bytes and counters
    /// show in the suffix.
    ///
    /// ```
    /// use codomyrmex_core::{NullExporter, Tracer};
    /// let tracer = Tracer::builder("shop").exporter(NullExporter::new()).build();
    /// tracer.span("checkout").finish();
    /// let text = tracer.stats().to_prometheus();
    /// assert!(text.contains("otel_sdk_span_started_total{otel_span_sampling_result=\"RECORD_AND_SAMPLE\"} 1\n"));
    /// ```
    pub fn to_prometheus(&self) -> String {
        let mut text = String::new();
        for metric in self.metrics() {
            // Writing to a string cannot fail.
            let _ = push(&mut text, &metric);
        }
        text
    }
}

fn push(text: &mut String, metric: &Metric) -> std::fmt::Result {
    let mut name = translated(metric.name);
    if metric.unit == "By" {
        name.push_str("_bytes");
    }
    let kind = match metric.kind {
        MetricKind::Counter => {
            name.push_str("_total");
            "counter"
        }
        MetricKind::UpDownCounter => "gauge",
    };
    writeln!(text, "# HELP {name} {}", escaped(metric.description, false))?;
    writeln!(text, "# TYPE {name} {kind}")?;
    for point in &metric.points {
        text.push_str(&name);
        for (index, (key, value)) in point.attributes.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            write!(
                text,
                "{before}{}=\"{}\"",
                translated(key),
                escaped(value, true)
            )?;
        }
        if !point.attributes.is_empty() {
            text.push('}');
        }
        writeln!(text, " {}", point.value)?;
    }
    Ok(())
}

fn translated(name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    name.chars().map(allowed).collect()
}

fn escaped(text: &str, quotes: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{Dropped, ExporterStats};

    #[test]
    fn the_text_has_each_family_once_and_labels_escaped() {
        let row = |name: &str, exported| ExporterStats {
            name: name.into(),
            exported,
            ..ExporterStats::default()
        };
        let stats = Stats {
            started: 5,
            recorded: 5,
            exporters: vec![
                row("a\\b\"c\nd", 5),
                ExporterStats {
                    dropped: Dropped {
                        queue_full: 2,
                        ..Dropped::default()
                    },
                    ..row("otlp", 3)
                },
            ],
            queue_bytes: 16,
            ..Stats::default()
        };
        let text = stats.to_prometheus();
        let of = |family: &str| -> Vec<&str> {
            text.lines().filter(|line| line.contains(family)).collect()
        };
        assert_eq!(
            of("otel_sdk_exporter_span_exported"),
            [
                "# HELP otel_sdk_exporter_span_exported_total Spans that an exporter delivered, or failed to.",
                "# TYPE otel_sdk_exporter_span_exported_total counter",
                r#"otel_sdk_exporter_span_exported_total{otel_component_name="a\\b\"c\nd/0",otel_component_type="a\\b\"c\nd"} 5"#,
                r#"otel_sdk_exporter_span_exported_total{otel_component_name="otlp/1",otel_component_type="otlp"} 3"#,
            ]
        );
        assert_eq!(
            of("otel_sdk_processor_span_processed_total{"),
            [
                r#"otel_sdk_processor_span_processed_total{otel_component_name="batching_span_processor/0",otel_component_type="batching_span_processor"} 5"#,
                r#"otel_sdk_processor_span_processed_total{otel_component_name="batching_span_processor/1",otel_component_type="batching_span_processor"} 3"#,
                r#"otel_sdk_processor_span_processed_total{otel_component_name="batching_span_processor/1",otel_component_type="batching_span_processor",error_type="queue_full"} 2"#,
            ]
        );
        assert_eq!(of("codomyrmex_sdk_buffer_usage_bytes").len(), 3);
        assert!(text.contains(
            "# TYPE codomyrmex_sdk_buffer_usage_bytes gauge\ncodomyrmex_sdk_buffer_usage_bytes 16\n"
        ));
        assert!(text.ends_with('\n'));
    }
}
