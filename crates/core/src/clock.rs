//! The one place that reads clocks.
//!
//! A span's start and end are raw processor ticks where the kernel itself trusts the time stamp counter, and clock
//! readings in nanoseconds everywhere else. Both are turned into nanoseconds since the Unix epoch under one anchor, at
//! finish. Calibration is lazy: until a millisecond has passed since the first reading, a conversion interpolates
//! between that reading and the present one, which is exact to some tens of nanoseconds from the first span on.

use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long the counter is observed before its rate is trusted, nanoseconds.
const SETTLE_NS: u64 = 1_000_000;
/// How long an anchor is good for at most, nanoseconds; at first as long as the counter has been observed.
const REANCHOR_NS: u64 = 1_000_000_000;

const UNKNOWN: u8 = 0;
const SYSTEM: u8 = 1;
const COUNTER: u8 = 2;

static MODE: AtomicU8 = AtomicU8::new(UNKNOWN);

/// How ticks become nanoseconds: `unix_ns + (ticks - origin) × rate / 2⁶⁴`.
struct Anchor {
    unix_ns: AtomicU64,
    rate: AtomicU64,
    origin: AtomicU64,
    /// How many ticks from its origin on it is good for.
    span: AtomicU64,
}

/// Anchors, used in turn. One that is being read is overwritten only after as many seconds as there are anchors.
static ANCHORS: [Anchor; 64] = [const {
    Anchor {
        unix_ns: AtomicU64::new(0),
        rate: AtomicU64::new(0),
        origin: AtomicU64::new(0),
        span: AtomicU64::new(0),
    }
}; 64];

/// The anchor that counts; null until the counter's rate is known.
static CURRENT: AtomicPtr<Anchor> = AtomicPtr::new(std::ptr::null_mut());

/// What the anchor was calibrated from; also serialises writers of the anchor.
struct Calibration {
    /// Where the line begins: somewhat before the first reading, so that no reading lies before it.
    origin: u64,
    first_ticks: u64,
    first_monotonic_ns: u64,
    /// Where the present anchor was taken.
    last_ticks: u64,
    last_monotonic_ns: u64,
    next_anchor: usize,
}

impl Calibration {
    /// Begins anew at this moment.
    fn begin(&mut self, ticks: u64, monotonic_ns: u64) {
        self.origin = ticks.saturating_sub(1 << 20);
        self.first_ticks = ticks;
        self.first_monotonic_ns = monotonic_ns;
        self.last_ticks = ticks;
        self.last_monotonic_ns = monotonic_ns;
    }

    /// Whether the counter went on as the monotonic clock did since the last anchor. It does not where the machine slept:
    /// one of them stops then, or the counter starts again.
    fn still_holds(&self, line: &Line, ticks: u64, monotonic_ns: u64) -> bool {
        let Some(passed) = ticks.checked_sub(self.last_ticks) else {
            return false;
        };
        let by_counter = ((u128::from(passed) * u128::from(line.rate)) >> 64) as u64;
        let by_clock = monotonic_ns.saturating_sub(self.last_monotonic_ns);
        by_counter.abs_diff(by_clock) <= by_clock / 1000 + SETTLE_NS
    }
}

static CALIBRATION: Mutex<Calibration> = Mutex::new(Calibration {
    origin: 0,
    first_ticks: 0,
    first_monotonic_ns: 0,
    last_ticks: 0,
    last_monotonic_ns: 0,
    next_anchor: 0,
});

/// The present moment in raw ticks: the counter's, or nanoseconds since the Unix epoch where the counter is not used.
#[inline(always)]
pub fn ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        if MODE.load(Ordering::Relaxed) == COUNTER {
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
    let (ticks, _, monotonic_ns) = read_all(4);
    calibration.begin(ticks, monotonic_ns);
    MODE.store(COUNTER, Ordering::Release);
}

fn kernel_trusts_the_counter() -> bool {
    cfg!(all(target_arch = "x86_64", target_os = "linux"))
        && std::fs::read("/sys/devices/system/clocksource/clocksource0/current_clocksource")
            .is_ok_and(|name| name.trim_ascii() == b"tsc")
}

/// Readings of all clocks that lie further apart than so many ticks were interrupted: the system's clocks are read without a
/// system call where the counter is used at all.
const APART: u64 = 2_000;

/// Counter, wall clock and monotonic clock as one moment: the tightest of some tries, and of a few more where all of these
/// were interrupted.
fn read_all(tries: u32) -> (u64, u64, u64) {
    let mut best = (u64::MAX, 0, 0, 0);
    for done in 0..tries + 8 {
        if done >= tries && best.0 < APART {
            break;
        }
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

/// Reads the clocks together anew where the anchor is out of date, so that the wall clock's adjustments reach later spans.
/// That costs some hundred nanoseconds, about once a second.
#[cold]
#[inline(never)]
fn reanchor() {
    let Ok(mut calibration) = CALIBRATION.try_lock() else {
        // Another thread is at it; the present anchor is good enough meanwhile.
        return;
    };
    let present = line();
    if present.is_some_and(|line| line.covers(counter())) {
        return;
    }
    let (ticks, unix_ns, monotonic_ns) = read_all(4);
    if present.is_some_and(|line| !calibration.still_holds(&line, ticks, monotonic_ns)) {
        CURRENT.store(std::ptr::null_mut(), Ordering::Release);
        return calibration.begin(ticks, monotonic_ns);
    }
    let line = draw_line(&calibration, (ticks, unix_ns, monotonic_ns));
    if monotonic_ns < calibration.first_monotonic_ns + SETTLE_NS {
        return;
    }
    calibration.last_ticks = ticks;
    calibration.last_monotonic_ns = monotonic_ns;
    let slot = &ANCHORS[calibration.next_anchor % ANCHORS.len()];
    calibration.next_anchor += 1;
    slot.unix_ns.store(line.unix_ns, Ordering::Relaxed);
    slot.rate.store(line.rate, Ordering::Relaxed);
    slot.origin.store(line.origin, Ordering::Relaxed);
    slot.span.store(line.span, Ordering::Relaxed);
    CURRENT.store(std::ptr::from_ref(slot).cast_mut(), Ordering::Release);
}

/// An anchor's numbers.
#[derive(Clone, Copy)]
struct Line {
    unix_ns: u64,
    rate: u64,
    origin: u64,
    span: u64,
}

impl Line {
    /// Whether the line is good for this reading; not where the counter started again.
    #[inline(always)]
    fn covers(self, reading: u64) -> bool {
        reading.wrapping_sub(self.origin) <= self.span
    }

    #[inline(always)]
    fn at(self, reading: u64) -> u64 {
        let since = u128::from(reading.wrapping_sub(self.origin));
        self.unix_ns
            .wrapping_add(((since * u128::from(self.rate)) >> 64) as u64)
    }
}

/// The line through the first reading and this one of counter, wall clock and monotonic clock.
fn draw_line(calibration: &Calibration, now: (u64, u64, u64)) -> Line {
    let (ticks, unix_ns, monotonic_ns) = now;
    let elapsed_ns = monotonic_ns
        .saturating_sub(calibration.first_monotonic_ns)
        .max(1);
    let elapsed_ticks = ticks.saturating_sub(calibration.first_ticks).max(1);
    // A fraction: a counter that the kernel trusts ticks faster than once a nanosecond.
    let rate = ((u128::from(elapsed_ns) << 64) / u128::from(elapsed_ticks))
        .min(u128::from(u64::MAX)) as u64;
    let good_for = u128::from(elapsed_ticks) * u128::from(elapsed_ns.min(REANCHOR_NS))
        / u128::from(elapsed_ns);
    let line = Line {
        unix_ns: 0,
        rate,
        origin: calibration.origin,
        span: ticks
            .wrapping_sub(calibration.origin)
            .saturating_add(good_for as u64),
    };
    Line {
        unix_ns: unix_ns.wrapping_sub(line.at(ticks)),
        ..line
    }
}

/// The anchor that counts, if the counter is used and its rate is known.
#[inline(always)]
fn line() -> Option<Line> {
    let current = CURRENT.load(Ordering::Acquire);
    // SAFETY: null, or one of the static anchors.
    let anchor = unsafe { current.as_ref() }?;
    Some(Line {
        unix_ns: anchor.unix_ns.load(Ordering::Relaxed),
        rate: anchor.rate.load(Ordering::Relaxed),
        origin: anchor.origin.load(Ordering::Relaxed),
        span: anchor.span.load(Ordering::Relaxed),
    })
}

/// A conversion that is at hand, for the short way to finish a span.
#[derive(Clone, Copy)]
pub(crate) struct Settled(Line);

/// The conversion, if the counter is used and its rate is known.
#[inline(always)]
pub(crate) fn settled() -> Option<Settled> {
    line().map(Settled)
}

impl Settled {
    /// As [`ticks`], without asking again which clock is used.
    #[inline(always)]
    pub(crate) fn ticks(self) -> u64 {
        counter()
    }

    /// Whether the conversion is good for this reading.
    #[inline(always)]
    pub(crate) fn covers(self, reading: u64) -> bool {
        self.0.covers(reading)
    }

    #[inline(always)]
    pub(crate) fn unix_ns(self, reading: u64) -> u64 {
        self.0.at(reading)
    }
}

/// Converts two readings of [`ticks`] to nanoseconds since the Unix epoch under one anchor, so that their difference
/// is the time that passed between them.
#[inline]
pub fn to_unix_ns(start: u64, end: u64) -> (u64, u64) {
    match line() {
        Some(line) if line.covers(end) => (line.at(start), line.at(end)),
        _ => to_unix_ns_slow(start, end),
    }
}

/// One reading of [`ticks`] in nanoseconds since the Unix epoch.
#[inline]
pub fn unix_ns(reading: u64) -> u64 {
    to_unix_ns(reading, reading).0
}

#[cold]
#[inline(never)]
fn to_unix_ns_slow(start: u64, end: u64) -> (u64, u64) {
    if MODE.load(Ordering::Acquire) != COUNTER {
        return (start, end);
    }
    reanchor();
    let line = line().unwrap_or_else(|| {
        // Still settling.
        let calibration = CALIBRATION.lock().unwrap_or_else(|e| e.into_inner());
        draw_line(&calibration, read_all(1))
    });
    (line.at(start), line.at(end))
}

/// Nanoseconds since the Unix epoch, from the system's clock.
pub fn unix_now_ns() -> u64 {
    unix_ns_of(SystemTime::now())
}

/// A caller's own time in nanoseconds since the Unix epoch; times before the epoch become 0, past year 2554 the last one.
pub fn unix_ns_of(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX))
}

/// The point in time where a wait of `timeout` ends.
pub fn deadline(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

/// What is left until a deadline; None is a deadline that never comes.
pub fn remaining(deadline: Option<Instant>) -> Duration {
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
