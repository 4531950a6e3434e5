//! Which keys are known to be harmless: a small table a thread, so that no key is searched for secrets twice in a row.
//!
//! Programs set the same few keys again and again, mostly constants, whose hash is then a constant too. A key that is not
//! in the table is judged word by word.

use crate::redact::Redact;

const ENTRIES: usize = 256;
/// The longest key that has a hash, bytes.
pub(crate) const LONGEST: usize = 32;

/// What the redaction rules say of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Plain,
    Secret,
    /// The value may be a URL with user information in it.
    Url,
}

/// The verdict of the rules themselves.
pub(crate) fn judge(key: &str, redact: &Redact) -> Verdict {
    if redact.is_secret(key) {
        Verdict::Secret
    } else if redact.is_url(key) {
        Verdict::Url
    } else {
        Verdict::Plain
    }
}

/// 64 bits of a key of up to 32 bytes; each byte counts.
#[inline(always)]
pub(crate) fn hash(key: &str) -> u64 {
    let bytes = key.as_bytes();
    let len = bytes.len();
    let (mut a, mut b) = (0, 0);
    let mut more = 0;
    if len >= 8 {
        a = word(bytes, 0);
        b = word(bytes, len - 8);
        if len > 16 {
            more = mix(
                word(bytes, 8) ^ 0x8ebc_6af0_9c88_c6e3,
                word(bytes, len - 16) ^ 0x5899_65cc_7537_4cc3,
            );
        }
    } else if len >= 4 {
        a = half(bytes, 0);
        b = half(bytes, len - 4);
    } else if len > 0 {
        a = u64::from(bytes[0]) | u64::from(bytes[len / 2]) << 8 | u64::from(bytes[len - 1]) << 16;
    }
    mix(
        a ^ 0x2d35_8dcc_aa6c_78a5,
        b ^ 0x8bb8_4b93_962e_acc9 ^ len as u64,
    ) ^ more
}

#[inline(always)]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
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

/// A thread's table: hashes of keys that are no secret's, each joined with the number of the rules that found it so;
/// inverted where the value may be a URL.
pub(crate) struct PlainKeys {
    entries: [u64; ENTRIES],
}

impl PlainKeys {
    pub(crate) const fn new() -> Self {
        Self {
            entries: [0; ENTRIES],
        }
    }

    /// What is known of the key; never [`Verdict::Secret`].
    #[inline(always)]
    pub(crate) fn verdict(&self, hash: u64, rules: u32) -> Option<Verdict> {
        let entry = self.entries[place(hash)];
        let plain = joined(hash, rules);
        if entry == plain {
            Some(Verdict::Plain)
        } else if entry == !plain {
            Some(Verdict::Url)
        } else {
            None
        }
    }

    /// Remembers a key that is no secret's.
    pub(crate) fn insert(&mut self, hash: u64, rules: u32, verdict: Verdict) {
        self.entries[place(hash)] = match verdict {
            Verdict::Plain => joined(hash, rules),
            Verdict::Url => !joined(hash, rules),
            Verdict::Secret => return,
        };
    }
}

#[inline(always)]
fn place(hash: u64) -> usize {
    (hash >> 32) as usize % ENTRIES
}

/// Never 0 but by an accident of one in 2⁶⁴, for the rules' number is not 0.
#[inline(always)]
fn joined(hash: u64, rules: u32) -> u64 {
    hash.wrapping_add(u64::from(rules) << 40)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn keys_of_up_to_32_bytes_differ_in_their_hash() {
        let base = "abcdefghijklmnopqrstuvwxyz012345";
        let mut keys = HashSet::new();
        for len in 0..=LONGEST {
            keys.insert(base[..len].to_owned());
            for at in 0..len {
                for other in [b'#', b'A', b'.'] {
                    let mut key = base[..len].to_owned().into_bytes();
                    key[at] = other;
                    keys.insert(String::from_utf8(key).unwrap());
                }
            }
        }
        let hashes: HashSet<u64> = keys.iter().map(|key| hash(key)).collect();
        assert_eq!(hashes.len(), keys.len());
    }

    #[test]
    fn what_one_set_of_rules_found_harmless_says_nothing_of_another() {
        let mut keys = PlainKeys::new();
        let hash = hash("http.method");
        assert_eq!(keys.verdict(hash, 1), None);
        keys.insert(hash, 1, Verdict::Plain);
        assert_eq!(keys.verdict(hash, 1), Some(Verdict::Plain));
        assert_eq!(keys.verdict(hash, 2), None);
        assert_eq!(keys.verdict(super::hash("http.method2"), 1), None);
        keys.insert(hash, 1, Verdict::Url);
        assert_eq!(keys.verdict(hash, 1), Some(Verdict::Url));
    }
}
