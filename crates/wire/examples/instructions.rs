//! What encoding costs: nanoseconds a call, and one case alone for counting instructions.
//!
//! `cargo run --release -p codomyrmex-wire --example instructions` prints the times.
//! With a case's name and a number of rounds it runs that case only, so that the difference of two runs under
//! `valgrind --tool=callgrind`, divided by the difference of the rounds, is the instructions of one call.

use std::hint::black_box;
use std::time::Instant;

use codomyrmex_wire::{
    Field, SpanHead, encode_span, find_attribute, push_attribute, push_name, span_bound,
};

#[inline(never)]
fn span(out: &mut [u8], head: &SpanHead, body: &[u8]) -> Option<usize> {
    encode_span(out, head, body)
}

/// As a tracer calls it: a child span whose head was never in memory.
#[inline(never)]
fn child(out: &mut [u8], ids: [u64; 4], start_ns: u64, end_ns: u64, body: &[u8]) -> Option<usize> {
    let [high, low, span_id, parent_span_id] = ids;
    let head = SpanHead {
        trace_id: [high, low],
        span_id,
        parent_span_id,
        kind: 1,
        status: 0,
        flags: 0x101,
        start_ns,
        end_ns,
    };
    encode_span(out, &head, body)
}

fn children(body_len: usize, count: usize) {
    let body = vec![0x2a; body_len];
    let mut out = vec![0; span_bound(body_len)];
    let ids = [1, 2, 3, 4];
    rounds(
        || {
            black_box(child(
                black_box(&mut out),
                ids,
                black_box(5),
                black_box(6),
                black_box(&body),
            ));
        },
        count,
    );
}

#[inline(never)]
fn int(buf: &mut Vec<u8>, key: &str, value: i64) -> bool {
    push_attribute(buf, Field::Span, key, value.into(), usize::MAX)
}

#[inline(never)]
fn int_literal(buf: &mut Vec<u8>, value: i64) -> bool {
    push_attribute(buf, Field::Span, "items", value.into(), usize::MAX)
}

#[inline(never)]
fn three_literals(buf: &mut Vec<u8>, user: &str, items: i64) {
    push_attribute(buf, Field::Span, "user", user.into(), usize::MAX);
    push_attribute(buf, Field::Span, "items", items.into(), usize::MAX);
    push_attribute(buf, Field::Span, "country", "de".into(), usize::MAX);
}

#[inline(never)]
fn boolean(buf: &mut Vec<u8>, key: &str, value: bool) -> bool {
    push_attribute(buf, Field::Span, key, value.into(), usize::MAX)
}

#[inline(never)]
fn double(buf: &mut Vec<u8>, key: &str, value: f64) -> bool {
    push_attribute(buf, Field::Span, key, value.into(), usize::MAX)
}

#[inline(never)]
fn text(buf: &mut Vec<u8>, key: &str, value: &str) -> bool {
    push_attribute(buf, Field::Span, key, value.into(), usize::MAX)
}

#[inline(never)]
fn name(buf: &mut Vec<u8>, name: &str) {
    push_name(buf, name);
}

#[inline(never)]
fn find(body: &[u8], key: &str) -> bool {
    find_attribute(body, key).is_some()
}

struct Case {
    name: &'static str,
    run: fn(usize),
}

fn rounds(mut call: impl FnMut(), count: usize) {
    for _ in 0..count {
        call();
    }
}

fn spans(body_len: usize, count: usize) {
    let head = SpanHead {
        trace_id: [1, 2],
        span_id: 3,
        parent_span_id: 4,
        kind: 1,
        flags: 0x101,
        start_ns: 5,
        end_ns: 6,
        ..SpanHead::default()
    };
    let body = vec![0x2a; body_len];
    let mut out = vec![0; span_bound(body_len)];
    rounds(
        || {
            black_box(span(
                black_box(&mut out),
                black_box(&head),
                black_box(&body),
            ));
        },
        count,
    );
}

fn pushes(mut push: impl FnMut(&mut Vec<u8>), count: usize) {
    let mut buf = Vec::with_capacity(4096);
    rounds(
        || {
            buf.clear();
            push(black_box(&mut buf));
        },
        count,
    );
}

fn three() -> Vec<u8> {
    let mut body = Vec::new();
    name(&mut body, "checkout");
    text(&mut body, "user", "ann");
    int(&mut body, "items", 3);
    text(&mut body, "country", "de");
    body
}

const CASES: [Case; 17] = [
    Case {
        name: "empty",
        run: |n| pushes(|buf| _ = black_box(buf.len()), n),
    },
    Case {
        name: "span0",
        run: |n| spans(0, n),
    },
    Case {
        name: "span10",
        run: |n| spans(10, n),
    },
    Case {
        name: "span20",
        run: |n| spans(20, n),
    },
    Case {
        name: "child20",
        run: |n| children(20, n),
    },
    Case {
        name: "span60",
        run: |n| spans(60, n),
    },
    Case {
        name: "span300",
        run: |n| spans(300, n),
    },
    Case {
        name: "name",
        run: |n| pushes(|buf| name(buf, black_box("checkout")), n),
    },
    Case {
        name: "int",
        run: |n| pushes(|buf| _ = int(buf, black_box("items"), black_box(3)), n),
    },
    Case {
        name: "int_literal",
        run: |n| pushes(|buf| _ = int_literal(buf, black_box(3)), n),
    },
    Case {
        name: "three_literals",
        run: |n| pushes(|buf| three_literals(buf, black_box("ann"), black_box(3)), n),
    },
    Case {
        name: "int_long_key",
        run: |n| {
            pushes(
                |buf| _ = int(buf, black_box("http.response.status_code"), black_box(200)),
                n,
            )
        },
    },
    Case {
        name: "bool",
        run: |n| {
            pushes(
                |buf| _ = boolean(buf, black_box("cached"), black_box(true)),
                n,
            )
        },
    },
    Case {
        name: "double",
        run: |n| pushes(|buf| _ = double(buf, black_box("score"), black_box(0.5)), n),
    },
    Case {
        name: "str",
        run: |n| pushes(|buf| _ = text(buf, black_box("user"), black_box("ann")), n),
    },
    Case {
        name: "str60",
        run: |n| {
            let value = "x".repeat(60);
            pushes(
                |buf| _ = text(buf, black_box("http.request.method"), black_box(&value)),
                n,
            );
        },
    },
    Case {
        name: "find_none_of_3",
        run: |n| {
            let body = three();
            rounds(
                || _ = black_box(find(black_box(&body), black_box("total"))),
                n,
            );
        },
    },
];

fn main() {
    let mut args = std::env::args().skip(1);
    if let (Some(name), Some(count)) = (
        args.next(),
        args.next().and_then(|count| count.parse().ok()),
    ) {
        match CASES.iter().find(|case| case.name == name) {
            Some(case) => (case.run)(count),
            None => eprintln!("no such case: {name}"),
        }
        return;
    }
    const COUNT: usize = 200_000;
    for case in &CASES {
        let best = (0..30)
            .map(|_| {
                let start = Instant::now();
                (case.run)(COUNT);
                start.elapsed()
            })
            .min();
        println!(
            "{:<16}{:7.2} ns",
            case.name,
            best.unwrap_or_default().as_secs_f64() * 1e9 / COUNT as f64
        );
    }
}
