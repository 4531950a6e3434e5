//! Tracy's zone: no ids, no attributes on a wire, no parent. The mark of the fastest school of profilers.
//!
//! Nothing is connected, so that its worker keeps the events and does no work; what that costs later is not counted.

use std::hint::black_box;

use codomyrmex_bench::case::{self, CHILDREN, Case};
use codomyrmex_bench::serve::{self, Section};
use tracy_client::{Client, span_location};

fn main() {
    let case = Case::from_arguments();
    match case {
        Case::Child => {}
        Case::Linked => {
            black_box(Client::start as fn() -> Client);
            return;
        }
        Case::Startup => {
            let client = Client::start();
            drop(client.span(span_location!("root"), 0));
            std::process::exit(0);
        }
        _ => case::not_offered(),
    }
    let client = Client::start();
    let location = span_location!("child");
    let zones = || {
        for _ in 0..CHILDREN {
            let zone = client.clone().span(location, 0);
            black_box(&zone);
        }
    };
    serve::thread(Section { operations: CHILDREN, exported: 0 }, zones, || 0);
}
