//! What the environment says of the exporters for Zipkin and for files.

use std::path::PathBuf;
use std::time::Duration;

use codomyrmex_tracing::environment::{Environment, ExporterChoice, Settings};
use codomyrmex_tracing::{OtlpFileExporter, ZipkinExporter};

fn settings(variables: &[(&str, &str)]) -> Settings {
    Environment::from_pairs(variables.iter().copied()).settings()
}

/// The exporters chosen and what was warned of.
fn chosen(variables: &[(&str, &str)]) -> (Vec<ExporterChoice>, Vec<String>) {
    let settings = settings(variables);
    (settings.exporters.unwrap_or_default(), settings.warnings)
}

#[test]
fn zipkin_has_its_endpoint_and_its_timeout() {
    let zipkin = || ZipkinExporter::builder();
    for (variables, wanted) in [
        (&[][..], zipkin()),
        (
            &[("OTEL_EXPORTER_ZIPKIN_ENDPOINT", "http://a:1/own")],
            zipkin().endpoint("http://a:1/own"),
        ),
        (
            &[
                ("OTEL_EXPORTER_ZIPKIN_TIMEOUT", "500"),
                ("CODOMYRMEX_EXPORTER_ZIPKIN_TIMEOUT", "700"),
            ],
            zipkin().timeout(Duration::from_millis(700)),
        ),
    ] {
        let mut variables = variables.to_vec();
        variables.push(("OTEL_TRACES_EXPORTER", "zipkin"));
        assert_eq!(
            chosen(&variables),
            (vec![ExporterChoice::Zipkin(Box::new(wanted))], vec![]),
            "{variables:?}"
        );
    }
}

#[test]
fn a_mistake_is_told_and_the_default_holds() {
    let settings = settings(&[
        ("OTEL_EXPORTER_ZIPKIN_ENDPOINT", "hunter2:9411"),
        ("OTEL_EXPORTER_ZIPKIN_TIMEOUT", "0"),
    ]);
    assert_eq!(settings.zipkin, ZipkinExporter::builder());
    assert_eq!(settings.warnings.len(), 2, "{:?}", settings.warnings);
    assert!(settings.warnings[0].contains("has no scheme"));
    assert!(!settings.warnings[0].contains("hunter2"));
}

#[test]
fn lines_go_to_standard_output_or_to_the_file_that_is_named() {
    let standard = ExporterChoice::OtlpFile(OtlpFileExporter::builder());
    assert_eq!(
        chosen(&[("OTEL_TRACES_EXPORTER", "otlp/stdout")]),
        (vec![standard], vec![])
    );
    let file = OtlpFileExporter::builder()
        .path(PathBuf::from("spans.jsonl"))
        .max_bytes(1000)
        .kept(1);
    assert_eq!(
        chosen(&[
            ("CODOMYRMEX_TRACES_EXPORTER", "otlp/file"),
            ("CODOMYRMEX_EXPORTER_FILE_PATH", "spans.jsonl"),
            ("CODOMYRMEX_EXPORTER_FILE_MAX_BYTES", "1000"),
            ("CODOMYRMEX_EXPORTER_FILE_KEPT", "1"),
        ]),
        (vec![ExporterChoice::OtlpFile(file)], vec![])
    );
}

#[test]
fn a_file_without_a_name_is_told() {
    let (exporters, warnings) = chosen(&[("CODOMYRMEX_TRACES_EXPORTER", "otlp/file")]);
    assert_eq!(exporters, []);
    assert_eq!(
        warnings,
        ["no spans are written to a file: CODOMYRMEX_EXPORTER_FILE_PATH does not name it"]
    );
}
