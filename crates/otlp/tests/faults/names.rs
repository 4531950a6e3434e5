//! Names that lead nowhere.

use codomyrmex_core::FlushResult;

use crate::receiver::quick;
use crate::sdk::{LONG, SHORT, Sdk, failed, in_time};

const NOWHERE: &str = "http://nowhere.invalid:4318";

#[test]
fn a_name_that_cannot_be_resolved_costs_the_timeout() {
    in_time(|| {
        let sdk = Sdk::new(quick(NOWHERE).timeout(SHORT));
        sdk.record(100, 10);
        assert_eq!(
            sdk.tracer.shutdown_within(LONG),
            FlushResult::Failed { lost: 100 }
        );
        assert_eq!(sdk.counted(), (0, failed(100)));
    });
}

#[test]
fn a_shutdown_does_not_wait_for_a_name() {
    in_time(|| {
        let sdk = Sdk::new(quick(NOWHERE));
        sdk.record(100, 10);
        sdk.shut_down_too_early(100);
        assert_eq!(sdk.all_lost(), 100);
    });
}
