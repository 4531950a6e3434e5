use crate::attribute::Field;
use crate::attribute_value::AttributeValue;
use crate::short::copy;
use crate::varint;

/// Room for any attribute that [`write_short_attribute`] takes, bytes.
pub const SHORT_ATTRIBUTE: usize = 128;
/// The longest key and the longest text of a short attribute, bytes.
const KEY: usize = 32;
const TEXT: usize = 64;

/// Writes one attribute to the front of `block` and gives the bytes written; `None` where it is not short: a key above 32
/// bytes, a text above 64, or a value that is neither text nor number nor truth value.
///
/// For keys and values that are constants where this is called, all that remains of it is a few stores of constants.
///
/// ```
/// use codomyrmex_wire::{Field, push_attribute, write_short_attribute, SHORT_ATTRIBUTE};
/// let mut block = [0; SHORT_ATTRIBUTE];
/// let written = write_short_attribute(&mut block, Field::Span, "items", 3.into()).unwrap();
/// let mut body = Vec::new();
/// push_attribute(&mut body, Field::Span, "items", 3.into(), usize::MAX);
/// assert_eq!(block[..written], body);
/// ```
#[inline(always)]
pub fn write_short_attribute(
    block: &mut [u8; SHORT_ATTRIBUTE],
    field: Field,
    key: &str,
    value: AttributeValue<'_>,
) -> Option<usize> {
    let key = key.as_bytes();
    if key.len() > KEY {
        return None;
    }
    // Behind `tag length 0a key-length` and the key.
    let at = 4 + key.len();
    let end = match value {
        AttributeValue::Str(text) => {
            let text = text.as_bytes();
            if text.len() > TEXT {
                return None;
            }
            let front = 0x0a_0212 + (text.len() as u32) * 0x0100_0100;
            block[at..at + 4].copy_from_slice(&front.to_le_bytes());
            copy::<TEXT>(&mut block[at + 4..at + 4 + text.len()], text);
            at + 4 + text.len()
        }
        AttributeValue::Int(number) if (0..0x80).contains(&number) => {
            let front = 0x0018_0212 | (number as u32) << 24;
            block[at..at + 4].copy_from_slice(&front.to_le_bytes());
            at + 4
        }
        AttributeValue::Int(number) => {
            let number = number as u64;
            let length = varint::len(number);
            block[at..at + 3].copy_from_slice(&[0x12, 1 + length as u8, 0x18]);
            varint::write(block, at + 3, number)
        }
        AttributeValue::Bool(truth) => {
            let front = 0x0010_0212 | u32::from(truth) << 24;
            block[at..at + 4].copy_from_slice(&front.to_le_bytes());
            at + 4
        }
        AttributeValue::Double(number) => {
            block[at..at + 3].copy_from_slice(&[0x12, 9, 0x21]);
            block[at + 3..at + 11].copy_from_slice(&number.to_le_bytes());
            at + 11
        }
        _ => return None,
    };
    let front =
        u32::from(field as u8) | ((end - 2) as u32) << 8 | 0x0a_0000 | (key.len() as u32) << 24;
    block[..4].copy_from_slice(&front.to_le_bytes());
    copy::<KEY>(&mut block[4..4 + key.len()], key);
    Some(end)
}

/// Writes a span's name to the front of `block`; `None` where it is longer than 64 bytes.
#[inline(always)]
pub fn write_short_name(block: &mut [u8; SHORT_ATTRIBUTE], name: &str) -> Option<usize> {
    let name = name.as_bytes();
    if name.len() > TEXT {
        return None;
    }
    block[..2].copy_from_slice(&[0x2a, name.len() as u8]);
    copy::<TEXT>(&mut block[2..2 + name.len()], name);
    Some(2 + name.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{push_attribute, push_name};

    #[test]
    fn a_short_attribute_is_what_the_long_way_writes() {
        let letters = "abcdefghijklmnopqrstuvwxyz0123456789".repeat(3);
        let numbers = [0, 1, 127, 128, 16_383, 16_384, i64::MAX, -1, i64::MIN];
        for length in 0..=KEY {
            let key = &letters[..length];
            let mut values: Vec<AttributeValue<'_>> = numbers.iter().map(|n| (*n).into()).collect();
            values.extend([true, false].map(AttributeValue::Bool));
            values.extend([0.5, f64::NAN].map(AttributeValue::Double));
            values.extend((0..=TEXT).map(|text| AttributeValue::Str(&letters[..text])));
            for value in values {
                let mut block = [0xaa; SHORT_ATTRIBUTE];
                let written = write_short_attribute(&mut block, Field::Span, key, value).unwrap();
                let mut long = Vec::new();
                push_attribute(&mut long, Field::Span, key, value, usize::MAX);
                assert_eq!(block[..written], long, "{key} {value:?}");
            }
        }
    }

    #[test]
    fn what_is_not_short_is_refused() {
        let mut block = [0; SHORT_ATTRIBUTE];
        let long = "x".repeat(65);
        assert!(write_short_attribute(&mut block, Field::Span, &long[..33], 1.into()).is_none());
        assert!(
            write_short_attribute(&mut block, Field::Span, "k", long.as_str().into()).is_none()
        );
        assert!(
            write_short_attribute(&mut block, Field::Span, "k", AttributeValue::Empty).is_none()
        );
        assert!(write_short_name(&mut block, &long).is_none());
    }

    #[test]
    fn a_short_name_is_what_the_long_way_writes() {
        let letters = "abcdefghijklmnopqrstuvwxyz0123456789".repeat(3);
        for length in 0..=TEXT {
            let mut block = [0; SHORT_ATTRIBUTE];
            let written = write_short_name(&mut block, &letters[..length]).unwrap();
            let mut long = Vec::new();
            push_name(&mut long, &letters[..length]);
            assert_eq!(block[..written], long);
        }
    }
}
