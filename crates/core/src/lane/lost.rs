//! Which traces lost spans, until the receiver has been told.

use codomyrmex_wire::{SpanIter, books};

use crate::ids::TraceId;

/// Why a trace lost spans.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reason {
    QueueFull,
    ExportFailed,
    Limit,
}

impl Reason {
    pub(crate) const ALL: [Self; 3] = [Self::QueueFull, Self::ExportFailed, Self::Limit];

    /// The attribute that names the traces.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::QueueFull => books::LOST_QUEUE_FULL,
            Self::ExportFailed => books::LOST_EXPORT_FAILED,
            Self::Limit => books::LOST_LIMIT,
        }
    }
}

/// Traces that lost spans: a few of them, and whether there were more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    traces: Vec<(TraceId, Reason)>,
    more: bool,
}

impl Lost {
    /// The traces of a batch. So few are looked at that it costs the same however long the batch is.
    pub(crate) fn of(bytes: &[u8], reason: Reason) -> Self {
        let mut lost = Self::default();
        for span in SpanIter::new(bytes).take(4 * books::MOST_LOST) {
            if lost.more {
                break;
            }
            if let Ok(span) = span {
                lost.add(TraceId::from_bytes(span.trace_id()), reason);
            }
        }
        lost
    }

    pub(crate) fn add(&mut self, trace: TraceId, reason: Reason) {
        if self.traces.contains(&(trace, reason)) {
            return;
        }
        if self.traces.len() < books::MOST_LOST {
            self.traces.push((trace, reason));
        } else {
            self.more = true;
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.more |= other.more;
        for (trace, reason) in other.traces {
            self.add(trace, reason);
        }
    }

    /// Whether adding makes no difference.
    pub(crate) fn is_full(&self) -> bool {
        self.more
    }

    pub(crate) fn has_more(&self) -> bool {
        self.more
    }

    pub(crate) fn traces(&self, reason: Reason) -> impl Iterator<Item = TraceId> {
        let of_reason = self.traces.iter().filter(move |(_, of)| *of == reason);
        of_reason.map(|(trace, _)| *trace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(number: u8) -> TraceId {
        TraceId::from_bytes([number; 16])
    }

    #[test]
    fn a_trace_is_named_once_for_each_reason_and_no_more_than_so_many_are() {
        let mut lost = Lost::default();
        for _ in 0..2 {
            lost.add(trace(1), Reason::QueueFull);
            lost.add(trace(1), Reason::Limit);
        }
        assert_eq!(
            lost.traces(Reason::QueueFull).collect::<Vec<_>>(),
            [trace(1)]
        );
        assert!(!lost.is_full());
        let mut other = Lost::default();
        (1..=64).for_each(|number| other.add(trace(number), Reason::QueueFull));
        lost.merge(other);
        assert_eq!(lost.traces(Reason::QueueFull).count(), 63);
        assert_eq!(lost.traces(Reason::Limit).count(), 1);
        assert!(lost.is_full() && lost.has_more());
    }
}
