//! The one place that reads clocks.
//!
//! A span's start and end are raw processor ticks where the kernel itself trusts the time stamp counter, and clock
//! readings in nanoseconds everywhere else. Both are turned into nanoseconds since the Unix epoch under one anchor, at
//! finish. Calibration is lazy: until [`SETTLE_NS`] have passed since the first reading, a conversion interpolates
//! between that reading and the present one, which is exact to some tens of nanoseconds from the first span on.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering, fence};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long the counter is observed before its rate is trusted, nanoseconds.
const SETTLE_NS: u64 = 20_000_000;
/// Fixed-point bits of the rate: ns = ticks × rate >> RATE_BITS.
const RATE_BITS: u32 = 32;

const UNKNOWN: u8 = 0;
const SYSTEM: u8 = 1;
const SETTLING: u8 = 2;
const COUNTER: u8 = 3;

static MODE: AtomicU8 = AtomicU8::new(UNKNOWN);

/// A point where counter and wall clock were read together, and the counter's rate. Readers retry while it changes.
struct Anchor {
    version: AtomicU32,
    ticks: AtomicU64,
    unix_ns: AtomicU64,
    rate: AtomicU64,
}

static ANCHOR: Anchor = Anchor {
    version: AtomicU32::new(0),
    ticks: AtomicU64::new(0),
    unix_ns: AtomicU64::new(0),
    rate: AtomicU64::new(0),
};

/// What the anchor was calibrated from; also serialises writers of the anchor.
struct Calibration {
    first_ticks: u64,
    first_monotonic_ns: u64,
}

static CALIBRATION: Mutex<Calibration> = Mutex::new(Calibration {
    first_ticks: 0,
    first_monotonic_ns: 0,
});

/// The present moment in raw ticks: the counter's, or nanoseconds since the Unix epoch where the counter is not used.
#[inline(always)]
pub fn ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        if MODE.load(Ordering::Relaxed) >= SETTLING {
            return counter();
        }
    }
    ticks_slow()
}

#[cold]
#[inline(never)]
fn ticks_slow() -> u64 {
    if MODE.load(Ordering::Acquire) == UNKNOWN {
        prepare();
        return ticks();
    }
    unix_now_ns()
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn counter() -> u64 {
    // SAFETY: RDTSC exists on every x86-64 processor and touches no memory.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
fn counter() -> u64 {
    0
}

/// Chooses the clock. Called once by the first tracer; a first span that comes earlier calls it as well.
pub(crate) fn prepare() {
    if MODE.load(Ordering::Acquire) != UNKNOWN {
        return;
    }
    let mut calibration = CALIBRATION.lock().unwrap_or_else(|e| e.into_inner());
    if MODE.load(Ordering::Acquire) != UNKNOWN {
        return;
    }
    if !kernel_trusts_the_counter() {
        MODE.store(SYSTEM, Ordering::Release);
        return;
    }
    let (ticks, unix_ns, monotonic_ns) = read_all();
    calibration.first_ticks = ticks;
    calibration.first_monotonic_ns = monotonic_ns;
    publish(ticks, unix_ns, 0);
    MODE.store(SETTLING, Ordering::Release);
}

fn kernel_trusts_the_counter() -> bool {
    cfg!(all(target_arch = "x86_64", target_os = "linux"))
        && std::fs::read("/sys/devices/system/clocksource/clocksource0/current_clocksource")
            .is_ok_and(|name| name.trim_ascii() == b"tsc")
}

/// Counter, wall clock and monotonic clock as one moment: the tightest of a few tries.
fn read_all() -> (u64, u64, u64) {
    let mut best = (u64::MAX, 0, 0, 0);
    for _ in 0..4 {
        let before = counter();
        let unix_ns = unix_now_ns();
        let monotonic_ns = monotonic_ns();
        let after = counter();
        if after.wrapping_sub(before) < best.0 {
            best = (
                after.wrapping_sub(before),
                before + (after.wrapping_sub(before)) / 2,
                unix_ns,
                monotonic_ns,
            );
        }
    }
    (best.1, best.2, best.3)
}

fn publish(ticks: u64, unix_ns: u64, rate: u64) {
    let version = ANCHOR.version.load(Ordering::Relaxed);
    ANCHOR
        .version
        .store(version.wrapping_add(1), Ordering::Relaxed);
    fence(Ordering::Release);
    ANCHOR.ticks.store(ticks, Ordering::Relaxed);
    ANCHOR.unix_ns.store(unix_ns, Ordering::Relaxed);
    ANCHOR.rate.store(rate, Ordering::Relaxed);
    ANCHOR
        .version
        .store(version.wrapping_add(2), Ordering::Release);
}

/// Reads the clocks together anew, so that the wall clock's adjustments reach later spans. The drain calls it about once
/// a second; it costs some hundred nanoseconds.
pub(crate) fn reanchor() {
    let mode = MODE.load(Ordering::Acquire);
    if mode < SETTLING {
        return;
    }
    let calibration = CALIBRATION.lock().unwrap_or_else(|e| e.into_inner());
    let (ticks, unix_ns, monotonic_ns) = read_all();
    let elapsed_ns = monotonic_ns.saturating_sub(calibration.first_monotonic_ns);
    let elapsed_ticks = ticks.saturating_sub(calibration.first_ticks);
    if elapsed_ns < SETTLE_NS || elapsed_ticks == 0 {
        return;
    }
    let rate = ((u128::from(elapsed_ns) << RATE_BITS) / u128::from(elapsed_ticks)) as u64;
    publish(ticks, unix_ns, rate);
    MODE.store(COUNTER, Ordering::Release);
}

/// Converts two readings of [`ticks`] to nanoseconds since the Unix epoch under one anchor, so that their difference
/// is the time that passed between them.
#[inline(always)]
pub fn to_unix_ns(start: u64, end: u64) -> (u64, u64) {
    if MODE.load(Ordering::Relaxed) == COUNTER {
        loop {
            let version = ANCHOR.version.load(Ordering::Acquire);
            let ticks = ANCHOR.ticks.load(Ordering::Relaxed);
            let unix_ns = ANCHOR.unix_ns.load(Ordering::Relaxed);
            let rate = ANCHOR.rate.load(Ordering::Relaxed);
            fence(Ordering::Acquire);
            if version & 1 == 0 && ANCHOR.version.load(Ordering::Relaxed) == version {
                return (
                    at(start, ticks, unix_ns, rate),
                    at(end, ticks, unix_ns, rate),
                );
            }
            std::hint::spin_loop();
        }
    }
    to_unix_ns_slow(start, end)
}

/// One reading of [`ticks`] in nanoseconds since the Unix epoch.
#[inline]
pub fn unix_ns(reading: u64) -> u64 {
    to_unix_ns(reading, reading).0
}

#[inline(always)]
fn at(reading: u64, ticks: u64, unix_ns: u64, rate: u64) -> u64 {
    let since = reading.wrapping_sub(ticks) as i64;
    // The rate is far below 2⁶³: one signed multiplication.
    let ns = (i128::from(since) * i128::from(rate as i64)) >> RATE_BITS;
    unix_ns.wrapping_add(ns as u64)
}

#[cold]
#[inline(never)]
fn to_unix_ns_slow(start: u64, end: u64) -> (u64, u64) {
    if MODE.load(Ordering::Acquire) < SETTLING {
        return (start, end);
    }
    reanchor();
    if MODE.load(Ordering::Acquire) == COUNTER {
        return to_unix_ns(start, end);
    }
    // Still settling: the line through the first reading and the present one.
    let calibration = CALIBRATION.lock().unwrap_or_else(|e| e.into_inner());
    let (ticks, unix_ns, monotonic_ns) = read_all();
    let elapsed_ns = monotonic_ns
        .saturating_sub(calibration.first_monotonic_ns)
        .max(1);
    let elapsed_ticks = ticks.saturating_sub(calibration.first_ticks).max(1);
    let rate = ((u128::from(elapsed_ns) << RATE_BITS) / u128::from(elapsed_ticks)) as u64;
    (
        at(start, ticks, unix_ns, rate),
        at(end, ticks, unix_ns, rate),
    )
}

/// Nanoseconds since the Unix epoch, from the system's clock.
pub(crate) fn unix_now_ns() -> u64 {
    unix_ns_of(SystemTime::now())
}

/// A caller's own time in nanoseconds since the Unix epoch; times before the epoch become 0, past year 2554 the last one.
pub fn unix_ns_of(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX))
}

/// The point in time where a wait of `timeout` ends.
pub(crate) fn deadline(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

/// What is left until a deadline; None is a deadline that never comes.
pub(crate) fn remaining(deadline: Option<Instant>) -> Duration {
    deadline.map_or(Duration::from_secs(3600), |d| {
        d.saturating_duration_since(Instant::now())
    })
}

/// Holds the calibration still while the process forks.
pub(crate) fn lock_for_fork() -> impl std::any::Any {
    CALIBRATION.lock().unwrap_or_else(|e| e.into_inner())
}

fn monotonic_ns() -> u64 {
    static ORIGIN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    ORIGIN.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_agree_with_the_system_clock_from_the_first_on() {
        prepare();
        for _ in 0..3 {
            let before = unix_now_ns();
            let reading = ticks();
            let after = unix_now_ns();
            let ns = unix_ns(reading);
            let slack = 2_000_000;
            assert!(
                before - slack <= ns && ns <= after + slack,
                "{before} {ns} {after}"
            );
        }
    }

    #[test]
    fn a_later_reading_is_never_earlier_under_one_anchor() {
        let mut last = ticks();
        for _ in 0..10_000 {
            let now = ticks();
            let (a, b) = to_unix_ns(last, now);
            assert!(a <= b);
            last = now;
        }
    }

    #[test]
    fn times_before_the_epoch_are_zero() {
        assert_eq!(unix_ns_of(UNIX_EPOCH - Duration::from_secs(1)), 0);
    }
}
