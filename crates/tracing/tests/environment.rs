//! What the environment's variables mean, without an environment.

use std::time::Duration;

use codomyrmex_tracing::environment::{Environment, ExporterChoice, Settings};
use codomyrmex_tracing::{Limits, Sample, WhenFull};

fn settings(pairs: &[(&str, &str)]) -> Settings {
    Environment::from_pairs(pairs.iter().copied()).settings()
}

fn sampler(pairs: &[(&str, &str)]) -> String {
    settings(pairs)
        .sampler
        .map_or_else(|| "none".to_owned(), |sampler| sampler.description())
}

/// The settings of these pairs, which are all understood.
fn clean(pairs: &[(&str, &str)]) -> Settings {
    let settings = settings(pairs);
    assert_eq!(settings.warnings, Vec::<String>::new());
    settings
}

#[test]
fn an_empty_environment_says_nothing() {
    for pairs in [
        &[][..],
        &[
            ("CODOMYRMEX_SERVICE_NAME", ""),
            ("OTEL_TRACES_EXPORTER", "  "),
        ],
    ] {
        let settings = clean(pairs);
        assert!(!settings.disabled);
        assert_eq!(settings.service_name, None);
        assert_eq!(settings.exporters, None);
        assert!(settings.sampler.is_none());
        assert_eq!(settings.limits, Limits::default());
        assert!(settings.redact.is_none());
        assert_eq!(settings.flush_interval, None);
        assert_eq!(settings.queue_bytes, None);
        assert!(settings.resource.attributes().is_empty());
    }
}

#[test]
fn our_name_wins_over_the_standard_one() {
    let both = [
        ("OTEL_SERVICE_NAME", "theirs"),
        ("CODOMYRMEX_SERVICE_NAME", "ours"),
    ];
    assert_eq!(clean(&both).service_name.as_deref(), Some("ours"));
    assert_eq!(clean(&both[..1]).service_name.as_deref(), Some("theirs"));
    let empty = [
        ("OTEL_SERVICE_NAME", "theirs"),
        ("CODOMYRMEX_SERVICE_NAME", ""),
    ];
    assert_eq!(clean(&empty).service_name.as_deref(), Some("theirs"));
}

#[test]
fn the_service_name_wins_over_the_resource_attribute() {
    let attributes = (
        "OTEL_RESOURCE_ATTRIBUTES",
        "service.name=attribute,team=a%2Cb",
    );
    let settings = clean(&[attributes, ("OTEL_SERVICE_NAME", "name")]);
    assert_eq!(settings.service_name.as_deref(), Some("name"));
    assert_eq!(
        settings.resource.get("team").and_then(|team| team.as_str()),
        Some("a,b")
    );
    assert_eq!(
        clean(&[attributes]).service_name.as_deref(),
        Some("attribute")
    );
}

#[test]
fn disabled_is_true_in_any_case_and_nothing_else() {
    assert!(clean(&[("OTEL_SDK_DISABLED", "True")]).disabled);
    assert!(
        !clean(&[
            ("OTEL_SDK_DISABLED", "true"),
            ("CODOMYRMEX_SDK_DISABLED", "false")
        ])
        .disabled
    );
    let settings = settings(&[("OTEL_SDK_DISABLED", "1")]);
    assert!(!settings.disabled);
    assert_eq!(
        settings.warnings,
        ["OTEL_SDK_DISABLED is ignored: \"1\" is neither true nor false"]
    );
}

#[test]
fn exporters_are_words_in_any_case_and_lists_of_them() {
    let exporters = |value| clean(&[("OTEL_TRACES_EXPORTER", value)]).exporters.unwrap();
    assert_eq!(exporters("CONSOLE"), [ExporterChoice::Console]);
    assert_eq!(
        exporters("null, console"),
        [ExporterChoice::Null, ExporterChoice::Console]
    );
    assert_eq!(exporters("none"), []);
}

#[test]
fn an_unknown_exporter_leaves_the_next_value() {
    let settings = settings(&[
        ("CODOMYRMEX_TRACES_EXPORTER", "consle"),
        ("OTEL_TRACES_EXPORTER", "console"),
    ]);
    assert_eq!(settings.exporters.unwrap(), [ExporterChoice::Console]);
    assert_eq!(
        settings.warnings,
        [
            "CODOMYRMEX_TRACES_EXPORTER is ignored: there is no exporter \"consle\", only otlp, otlp/file, otlp/stdout, zipkin, console, null and none"
        ]
    );
}

#[test]
fn samplers_have_an_argument() {
    assert_eq!(
        sampler(&[
            ("OTEL_TRACES_SAMPLER", "ParentBased_TraceIdRatio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25")
        ]),
        "ParentBased{root:TraceIdRatioBased{0.250000}}"
    );
    assert_eq!(
        sampler(&[
            ("OTEL_TRACES_SAMPLER", "always_off"),
            ("OTEL_TRACES_SAMPLER_ARG", "x")
        ]),
        "AlwaysOffSampler"
    );
    assert_eq!(
        sampler(&[
            ("OTEL_TRACES_SAMPLER", "traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.5"),
            ("CODOMYRMEX_TRACES_SAMPLER_ARG", "2"),
        ]),
        "TraceIdRatioBased{0.500000}"
    );
    assert_eq!(
        sampler(&[
            ("OTEL_TRACES_SAMPLER", "traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "half")
        ]),
        "TraceIdRatioBased{1.000000}"
    );
    assert_eq!(
        sampler(&[
            ("OTEL_TRACES_SAMPLER", "parentbased_rate_limit"),
            ("OTEL_TRACES_SAMPLER_ARG", "250")
        ]),
        "ParentBased{root:RateLimit{250}}"
    );
    assert_eq!(
        sampler(&[
            ("OTEL_TRACES_SAMPLER", "consistent_probability"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.1")
        ]),
        "ConsistentProbability{0.1}"
    );
    assert_eq!(sampler(&[("OTEL_TRACES_SAMPLER", "sometimes")]), "none");
}

#[test]
fn limits_are_read_and_the_span_s_own_win() {
    let settings = clean(&[
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "1"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "2"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "4"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "5"),
        ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "6"),
        ("CODOMYRMEX_LINK_ATTRIBUTE_COUNT_LIMIT", "7"),
    ]);
    assert_eq!(
        settings.limits,
        Limits {
            attributes: 2,
            attribute_value_length: Some(3),
            events: 4,
            links: 5,
            attributes_per_event: 6,
            attributes_per_link: 7,
        }
    );
    assert_eq!(
        clean(&[("OTEL_ATTRIBUTE_COUNT_LIMIT", "1")])
            .limits
            .attributes,
        1
    );
}

#[test]
fn what_is_no_number_is_ignored_with_a_warning() {
    let settings = settings(&[
        ("CODOMYRMEX_SPAN_LINK_COUNT_LIMIT", "many"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "5"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "-1"),
    ]);
    assert_eq!((settings.limits.links, settings.limits.events), (5, 128));
    assert_eq!(settings.warnings.len(), 2);
    assert!(settings.warnings.contains(
        &"CODOMYRMEX_SPAN_LINK_COUNT_LIMIT is ignored: \"many\" is no whole number, or too large".to_owned()
    ));
}

#[test]
fn batches_wait_milliseconds() {
    let settings = clean(&[
        ("OTEL_BSP_SCHEDULE_DELAY", "250"),
        ("CODOMYRMEX_QUEUE_BYTES", "65536"),
    ]);
    assert_eq!(settings.flush_interval, Some(Duration::from_millis(250)));
    assert_eq!(settings.queue_bytes, Some(65536));
}

#[test]
fn queues_and_batches_have_limits() {
    let settings = clean(&[
        ("OTEL_BSP_MAX_QUEUE_SIZE", "2048"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "512"),
        ("CODOMYRMEX_BSP_EXPORT_TIMEOUT", "2500"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "30000"),
        ("CODOMYRMEX_WHEN_FULL", "Wait:40"),
        ("CODOMYRMEX_BOOKS_ON_THE_WIRE", "false"),
    ]);
    assert_eq!(settings.max_queue_size, Some(2048));
    assert_eq!(settings.max_export_batch_size, Some(512));
    assert_eq!(settings.export_timeout, Some(Duration::from_millis(2500)));
    assert_eq!(
        settings.when_full,
        Some(WhenFull::Wait(Duration::from_millis(40)))
    );
    assert_eq!(settings.books_on_the_wire, Some(false));
    let tracer = settings
        .builder("shop")
        .exporter(codomyrmex_tracing::NullExporter::new())
        .build();
    assert_eq!(tracer.stats().exporters[0].queue_capacity, Some(2048));
    let settings = self::settings(&[("CODOMYRMEX_WHEN_FULL", "later")]);
    assert_eq!(settings.when_full, None);
    assert_eq!(settings.warnings.len(), 1, "{:?}", settings.warnings);
}

#[test]
fn redaction_is_ours_alone() {
    let redact = clean(&[
        ("CODOMYRMEX_REDACT", "+session,-cookie"),
        ("OTEL_REDACT", "off"),
    ])
    .redact
    .unwrap();
    assert!(
        redact.is_secret("session") && redact.is_secret("password") && !redact.is_secret("cookie")
    );
    assert!(
        !clean(&[("CODOMYRMEX_REDACT", "off")])
            .redact
            .unwrap()
            .is_secret("password")
    );
    assert!(clean(&[("OTEL_REDACT", "off")]).redact.is_none());
}

#[test]
fn sigterm_is_ours_alone() {
    assert!(clean(&[("CODOMYRMEX_FLUSH_ON_SIGTERM", "True")]).flush_on_sigterm);
    assert!(!clean(&[("OTEL_FLUSH_ON_SIGTERM", "true")]).flush_on_sigterm);
    assert!(!clean(&[]).flush_on_sigterm);
    let settings = settings(&[("CODOMYRMEX_FLUSH_ON_SIGTERM", "yes")]);
    assert!(!settings.flush_on_sigterm && settings.warnings.len() == 1);
}

#[test]
fn warnings_show_no_value_that_may_be_a_secret() {
    let settings = settings(&[
        ("OTEL_RESOURCE_ATTRIBUTES", "db.password=hunter2,broken"),
        ("CODOMYRMEX_REDACT", "+,hunter2"),
    ]);
    assert_eq!(settings.warnings.len(), 2);
    assert!(
        settings
            .warnings
            .iter()
            .all(|warning| !warning.contains("hunter2")),
        "{:?}",
        settings.warnings
    );
    assert!(settings.resource.attributes().is_empty());
}

#[test]
fn an_unknown_name_is_met_with_the_nearest_one() {
    let warning = |name| settings(&[(name, "x")]).warnings;
    assert_eq!(
        warning("CODOMYRMEX_SERVICENAME"),
        ["CODOMYRMEX_SERVICENAME is unknown: did you mean CODOMYRMEX_SERVICE_NAME?"]
    );
    assert_eq!(
        warning("CODOMYRMEX_TRACE_EXPORTER"),
        ["CODOMYRMEX_TRACE_EXPORTER is unknown: did you mean CODOMYRMEX_TRACES_EXPORTER?"]
    );
    assert_eq!(
        warning("CODOMYRMEX_redact"),
        ["CODOMYRMEX_redact is unknown: did you mean CODOMYRMEX_REDACT?"]
    );
    assert_eq!(
        warning("CODOMYRMEX_ZZZZZZZZ"),
        ["CODOMYRMEX_ZZZZZZZZ is unknown"]
    );
    assert_eq!(
        warning("CODOMYRMEX_LOG_LEVEL"),
        ["CODOMYRMEX_LOG_LEVEL has no effect in this version"]
    );
    for others in ["OTEL_LOG_LEVEL", "OTEL_WHATEVER", "PATH"] {
        assert!(warning(others).is_empty(), "{others}");
    }
}

#[test]
fn a_builder_has_all_of_it() {
    let spans = codomyrmex_tracing::InMemoryExporter::new();
    let settings = clean(&[
        ("OTEL_SERVICE_NAME", "everywhere"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team=shop"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1"),
        ("CODOMYRMEX_REDACT", "+lunch"),
    ]);
    let tracer = settings.builder("shop").exporter(spans.clone()).build();
    tracer
        .span("checkout")
        .set_attribute("lunch", "soup")
        .set_attribute("more", 1);
    tracer.flush();
    assert_eq!(tracer.service_name(), "everywhere");
    assert_eq!(
        tracer.resource().get("team").and_then(|team| team.as_str()),
        Some("shop")
    );
    let span = &spans.spans()[0];
    assert_eq!(span.attributes.len(), 1);
    assert_eq!(span.attributes[0].1.as_str(), Some("[redacted]"));

    let off = clean(&[("OTEL_TRACES_SAMPLER", "always_off")])
        .builder("shop")
        .build();
    off.span("checkout").finish();
    assert_eq!(off.stats().unsampled, 1);
}

#[test]
fn only_names_of_ours_are_shown() {
    let environment = Environment::from_pairs([
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hunter2"),
        ("PATH", "/bin"),
    ]);
    assert_eq!(
        format!("{environment:?}"),
        r#"Environment({"OTEL_EXPORTER_OTLP_HEADERS"})"#
    );
    assert!(!format!("{:?}", Environment::from_process()).contains("PATH"));
}
