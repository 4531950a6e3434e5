//! Keys and tokens appear nowhere but on the wire.

mod authority;
mod receiver;

use std::sync::{Arc, Mutex};

use authority::{Authority, file};
use codomyrmex_core::diagnostics;
use codomyrmex_otlp::OtlpExporter;
use receiver::{Receiver, Traced, answer};

const SECRET: &str = "hunter2hunter2";

/// Everything that is said through diagnostics, and in errors, Debug and statistics.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<String>>>);

impl Said {
    fn add(&self, text: impl ToString) {
        self.0.lock().unwrap().push(text.to_string());
    }
}

#[test]
fn no_output_shows_a_secret() {
    let said = Said::default();
    let hook = said.clone();
    diagnostics::set_hook(move |kind, message| hook.add(format!("{kind:?} {message}")));

    // Receivers that repeat what they were sent, in every way they can.
    let echo = format!("no such token: Bearer {SECRET} ({SECRET})");
    let status = [b"\x12", &[echo.len() as u8][..], echo.as_bytes()].concat();
    let partial = [&[0x10 | 2, echo.len() as u8][..], echo.as_bytes()].concat();
    let partial = |rejected: &[u8]| {
        let inner = [rejected, &partial].concat();
        [&[0x0a, inner.len() as u8][..], &inner].concat()
    };
    let key = Authority::new("any").issue("client", false);
    for reply in [
        answer(401, "content-type: text/plain\r\n", echo.as_bytes()),
        answer(400, "content-type: application/x-protobuf\r\n", &status),
        answer(
            403,
            "content-type: application/json\r\n",
            format!(r#"{{"message":"{echo}"}}"#).as_bytes(),
        ),
        answer(307, &format!("location: http://{SECRET}\r\n"), b""),
        answer(
            200,
            "content-type: application/x-protobuf\r\n",
            &partial(b"\x08\x01"),
        ),
        answer(
            200,
            "content-type: application/x-protobuf\r\n",
            &partial(b""),
        ),
        receiver::Answer::Last(format!("{SECRET} {SECRET}\r\n\r\n").into_bytes()),
    ] {
        let receiver = Receiver::new([reply]);
        let builder = receiver
            .exporter()
            .endpoint(format!("{}/{SECRET}?key={SECRET}", receiver.url()))
            .header("authorization", format!("Bearer {SECRET}"))
            .headers(format!("x-key={SECRET}"))
            .client_certificate(file("client.pem", &key.certificate))
            .client_key(file("client.key", &key.key));
        said.add(format!("{builder:?} {builder:#?}"));
        let traced = Traced::new(builder);
        if let Err((_, message)) = traced.export(&["a"]) {
            said.add(message);
        }
        said.add(format!("{:?} {:#?}", traced.exporter, traced.exporter));
        said.add(format!("{} {:?}", traced.tracer.stats(), traced.tracer));
        // It did go where it belongs.
        let request = receiver.requests.recv().unwrap();
        assert_eq!(
            request.header("authorization"),
            Some(&*format!("Bearer {SECRET}"))
        );
    }

    for builder in [
        OtlpExporter::builder().endpoint(format!("http://user:{SECRET}@host")),
        OtlpExporter::builder().endpoint(format!("{SECRET}:1")),
        OtlpExporter::builder().endpoint(format!("http://host:{SECRET}")),
        OtlpExporter::builder()
            .header("x-key", format!("{SECRET}\n"))
            .header("a", "\u{0}"),
        OtlpExporter::builder().headers(SECRET),
        OtlpExporter::builder().headers(format!("Authorization: Basic {SECRET}==")),
        OtlpExporter::builder().header(format!("Authorization: Bearer {SECRET}"), ""),
        OtlpExporter::builder().headers(format!("x-key=%{SECRET}")),
        OtlpExporter::builder().header("content-type", SECRET),
        OtlpExporter::builder()
            .client_certificate(file("c.pem", SECRET))
            .client_key(file("c.key", SECRET)),
    ] {
        said.add(format!("{builder:?}"));
        let error = builder.build().unwrap_err();
        said.add(format!("{error} {error:?}"));
    }

    let said = said.0.lock().unwrap();
    let private = key.key.lines().nth(1).unwrap();
    for text in said.iter() {
        assert!(!text.contains(SECRET), "{text}");
        assert!(!text.contains(private), "{text}");
    }
    // There is something that could have shown it.
    assert!(
        said.iter().any(|text| text.contains("[redacted]")),
        "{said:#?}"
    );
    assert!(said.len() > 20);
}
