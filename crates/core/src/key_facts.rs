//! What is known of an attribute's key, remembered by its bytes: whether its value is a secret.
//!
//! Programs set the same few keys again and again. A small table a thread, keyed by the whole key (up to 32 bytes), spares
//! the word-by-word search for secrets; a key that is not in the table is searched each time.

use crate::redact::Redact;

const ENTRIES: usize = 128;
/// The longest key that fits an entry, bytes.
const LONGEST: usize = 32;

/// What the redaction rules say of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Plain,
    Secret,
    /// The value may be a URL with user information in it.
    Url,
}

/// A key as words: for up to 32 bytes the words and the length determine the key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyWords {
    words: [u64; 4],
    len: u32,
}

impl KeyWords {
    /// Reads the key's first and last bytes; every byte of a key of up to 32 bytes stands in one of the words.
    #[inline(always)]
    pub(crate) fn of(key: &str) -> Self {
        let bytes = key.as_bytes();
        let len = bytes.len();
        let mut words = [0; 4];
        if len >= 8 {
            words[0] = word(bytes, 0);
            words[1] = word(bytes, len - 8);
            if len > 16 {
                words[2] = word(bytes, 8);
                words[3] = word(bytes, len - 16);
            }
        } else if len >= 4 {
            words[0] = half(bytes, 0) | half(bytes, len - 4) << 32;
        } else if len > 0 {
            words[0] = u64::from(bytes[0])
                | u64::from(bytes[len / 2]) << 8
                | u64::from(bytes[len - 1]) << 16;
        }
        Self {
            words,
            len: len as u32,
        }
    }

    #[inline(always)]
    pub(crate) fn hash(&self) -> u64 {
        let [a, b, c, d] = self.words;
        (a ^ b.rotate_left(23) ^ c.rotate_left(41) ^ d.rotate_left(7) ^ u64::from(self.len))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

#[inline(always)]
fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default())
}

#[inline(always)]
fn half(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32::from_le_bytes(
        bytes[at..at + 4].try_into().unwrap_or_default(),
    ))
}

#[derive(Clone, Copy)]
struct Entry {
    key: KeyWords,
    /// Which rules the verdict is of; 0 is an empty entry.
    rules: u32,
    verdict: Verdict,
}

/// A thread's table.
pub(crate) struct KeyFacts {
    entries: [Entry; ENTRIES],
}

impl KeyFacts {
    pub(crate) const fn new() -> Self {
        let empty = Entry {
            key: KeyWords {
                words: [0; 4],
                len: 0,
            },
            rules: 0,
            verdict: Verdict::Plain,
        };
        Self {
            entries: [empty; ENTRIES],
        }
    }

    /// The verdict of `redact`, whose number among all rules of the process is `rules`.
    #[inline(always)]
    pub(crate) fn verdict(
        &mut self,
        key: &str,
        words: &KeyWords,
        hash: u64,
        rules: u32,
        redact: &Redact,
    ) -> Verdict {
        let entry = &mut self.entries[(hash >> 50) as usize % ENTRIES];
        if entry.rules == rules && entry.key == *words && key.len() <= LONGEST {
            return entry.verdict;
        }
        Self::look_up(entry, key, words, rules, redact)
    }

    #[cold]
    #[inline(never)]
    fn look_up(
        entry: &mut Entry,
        key: &str,
        words: &KeyWords,
        rules: u32,
        redact: &Redact,
    ) -> Verdict {
        let verdict = judge(key, redact);
        if key.len() <= LONGEST {
            *entry = Entry {
                key: *words,
                rules,
                verdict,
            };
        }
        verdict
    }
}

/// The verdict itself.
pub(crate) fn judge(key: &str, redact: &Redact) -> Verdict {
    if redact.is_secret(key) {
        Verdict::Secret
    } else if redact.is_url(key) {
        Verdict::Url
    } else {
        Verdict::Plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_up_to_32_bytes_differ_in_their_words_whenever_they_differ() {
        let base = "abcdefghijklmnopqrstuvwxyz012345";
        for len in 0..=32 {
            let key = &base[..len];
            for at in 0..len {
                let mut other = key.to_owned().into_bytes();
                other[at] = b'#';
                let other = String::from_utf8(other).unwrap();
                assert!(KeyWords::of(key) != KeyWords::of(&other), "{key} {other}");
            }
            assert!(len == 0 || KeyWords::of(key) != KeyWords::of(&base[..len - 1]));
        }
    }

    #[test]
    fn a_longer_key_with_the_same_ends_is_judged_by_itself() {
        let redact = Redact::default();
        let mut facts = KeyFacts::new();
        let plain = "start-of-the-key-____________-and-the-end-of-it";
        let secret = "start-of-the-key-__password__-and-the-end-of-it";
        for (key, verdict) in [
            (plain, Verdict::Plain),
            (secret, Verdict::Secret),
            (plain, Verdict::Plain),
        ] {
            let words = KeyWords::of(key);
            assert_eq!(
                facts.verdict(key, &words, words.hash(), 1, &redact),
                verdict
            );
        }
    }
}
