//! What the environment's variables mean for the OTLP exporter.
#![cfg(feature = "otlp")]

use std::time::Duration;

use codomyrmex_tracing::environment::{Environment, ExporterChoice, Settings};
use codomyrmex_tracing::otlp::{Compression, OtlpExporterBuilder, Protocol};
use codomyrmex_tracing::{OtlpExporter, Tracer};

fn settings(pairs: &[(&str, &str)]) -> Settings {
    Environment::from_pairs(pairs.iter().copied()).settings()
}

/// The exporter of these variables, which stand here without their beginning and are all understood.
fn otlp(pairs: &[(&str, &str)]) -> OtlpExporterBuilder {
    let settings = Environment::from_pairs(
        pairs
            .iter()
            .map(|(name, value)| (format!("OTEL_EXPORTER_OTLP_{name}"), *value)),
    )
    .settings();
    assert_eq!(settings.warnings, Vec::<String>::new());
    settings.otlp
}

fn plain() -> OtlpExporterBuilder {
    OtlpExporter::builder()
}

#[test]
fn an_empty_environment_leaves_the_defaults() {
    assert_eq!(otlp(&[]), plain());
    assert_eq!(otlp(&[("ENDPOINT", " "), ("TRACES_HEADERS", "")]), plain());
}

#[test]
fn every_option_is_read() {
    let read = otlp(&[
        ("ENDPOINT", "http://collector:4318/otlp"),
        ("PROTOCOL", "HTTP/Protobuf"),
        ("HEADERS", "authorization=Bearer%20abc,x-a=1"),
        ("TIMEOUT", "2500"),
        ("COMPRESSION", "GZIP"),
        ("INSECURE", "True"),
    ]);
    let written = plain()
        .base_endpoint("http://collector:4318/otlp")
        .protocol(Protocol::HttpProtobuf)
        .header("authorization", "Bearer abc")
        .header("x-a", "1")
        .timeout(Duration::from_millis(2500))
        .compression(Compression::Gzip)
        .insecure(true);
    assert_eq!(read, written);
}

#[test]
fn what_is_for_traces_wins_and_its_endpoint_is_taken_as_it_stands() {
    let read = otlp(&[
        ("TRACES_ENDPOINT", "http://traces:1/own"),
        ("ENDPOINT", "http://all:1"),
        ("TRACES_HEADERS", "x-traces=1"),
        ("HEADERS", "x-all=1"),
        ("TRACES_TIMEOUT", "1000"),
        ("TIMEOUT", "2000"),
        ("TRACES_COMPRESSION", "none"),
        ("COMPRESSION", "gzip"),
        ("TRACES_INSECURE", "false"),
        ("INSECURE", "true"),
    ]);
    let written = plain()
        .endpoint("http://traces:1/own")
        .header("x-traces", "1")
        .timeout(Duration::from_secs(1));
    assert_eq!(read, written);
}

#[test]
fn our_name_wins_over_the_standard_one_and_traces_over_both() {
    let endpoint = |pairs: &[(&str, &str)]| settings(pairs).otlp;
    let (own_all, all) = (
        ("CODOMYRMEX_EXPORTER_OTLP_ENDPOINT", "http://own:1"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:1"),
    );
    let traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:1/x");
    assert_eq!(
        endpoint(&[own_all, all]),
        plain().base_endpoint("http://own:1")
    );
    assert_eq!(
        endpoint(&[own_all, all, traces]),
        plain().endpoint("http://traces:1/x")
    );
}

#[test]
fn nonsense_is_warned_of_in_one_line_each_and_the_next_value_counts() {
    let settings = settings(&[
        ("CODOMYRMEX_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "10s"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip"),
        ("OTEL_EXPORTER_OTLP_INSECURE", "yes"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key"),
    ]);
    assert_eq!(
        settings.warnings,
        [
            "OTEL_EXPORTER_OTLP_PROTOCOL is ignored: there are only http/protobuf, http/json and grpc",
            "OTEL_EXPORTER_OTLP_INSECURE is ignored: \"yes\" is neither true nor false",
            "CODOMYRMEX_EXPORTER_OTLP_ENDPOINT is ignored: the OTLP endpoint has no scheme: write it as http://host:port or https://host:port",
            "OTEL_EXPORTER_OTLP_HEADERS is ignored: entry 1 of the OTLP headers is not of the form name=value with a percent-encoded value",
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT is ignored: \"10s\" is no whole number of milliseconds",
            "OTEL_EXPORTER_OTLP_TIMEOUT is ignored: a time of zero leaves none for an answer",
            "OTEL_EXPORTER_OTLP_COMPRESSION is ignored: there are only none, gzip and zstd",
        ]
    );
    assert_eq!(
        settings.otlp,
        plain().base_endpoint("http://collector:4318")
    );
}

#[test]
fn what_is_probably_a_mistake_is_obeyed_and_said() {
    let read = settings(&[
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://collector:4318",
        ),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10"),
    ]);
    assert_eq!(
        read.warnings,
        [
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT has no path, so spans go to /: append /v1/traces, or set EXPORTER_OTLP_ENDPOINT instead",
            "OTEL_EXPORTER_OTLP_TIMEOUT counts milliseconds: 10 of them are little time (for seconds, write 10000)",
        ]
    );
    let written = plain()
        .endpoint("http://collector:4318/")
        .timeout(Duration::from_millis(10));
    assert_eq!(read.otlp, written);
}

#[test]
fn warnings_and_debug_show_no_secret() {
    let settings = settings(&[
        ("OTEL_TRACES_EXPORTER", "otlp"),
        (
            "CODOMYRMEX_EXPORTER_OTLP_ENDPOINT",
            "http://user:hunter2@collector",
        ),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "http://collector/hunter2?key=hunter2",
        ),
        ("CODOMYRMEX_EXPORTER_OTLP_HEADERS", "hunter2"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=hunter2"),
    ]);
    assert_eq!(settings.warnings.len(), 2, "{:?}", settings.warnings);
    let shown = format!("{settings:?} {:#?}", settings.warnings);
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("x-key"), "{shown}");
}

#[test]
fn the_exporter_is_one_word_in_the_list() {
    let settings = settings(&[
        ("OTEL_TRACES_EXPORTER", "null, OTLP,otlp"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
    ]);
    let chosen = settings.exporters.clone().unwrap();
    let otlp = plain().base_endpoint("http://collector:4318");
    assert_eq!(
        chosen,
        [ExporterChoice::Null, ExporterChoice::Otlp(Box::new(otlp))]
    );
    let tracer: Tracer = settings.add_exporters(settings.builder("shop")).build();
    let names: Vec<_> = tracer
        .stats()
        .exporters
        .iter()
        .map(|exporter| exporter.name.clone())
        .collect();
    assert_eq!(names, ["null", "otlp"]);
}

/// How this exporter reaches its receiver, as it shows itself.
fn shown(otlp: &OtlpExporterBuilder) -> String {
    format!("{:?}", otlp.clone().build().unwrap())
}

#[test]
fn proxies_are_those_of_the_environment() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4318");
    let read = |pairs: &[(&str, &str)]| {
        let settings = settings(&[&[endpoint], pairs].concat());
        assert_eq!(settings.warnings, Vec::<String>::new());
        shown(&settings.otlp)
    };
    let (upper, lower) = (("HTTPS_PROXY", "http://up:1"), ("https_proxy", "low:1"));
    let all = ("all_proxy", "http://all:1");
    assert!(read(&[]).contains("proxy: None"));
    assert!(read(&[upper]).contains("proxy: Some(http://up:1)"));
    assert!(read(&[upper, lower, all]).contains("proxy: Some(http://low:1)"));
    assert!(read(&[all]).contains("proxy: Some(http://all:1)"));
    assert!(read(&[("HTTP_PROXY", "http://other:1")]).contains("proxy: None"));
    assert!(read(&[upper, ("NO_PROXY", "a,collector")]).contains("proxy: None"));
}

#[test]
fn a_proxy_that_a_web_server_s_client_could_have_chosen_is_not_read() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
    let read = |pairs: &[(&str, &str)]| shown(&settings(&[&[endpoint], pairs].concat()).otlp);
    let (upper, cgi) = (("HTTP_PROXY", "http://up:1"), ("REQUEST_METHOD", "GET"));
    assert!(read(&[upper]).contains("proxy: Some(http://up:1)"));
    assert!(read(&[upper, cgi]).contains("proxy: None"));
    assert!(read(&[("http_proxy", "low:1"), cgi]).contains("proxy: Some(http://low:1)"));
}

#[test]
fn a_proxy_that_cannot_be_used_is_warned_of_where_it_would_have_been() {
    let (socks, next) = (
        ("HTTPS_PROXY", "socks5://user:hunter2@proxy"),
        ("ALL_PROXY", "all:1"),
    );
    assert_eq!(settings(&[socks]).warnings, Vec::<String>::new());
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4318");
    let read = settings(&[endpoint, socks, next]);
    assert_eq!(
        read.warnings,
        [
            "HTTPS_PROXY is ignored: the OTLP proxy is spoken to in another way than HTTP: it has to begin with http://"
        ]
    );
    assert!(shown(&read.otlp).contains("proxy: Some(http://all:1)"));
}
