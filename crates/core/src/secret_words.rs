//! Looks for words in keys: the search behind [`Redact`](crate::Redact).

/// A set of words, made for saying quickly that a key holds none of them.
///
/// A key is read eight bytes at a time for the places where a word may begin; at each such place table look-ups by the next
/// three letters rule out nearly everything.
#[derive(Clone)]
pub(crate) struct SecretWords {
    /// Lower case, without separators, none empty.
    words: Vec<String>,
    /// By a byte: which words may have it in the first, second and third place. Words share the 16 bits by their index.
    letters: [[u16; 3]; 256],
    /// The words of less than three letters.
    short: u16,
}

impl SecretWords {
    pub(crate) fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> SecretWords {
        let mut normal: Vec<String> = Vec::new();
        for word in words {
            let word = normalized(word);
            if !word.is_empty() && !normal.contains(&word) {
                normal.push(word);
            }
        }
        let mut set = SecretWords {
            words: normal,
            letters: [[0; 3]; 256],
            short: 0,
        };
        set.fill_tables();
        set
    }

    pub(crate) fn remove(&mut self, word: &str) {
        let word = normalized(word);
        self.words.retain(|known| *known != word);
        self.fill_tables();
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(String::as_str)
    }

    fn fill_tables(&mut self) {
        self.short = self
            .words
            .iter()
            .enumerate()
            .filter(|(_, word)| word.len() < 3)
            .fold(0, |short, (index, _)| short | bit(index));
        for (byte, slots) in (0..=255_u8).zip(&mut self.letters) {
            let separates = Class::of(byte) == Class::Separator;
            *slots = [0; 3];
            for (index, word) in self.words.iter().enumerate() {
                let is = |place: usize| {
                    let letter = word.as_bytes().get(place);
                    letter.is_none_or(|&letter| letter == byte.to_ascii_lowercase())
                };
                // A separator may stand between any two letters, and moves what follows by one.
                let fits = [is(0), is(1) || separates, is(1) || is(2) || separates];
                for (slot, fits) in slots.iter_mut().zip(fits) {
                    if fits {
                        *slot |= bit(index);
                    }
                }
            }
        }
    }

    /// Whether one of the words stands in the key, from a word boundary to a word boundary.
    #[inline]
    pub(crate) fn found_in(&self, key: &str) -> bool {
        let bytes = key.as_bytes();
        // The byte in front of a chunk, as its lowest one: the start of the key begins a word.
        let mut carry = 0x80;
        let mut base = 0;
        while base < bytes.len() {
            let chunk = load(bytes, base);
            let marks = not_lower_case(chunk);
            let mut places = marks | marks << 8 | carry;
            carry = marks >> 56;
            while places != 0 {
                let at = base + (places.trailing_zeros() >> 3) as usize;
                places &= places - 1;
                let Some(&letter) = bytes.get(at) else { break };
                let mut maybe = self.letters[usize::from(letter)][0];
                if maybe == 0 {
                    continue;
                }
                maybe &= match bytes.get(at + 1..).and_then(|rest| rest.first_chunk()) {
                    Some(&[second, third]) => {
                        self.letters[usize::from(second)][1] & self.letters[usize::from(third)][2]
                    }
                    None => self.short,
                };
                if maybe != 0 && self.found_at(bytes, at, maybe) {
                    return true;
                }
            }
            base += 8;
        }
        false
    }

    #[cold]
    #[inline(never)]
    fn found_at(&self, bytes: &[u8], at: usize, maybe: u16) -> bool {
        is_boundary(bytes, at)
            && self.words.iter().enumerate().any(|(index, word)| {
                maybe & bit(index) != 0 && is_word_at(bytes, at, word.as_bytes())
            })
    }
}

fn bit(index: usize) -> u16 {
    1 << (index % 16)
}

/// Eight bytes from `base` on, the first one lowest; zeros where the key has ended.
#[inline]
fn load(bytes: &[u8], base: usize) -> u64 {
    if let Some(chunk) = bytes.get(base..).and_then(|rest| rest.first_chunk()) {
        return u64::from_le_bytes(*chunk);
    }
    // The last bytes in as few loads as can be, which may overlap.
    let past = 8 * (base + 8 - bytes.len());
    if let Some(chunk) = bytes.last_chunk() {
        return u64::from_le_bytes(*chunk) >> past;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return u64::from(first) | u64::from(last) << (32 - past);
    }
    match *bytes {
        [] => 0,
        [a] => u64::from_le_bytes([a, 0, 0, 0, 0, 0, 0, 0]),
        [a, b] => u64::from_le_bytes([a, b, 0, 0, 0, 0, 0, 0]),
        [a, b, c, ..] => u64::from_le_bytes([a, b, c, 0, 0, 0, 0, 0]),
    }
}

/// The highest bit of each byte that is no letter from a to z. Bytes beyond ASCII come out either way.
#[inline]
fn not_lower_case(chunk: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let low = chunk & (0x1f * EACH);
    // Bit 5: the low five bits are not 0, and at least 27.
    let some = low + 0x1f * EACH;
    let past_z = low + 0x05 * EACH;
    let in_range = (some & !past_z) << 2;
    let letters = chunk << 1 & chunk << 2 & in_range;
    !letters & (0x80 * EACH)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Lower,
    Upper,
    Digit,
    Separator,
}

impl Class {
    /// Bytes beyond ASCII count as lower-case letters.
    fn of(byte: u8) -> Class {
        match byte {
            b'a'..=b'z' | 0x80.. => Class::Lower,
            b'A'..=b'Z' => Class::Upper,
            b'0'..=b'9' => Class::Digit,
            _ => Class::Separator,
        }
    }
}

/// Whether a word ends before, or begins at, this byte.
fn is_boundary(bytes: &[u8], at: usize) -> bool {
    let class = |index: usize| bytes.get(index).map(|&byte| Class::of(byte));
    let (Some(before), Some(here)) = (at.checked_sub(1).and_then(class), class(at)) else {
        return true;
    };
    match (before, here) {
        (Class::Separator, _) | (_, Class::Separator) => true,
        (Class::Digit, Class::Digit) => false,
        (Class::Digit, _) | (_, Class::Digit) => true,
        (Class::Lower, Class::Upper) => true,
        // The last capital of a run begins the next word: "APIKey".
        (Class::Upper, Class::Upper) => class(at + 1) == Some(Class::Lower),
        (_, Class::Lower) => false,
    }
}

/// Whether this word stands here up to a boundary, in any case, with any separators between its letters.
fn is_word_at(bytes: &[u8], at: usize, word: &[u8]) -> bool {
    let mut at = at;
    for (index, &letter) in word.iter().enumerate() {
        if index != 0 {
            while bytes
                .get(at)
                .is_some_and(|&byte| Class::of(byte) == Class::Separator)
            {
                at += 1;
            }
        }
        match bytes.get(at) {
            Some(byte) if byte.to_ascii_lowercase() == letter => at += 1,
            _ => return false,
        }
    }
    is_boundary(bytes, at)
}

fn normalized(word: &str) -> String {
    word.chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || !letter.is_ascii())
        .map(|letter| letter.to_ascii_lowercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_of_every_length_are_loaded() {
        let bytes: Vec<u8> = (1..=20).collect();
        for length in 0..=20 {
            for base in (0..length).step_by(8) {
                let mut expected = [0; 8];
                for (slot, byte) in expected.iter_mut().zip(&bytes[base..length]) {
                    *slot = *byte;
                }
                assert_eq!(load(&bytes[..length], base).to_le_bytes(), expected);
            }
        }
    }

    #[test]
    fn every_byte_in_every_place_is_marked_rightly() {
        for place in 0..8 {
            for byte in 0..128_u8 {
                for around in [b'a', b'z', b'A', 0, 0x7f] {
                    let mut chunk = [around; 8];
                    chunk[place] = byte;
                    let marked = not_lower_case(u64::from_le_bytes(chunk)).to_le_bytes();
                    let expected =
                        chunk.map(|byte| if byte.is_ascii_lowercase() { 0 } else { 0x80 });
                    assert_eq!(marked, expected, "{chunk:?}");
                }
            }
        }
    }

    #[test]
    fn a_word_is_found_at_every_place_and_after_every_separator() {
        let words = SecretWords::new(["secret", "api_key", "x_token"]);
        assert!(
            words.found_in("X-TOKEN") && words.found_in("x token") && words.found_in("a.xToken")
        );
        for length in 0..40 {
            let before = "x".repeat(length);
            for separator in (0..128_u8).filter(|&byte| Class::of(byte) == Class::Separator) {
                let separator = char::from(separator);
                assert!(words.found_in(&format!("{before}{separator}secret")));
                assert!(
                    words.found_in(&format!("{before}{separator}api{separator}key{separator}"))
                );
                assert!(!words.found_in(&format!("{before}{separator}secreta")));
            }
            assert!(words.found_in(&format!("{before}Secret")));
            assert!(words.found_in(&format!("{before}0secret9")));
            assert_eq!(words.found_in(&format!("{before}secret")), length == 0);
        }
    }

    #[test]
    fn a_word_of_one_letter_works() {
        let words = SecretWords::new(["k"]);
        assert!(words.found_in("k") && words.found_in("a.K.b") && words.found_in("k9"));
        assert!(!words.found_in("key"));
        let words = SecretWords::new(["ab", "iban"]);
        assert!(words.found_in("x.ab") && words.found_in("a_b") && words.found_in("iban"));
        assert!(!words.found_in("x.a") && !words.found_in("ib") && !words.found_in("abc.iba"));
        assert!(!SecretWords::new(["", "-_"]).found_in("k-_"));
    }
}
