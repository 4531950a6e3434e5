//! A secret that is planted everywhere, and searched for in everything that comes out.

mod watched;

use std::fmt::Debug;
use std::io::Write;
use std::sync::{Arc, Mutex};

use codomyrmex_core::{
    Baggage, ConsoleExporter, Delivery, EndingSpan, InMemoryExporter, NullExporter, REDACTED,
    Redact, Resource, Sample, Sampler, SamplingInput, SamplingResult, SpanContext, SpanHooks,
    SpanOptions, StartedSpan, Style, TraceState, Tracer, Value, drawn,
};
use codomyrmex_wire::{TracesView, json};
use watched::Watched;

const SECRET: &str = "hunter2-4f9a";

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything that came out, each with a name.
#[derive(Default)]
struct Outputs(Vec<(String, Vec<u8>)>);

impl Outputs {
    fn add(&mut self, what: &str, bytes: impl Into<Vec<u8>>) {
        self.0.push((what.to_owned(), bytes.into()));
    }

    fn debug(&mut self, what: &str, value: &dyn Debug) {
        self.add(&format!("{what}, Debug"), format!("{value:?}"));
        self.add(&format!("{what}, Debug, many lines"), format!("{value:#?}"));
    }

    /// Names of the outputs in which the secret stands, as it is, in base64 or in hex.
    fn with_secret(&self) -> Vec<&str> {
        let hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
        // "hunter2-4f9a" in base64 at each of the three alignments, without the ends that its neighbours decide.
        let base64 = ["aHVudGVyMi00Zjlh", "h1bnRlcjItNGY5Y", "odW50ZXIyLTRmOW"];
        let texts = [SECRET, hex.as_str(), base64[0], base64[1], base64[2]];
        self.0
            .iter()
            .filter(|(_, bytes)| {
                texts.iter().any(|text| {
                    bytes
                        .windows(text.len())
                        .any(|window| window == text.as_bytes())
                })
            })
            .map(|(what, _)| what.as_str())
            .collect()
    }
}

struct Adds;

impl Sample for Adds {
    fn sample(&self, _: &SamplingInput<'_>) -> SamplingResult {
        let mut result = SamplingResult::record_and_sample();
        result
            .attributes
            .push(("sampler.secret".into(), Value::from(SECRET)));
        result
    }

    fn description(&self) -> String {
        "adds".into()
    }
}

/// Writes secrets, and remembers what a hook can read.
struct Hooks(Arc<Mutex<String>>);

impl SpanHooks for Hooks {
    fn on_start(&self, span: &StartedSpan<'_>, _: Option<&SpanContext>) {
        span.set_attribute("hook.password", SECRET);
    }

    fn on_ending(&self, span: &mut EndingSpan<'_>) {
        *self.0.lock().unwrap() += &format!("{:?}", span.attributes());
        span.set_attribute("ending.passwd", SECRET);
    }
}

fn resource() -> Resource {
    Resource::new()
        .with("deployment.api_key", SECRET)
        .with(
            "config",
            Value::Map(vec![("clientSecret".into(), Value::from(SECRET))]),
        )
        .with("url.full", format!("https://ann:{SECRET}@example.com/"))
}

fn tree() -> Value {
    Value::Map(vec![
        ("user".into(), Value::from("ann")),
        ("password".into(), Value::from(SECRET)),
        (
            "list".into(),
            Value::Array(vec![Value::Map(vec![
                ("privateKey".into(), Value::Bytes(SECRET.into())),
                ("n".into(), Value::Int(1)),
            ])]),
        ),
    ])
}

/// Plants the secret everywhere and gives all that came out, with the number of values that were replaced.
fn outputs(redact: Redact) -> (Outputs, u64, InMemoryExporter) {
    let mut outputs = Outputs::default();
    let batches = Arc::new(Mutex::new(Vec::new()));
    let encoded = Watched::new(Delivery::Background).doing({
        let batches = batches.clone();
        move |batch| {
            batches.lock().unwrap().push(batch.clone());
            Ok(())
        }
    });
    let memory = InMemoryExporter::new();
    let seen = Arc::<Mutex<String>>::default();
    let forms = ["pretty", "compact", "tree"];
    let written: Vec<_> = forms.iter().map(|_| Shared::default()).collect();
    let style = Style {
        width: 1000,
        attributes: true,
        ..Style::default()
    };
    let builder = Tracer::builder("shop")
        .resource(resource())
        .redact(redact.clone())
        .sampler(Sampler::parent_based(Sampler::custom(Arc::new(Adds))))
        .hooks(Hooks(seen.clone()))
        .exporter(memory.clone())
        .exporter(NullExporter::new())
        .exporter(encoded)
        .exporter(ConsoleExporter::new().to(written[0].clone()))
        .exporter(ConsoleExporter::compact().to(written[1].clone()))
        .exporter(ConsoleExporter::tree_in(style).to(written[2].clone()));
    outputs.debug("builder", &builder);
    let tracer = builder.build();
    let mut incoming = SpanContext::from_text("trace123", "span456", None);
    incoming.baggage.insert("session.password", SECRET);
    incoming.trace_state = "vendor=value".parse::<TraceState>().unwrap();
    {
        let options = SpanOptions::new()
            .attribute("login.password", SECRET)
            .attribute(
                "http.url",
                format_args!("http://ann:{SECRET}@host/path")
                    .to_string()
                    .leak() as &str,
            )
            .link(&incoming)
            .parent(&incoming);
        outputs.debug("options", &options);
        let span = tracer.span_with("serve", options);
        span.set_attribute("password", SECRET)
            .set_attribute("db.password", "first")
            .set_attribute("db.password", SECRET)
            .set_attribute("http.request.header.authorization", &[SECRET, SECRET][..])
            .set_attribute("x-api-key", format_args!("{SECRET}"))
            .set_attribute("accessToken", SECRET.as_bytes())
            .set_attribute("AUTH_TOKEN", SECRET.to_owned().as_str())
            .set_attribute("session_cookie_of_a_rather_long_key_name", SECRET)
            .set_attribute(
                "url.full",
                format!("https://ann:{SECRET}@example.com/?q=1").as_str(),
            )
            .set_attribute(
                "url.list",
                &[format!("https://{SECRET}@example.com/").as_str()][..],
            )
            .set_attribute("tree", &tree());
        for _ in 0..3 {
            // Known keys take a shorter way; this one never may.
            tracer
                .span("again")
                .set_attribute("n", 1)
                .set_attribute("password", SECRET);
        }
        span.add_event(
            "login",
            &[
                ("password", SECRET.into()),
                ("tree", (&tree()).into()),
                ("user", "ann".into()),
            ],
        );
        span.add_link(
            &incoming,
            &[
                ("refresh_token", SECRET.into()),
                ("id_token", format_args!("{SECRET}").into()),
            ],
        );
        span.set_baggage("api-key", SECRET)
            .set_baggage("user", "ann");
        let job = tracer.start_span("job");
        job.set_attribute("credential", SECRET);
        for (what, context) in [("span", span.context()), ("job", job.context())] {
            for (name, value) in context.to_headers() {
                outputs.add(&format!("header of {what}: {name}"), value);
            }
            outputs.debug("context", &context);
        }
        context_headers(&mut outputs, &span.context(), &redact);
        outputs.debug("guard", &span);
        outputs.debug("moved", &job);
        outputs.debug("current", &codomyrmex_core::get_current_span().unwrap());
    }
    tracer.flush();
    for batch in batches.lock().unwrap().iter() {
        outputs.add("bytes", batch.bytes());
        outputs.add("prefix", batch.request_prefix());
        let request = [batch.request_prefix(), batch.bytes().to_vec()].concat();
        let mut text = String::new();
        json::write_traces(&TracesView::parse(&request).unwrap(), &mut text);
        outputs.add("OTLP/JSON", text);
        outputs.debug("batch", batch);
        outputs.debug("resource of a batch", batch.resource());
        for span in batch.spans() {
            outputs.debug("view", &span);
        }
    }
    for (form, written) in forms.iter().zip(&written) {
        outputs.add(
            &format!("console, {form}"),
            written.0.lock().unwrap().clone(),
        );
    }
    let spans = memory.spans();
    assert_eq!(spans.len(), 5);
    for span in &spans {
        outputs.add("to_json", span.to_json());
        outputs.add("to_json_pretty", span.to_json_pretty());
        outputs.debug("to_map", &span.to_map());
        outputs.debug("finished span", span);
    }
    outputs.debug("drawn", &drawn(&spans));
    outputs.add(
        "drawing for tests",
        memory.tree_with(&["password", "tree", "login.password"]),
    );
    outputs.add("seen by a hook", seen.lock().unwrap().clone());
    outputs.debug("in memory", &memory);
    outputs.debug("tracer", &tracer);
    outputs.debug("resource of the tracer", tracer.resource());
    let stats = tracer.stats();
    assert!(stats.balanced(), "{stats}");
    outputs.debug("stats", &stats);
    (outputs, stats.redacted, memory)
}

fn context_headers(outputs: &mut Outputs, context: &SpanContext, redact: &Redact) {
    let mut add =
        |name: &str, value: &str| outputs.add(&format!("header by own rules: {name}"), value);
    context.inject_with(redact, &mut add);
}

#[test]
fn a_planted_secret_is_in_no_output() {
    let (outputs, redacted, memory) = outputs(Redact::default());
    assert_eq!(outputs.with_secret(), Vec::<&str>::new());
    assert!(outputs.0.len() > 60, "{}", outputs.0.len());
    // Replaced, not left out.
    let spans = memory.spans();
    let serve = spans.iter().find(|span| span.name == "serve").unwrap();
    let text = |key: &str| {
        serve
            .attribute(key)
            .and_then(Value::as_str)
            .unwrap()
            .to_owned()
    };
    for key in [
        "password",
        "db.password",
        "x-api-key",
        "accessToken",
        "AUTH_TOKEN",
        "hook.password",
        "ending.passwd",
        "sampler.secret",
        "login.password",
        "session_cookie_of_a_rather_long_key_name",
        "http.request.header.authorization",
    ] {
        // The sampler is asked for roots only, and this one has a parent.
        if key != "sampler.secret" {
            assert_eq!(text(key), REDACTED, "{key}");
        }
    }
    assert_eq!(text("url.full"), "https://example.com/?q=1");
    assert_eq!(text("http.url"), "http://host/path");
    let Some(Value::Map(pairs)) = serve.attribute("tree") else {
        panic!()
    };
    assert_eq!(pairs[0].1.as_str(), Some("ann"));
    assert_eq!(pairs[1].1.as_str(), Some(REDACTED));
    assert_eq!(serve.events[0].attributes[2].1.as_str(), Some("ann"));
    assert!(redacted >= 24, "{redacted}");
}

#[test]
fn a_root_that_a_sampler_writes_to_is_redacted_too() {
    let memory = InMemoryExporter::new();
    let tracer = Tracer::builder("shop")
        .exporter(memory.clone())
        .sampler(Sampler::custom(Arc::new(Adds)))
        .build();
    tracer.span("root").finish();
    tracer.flush();
    assert_eq!(
        memory.spans()[0]
            .attribute("sampler.secret")
            .unwrap()
            .as_str(),
        Some(REDACTED)
    );
    assert_eq!(tracer.stats().redacted, 1);
}

#[test]
fn the_search_finds_the_secret_where_redaction_is_off() {
    let (outputs, redacted, _) = outputs(Redact::off());
    let found = outputs.with_secret();
    for what in [
        "bytes",
        "prefix",
        "OTLP/JSON",
        "console, pretty",
        "console, compact",
        "console, tree",
        "to_json",
        "header by own rules: baggage",
        "finished span, Debug",
        "drawn, Debug",
    ] {
        assert!(found.contains(&what), "{what} is not in {found:?}");
    }
    assert_eq!(redacted, 0);
}

#[test]
fn words_of_ones_own_count_and_harmless_keys_stay() {
    let memory = InMemoryExporter::new();
    let tracer = Tracer::builder("shop")
        .exporter(memory.clone())
        .redact("+session, -cookie".parse().unwrap())
        .build();
    {
        let span = tracer.span("a");
        span.set_attribute("app.session", SECRET)
            .set_attribute("cookie", "harmless here")
            .set_attribute("gen_ai.usage.input_tokens", 17)
            .set_attribute("secretary", "Ms Miller");
    }
    tracer.flush();
    let span = &memory.spans()[0];
    assert_eq!(
        span.attribute("app.session").unwrap().as_str(),
        Some(REDACTED)
    );
    assert_eq!(
        span.attribute("cookie").unwrap().as_str(),
        Some("harmless here")
    );
    assert_eq!(
        span.attribute("gen_ai.usage.input_tokens"),
        Some(&Value::Int(17))
    );
    assert_eq!(
        span.attribute("secretary").unwrap().as_str(),
        Some("Ms Miller")
    );
    assert_eq!(tracer.stats().redacted, 1);
}

#[test]
fn tracers_with_different_rules_do_not_learn_from_each_other() {
    // Each thread remembers which keys are harmless: by whose rules must count.
    let (open, strict) = (InMemoryExporter::new(), InMemoryExporter::new());
    let lax = Tracer::builder("lax")
        .exporter(open.clone())
        .redact(Redact::off())
        .build();
    let careful = Tracer::builder("careful")
        .exporter(strict.clone())
        .redact(Redact::default().with_words(["pin"]))
        .build();
    for _ in 0..20 {
        lax.span("a")
            .set_attribute("password", SECRET)
            .set_attribute("pin", "1234");
        careful
            .span("a")
            .set_attribute("password", SECRET)
            .set_attribute("pin", "1234")
            .set_attribute("user", "ann");
    }
    lax.flush();
    careful.flush();
    assert!(
        open.spans()
            .iter()
            .all(|span| span.attribute("password").unwrap().as_str() == Some(SECRET))
    );
    for span in strict.spans() {
        assert_eq!(span.attribute("password").unwrap().as_str(), Some(REDACTED));
        assert_eq!(span.attribute("pin").unwrap().as_str(), Some(REDACTED));
        assert_eq!(span.attribute("user").unwrap().as_str(), Some("ann"));
    }
}

#[test]
fn what_is_printed_on_the_way_shows_no_secret_either() {
    let mut outputs = Outputs::default();
    let baggage: Baggage = [("user", "ann"), ("password", SECRET)].into();
    outputs.debug("baggage", &baggage);
    outputs.debug("resource", &resource());
    let attributes = [
        ("password".to_owned(), Value::from(SECRET)),
        ("tree".to_owned(), tree()),
    ];
    let mut input = SamplingInput::new("a", codomyrmex_core::TraceId::from_bytes([1; 16]));
    input.attributes = &attributes;
    outputs.debug("input of a sampler", &input);
    let mut result = SamplingResult::record_and_sample();
    result.attributes = attributes.to_vec();
    outputs.debug("a sampler's result", &result);
    let mut decoder = codomyrmex_core::BaggageDecoder::new();
    decoder.read(&format!("password={SECRET},user=ann"), |member| {
        outputs.debug("member", &member)
    });
    assert_eq!(outputs.with_secret(), Vec::<&str>::new());
    assert!(
        outputs
            .0
            .iter()
            .any(|(_, text)| String::from_utf8_lossy(text).contains("ann"))
    );
}
