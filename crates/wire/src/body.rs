use crate::any_value::push_bytes;
use crate::attribute::SHORT;
use crate::block::{has_room, push_block};
use crate::length::{close, open};
use crate::short::copy;
use crate::varint;

/// The place of an event's or link's length, from its begin to its end.
#[derive(Debug)]
#[must_use = "an event or link without its end is not readable"]
pub struct Mark {
    place: usize,
}

const NAME: u8 = 0x2a;
/// Room for a short name with its tag and length.
const SHORT_NAME: usize = 2 + SHORT;

/// Appends the span's name. Where it is appended again, the later one counts.
#[inline]
pub fn push_name(buf: &mut Vec<u8>, name: &str) {
    if name.len() > SHORT || !has_room::<SHORT_NAME>(buf) {
        return push_any_name(buf, name);
    }
    push_block::<SHORT_NAME>(buf, |block| {
        let end = 2 + name.len();
        block[..2].copy_from_slice(&[NAME, name.len() as u8]);
        copy::<SHORT>(&mut block[2..end], name.as_bytes());
        end
    });
}

#[inline(never)]
fn push_any_name(buf: &mut Vec<u8>, name: &str) {
    push_bytes(buf, NAME, name.as_bytes());
}

/// Begins an event. Its attributes follow through [`push_attribute`](crate::push_attribute) with
/// [`Field::Event`](crate::Field::Event), then [`end_event`].
///
/// ```
/// use codomyrmex_wire::{begin_event, end_event, push_attribute, Field};
/// let mut body = Vec::new();
/// let mark = begin_event(&mut body, 1_700_000_000_000_000_000, "retry");
/// push_attribute(&mut body, Field::Event, "attempt", 2.into(), usize::MAX);
/// end_event(&mut body, mark, 0);
/// ```
pub fn begin_event(buf: &mut Vec<u8>, time_ns: u64, name: &str) -> Mark {
    buf.push(0x5a);
    let place = open(buf);
    buf.push(0x09);
    buf.extend_from_slice(&time_ns.to_le_bytes());
    push_bytes(buf, 0x12, name.as_bytes());
    Mark { place }
}

/// Ends the event that was begun last.
pub fn end_event(buf: &mut Vec<u8>, mark: Mark, dropped_attributes: u32) {
    end(buf, mark, 0x20, dropped_attributes);
}

/// Begins a link to the span with these ids; `flags` are OTLP's `Link.flags`, which are those of
/// [`SpanHead::flags`](crate::SpanHead::flags). Attributes follow with [`Field::Link`](crate::Field::Link), then
/// [`end_link`].
pub fn begin_link(
    buf: &mut Vec<u8>,
    trace_id: [u8; 16],
    span_id: [u8; 8],
    trace_state: &str,
    flags: u32,
) -> Mark {
    buf.push(0x6a);
    let place = open(buf);
    push_bytes(buf, 0x0a, &trace_id);
    push_bytes(buf, 0x12, &span_id);
    if !trace_state.is_empty() {
        push_bytes(buf, 0x1a, trace_state.as_bytes());
    }
    buf.push(0x35);
    buf.extend_from_slice(&flags.to_le_bytes());
    Mark { place }
}

/// Ends the link that was begun last.
pub fn end_link(buf: &mut Vec<u8>, mark: Mark, dropped_attributes: u32) {
    end(buf, mark, 0x28, dropped_attributes);
}

fn end(buf: &mut Vec<u8>, mark: Mark, tag: u8, dropped: u32) {
    if dropped != 0 {
        buf.push(tag);
        varint::push(buf, u64::from(dropped));
    }
    close(buf, mark.place);
}
