use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::redact::REDACTED;
use crate::{Redact, percent};

/// Names and values that travel with a trace through every service: W3C's `baggage`.
///
/// Kept in the order of insertion. Cloning it is cheap, and an empty one holds no memory. Any text can be a key or
/// a value, but the empty key never travels.
///
/// ```
/// use codomyrmex_core::Baggage;
///
/// let mut baggage = Baggage::new();
/// baggage.insert("user", "Zoë");
/// assert_eq!(baggage.get("user"), Some("Zoë"));
/// assert_eq!(baggage.encode().header(), "user=Zo%C3%AB");
/// ```
#[derive(Clone, Default)]
pub struct Baggage(Option<Arc<Vec<Member>>>);

#[derive(Clone, PartialEq, Eq)]
struct Member {
    key: String,
    value: String,
    metadata: String,
}

impl Baggage {
    /// The most members that a header carries.
    pub const MAX_MEMBERS: usize = 64;
    /// The most bytes that a header carries.
    pub const MAX_BYTES: usize = 8192;

    /// Without members.
    #[inline]
    pub const fn new() -> Baggage {
        Baggage(None)
    }

    fn members(&self) -> &[Member] {
        self.0.as_ref().map_or(&[], |members| members.as_slice())
    }

    /// The number of members.
    #[inline]
    pub fn len(&self) -> usize {
        self.members().len()
    }

    /// Whether there are no members.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The value under this key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.member(key).map(|member| member.value.as_str())
    }

    /// The properties that stand behind the value, as W3C writes them (`a;b=c`), empty where there are none.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.member(key).map(|member| member.metadata.as_str())
    }

    fn member(&self, key: &str) -> Option<&Member> {
        self.members().iter().find(|member| member.key == key)
    }

    /// Keys and values in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.members()
            .iter()
            .map(|member| (member.key.as_str(), member.value.as_str()))
    }

    /// Sets a member without metadata, and gives back the value that stood there.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<String>) -> Option<String> {
        self.put(Member {
            key: key.into(),
            value: value.into(),
            metadata: String::new(),
        })
    }

    /// Sets a member with W3C's properties behind its value, such as `"ttl=5;private"`.
    ///
    /// # Errors
    ///
    /// Properties that could not stand in a header as they are; nothing is changed then.
    pub fn insert_with_metadata(
        &mut self,
        key: impl Into<String>,
        value: impl Into<String>,
        metadata: impl Into<String>,
    ) -> Result<Option<String>, InvalidMetadata> {
        let mut metadata = metadata.into();
        let trimmed = metadata.trim_matches(SPACE);
        if trimmed.len() != metadata.len() {
            metadata = trimmed.to_owned();
        }
        if !is_metadata(&metadata) {
            return Err(InvalidMetadata);
        }
        Ok(self.put(Member {
            key: key.into(),
            value: value.into(),
            metadata,
        }))
    }

    fn put(&mut self, member: Member) -> Option<String> {
        let members = Arc::make_mut(self.0.get_or_insert_default());
        match members.iter_mut().find(|known| known.key == member.key) {
            Some(known) => Some(std::mem::replace(known, member).value),
            None => {
                members.push(member);
                None
            }
        }
    }

    /// Takes a member away, and gives back its value.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        let index = self.members().iter().position(|member| member.key == key)?;
        let members = Arc::make_mut(self.0.as_mut()?);
        let removed = members.remove(index);
        if members.is_empty() {
            self.0 = None;
        }
        Some(removed.value)
    }

    /// The header's value as it is, secrets too, and how many members did not fit in it.
    pub fn encode(&self) -> EncodedBaggage {
        self.encode_with(&Redact::off())
    }

    /// The header's value with the values of secret keys replaced.
    pub fn encode_with(&self, redact: &Redact) -> EncodedBaggage {
        let mut encoder = BaggageEncoder::new(redact);
        for member in self.members() {
            encoder.push(&member.key, &member.value, &member.metadata);
        }
        encoder.finish()
    }

    /// Reads the values of one or more `baggage` headers, and says how many members were left out.
    ///
    /// Left out are malformed members, and those over [`MAX_MEMBERS`](Baggage::MAX_MEMBERS) or
    /// [`MAX_BYTES`](Baggage::MAX_BYTES). Of several with one key the last counts.
    pub fn decode<'a>(values: impl IntoIterator<Item = &'a str>) -> (Baggage, usize) {
        let mut baggage = Baggage::new();
        let mut decoder = BaggageDecoder::new();
        for value in values {
            decoder.read(value, |member| baggage.insert_decoded(member));
        }
        (baggage, decoder.dropped())
    }

    pub(crate) fn insert_decoded(&mut self, member: BaggageMember<'_>) {
        self.put(Member {
            key: member.key.into_owned(),
            value: member.value.into_owned(),
            metadata: member.metadata.to_owned(),
        });
    }
}

impl PartialEq for Baggage {
    /// Equal where the same keys have the same values and metadata, in whatever order.
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self
                .members()
                .iter()
                .all(|member| other.member(&member.key) == Some(member))
    }
}

impl Eq for Baggage {}

impl fmt::Debug for Baggage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.iter().map(|(key, value)| (key, shown(key, value)));
        f.debug_map().entries(shown).finish()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Baggage {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut baggage = Baggage::new();
        baggage.extend(pairs);
        baggage
    }
}

impl<K: Into<String>, V: Into<String>> Extend<(K, V)> for Baggage {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        for (key, value) in pairs {
            self.insert(key, value);
        }
    }
}

impl<K: Into<String>, V: Into<String>, const N: usize> From<[(K, V); N]> for Baggage {
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

/// Metadata that cannot stand in a header: it holds a comma, a control character or one beyond ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidMetadata;

impl fmt::Display for InvalidMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("baggage metadata with a comma, a control character or one beyond ASCII")
    }
}

impl std::error::Error for InvalidMetadata {}

/// A `baggage` header's value. Only a [`BaggageEncoder`] makes one, so it never holds what could break a header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodedBaggage {
    header: String,
    dropped: usize,
    redacted: usize,
}

impl EncodedBaggage {
    /// Nothing to carry.
    pub const EMPTY: EncodedBaggage = EncodedBaggage {
        header: String::new(),
        dropped: 0,
        redacted: 0,
    };

    /// The value; empty where there is nothing to carry, and the header is then to be left out.
    pub fn header(&self) -> &str {
        &self.header
    }

    /// How many members did not fit within W3C's limits, or had an empty key.
    pub const fn dropped(&self) -> usize {
        self.dropped
    }

    /// How many values were secrets and were replaced.
    pub const fn redacted(&self) -> usize {
        self.redacted
    }
}

/// Writes a `baggage` header member by member, for callers that keep their members elsewhere than in a [`Baggage`].
#[derive(Debug)]
pub struct BaggageEncoder<'r> {
    redact: &'r Redact,
    encoded: EncodedBaggage,
    members: usize,
}

impl<'r> BaggageEncoder<'r> {
    /// Nothing written yet; the values of secret keys will be replaced.
    pub const fn new(redact: &'r Redact) -> BaggageEncoder<'r> {
        BaggageEncoder {
            redact,
            encoded: EncodedBaggage::EMPTY,
            members: 0,
        }
    }

    /// Writes one member, percent-encoded, or counts it as dropped.
    pub fn push(&mut self, key: &str, value: &str, metadata: &str) {
        let secret = self.redact.is_secret(key);
        let value = if secret { REDACTED } else { value };
        let header = &mut self.encoded.header;
        let start = header.len();
        // Encoding only makes longer: what is too long already need not be tried.
        let fits = start + key.len() + value.len() + metadata.len() < Baggage::MAX_BYTES;
        if fits && !key.is_empty() && self.members < Baggage::MAX_MEMBERS && is_metadata(metadata) {
            if start != 0 {
                header.push(',');
            }
            percent::encode(key, header, is_token);
            header.push('=');
            percent::encode(value, header, |byte| is_octet(byte) && byte != b'%');
            if !metadata.is_empty() {
                header.push(';');
                header.push_str(metadata);
            }
            if header.len() <= Baggage::MAX_BYTES {
                self.members += 1;
                self.encoded.redacted += usize::from(secret);
                return;
            }
            header.truncate(start);
        }
        self.encoded.dropped += 1;
    }

    /// What was written.
    pub fn finish(self) -> EncodedBaggage {
        self.encoded
    }
}

/// One member that a [`BaggageDecoder`] read.
#[derive(Clone, PartialEq, Eq)]
pub struct BaggageMember<'a> {
    /// The key, decoded.
    pub key: Cow<'a, str>,
    /// The value, decoded.
    pub value: Cow<'a, str>,
    /// The properties behind the value, as they stood there.
    pub metadata: &'a str,
}

impl fmt::Debug for BaggageMember<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BaggageMember")
            .field("key", &self.key)
            .field("value", &shown(&self.key, &self.value))
            .field("metadata", &self.metadata)
            .finish()
    }
}

/// A value as `Debug` shows it: not if it is a secret by default.
fn shown<'a>(key: &str, value: &'a str) -> &'a str {
    if Redact::standard().is_secret(key) {
        REDACTED
    } else {
        value
    }
}

/// Reads `baggage` headers member by member, for callers that keep their members elsewhere than in a [`Baggage`].
#[derive(Debug, Default)]
pub struct BaggageDecoder {
    members: usize,
    bytes: usize,
    dropped: usize,
}

impl BaggageDecoder {
    /// Nothing read yet.
    pub const fn new() -> BaggageDecoder {
        BaggageDecoder {
            members: 0,
            bytes: 0,
            dropped: 0,
        }
    }

    /// Reads one header's value and hands each well-formed member within the limits to `take`. The limits hold for all
    /// headers read together. A key may come twice; the last one counts.
    pub fn read<'a>(&mut self, header: &'a str, mut take: impl FnMut(BaggageMember<'a>)) {
        for text in header.split(',') {
            let size = text.len() + usize::from(self.bytes != 0);
            let trimmed = text.trim_matches(SPACE);
            if trimmed.is_empty() {
                continue;
            }
            if self.members == Baggage::MAX_MEMBERS || self.bytes + size > Baggage::MAX_BYTES {
                self.dropped += 1;
                continue;
            }
            self.bytes += size;
            match parse_member(trimmed) {
                Some(member) => {
                    self.members += 1;
                    take(member);
                }
                None => self.dropped += 1,
            }
        }
    }

    /// How many members were malformed or over a limit.
    pub const fn dropped(&self) -> usize {
        self.dropped
    }
}

const SPACE: [char; 2] = [' ', '\t'];

fn parse_member(text: &str) -> Option<BaggageMember<'_>> {
    let (pair, metadata) = text.split_once(';').unwrap_or((text, ""));
    let (key, value) = pair.split_once('=')?;
    let (key, value) = (key.trim_matches(SPACE), value.trim_matches(SPACE));
    let metadata = metadata.trim_matches(SPACE);
    let key_is_token = !key.is_empty() && key.bytes().all(|byte| is_token(byte) || byte == b'%');
    // More than W3C allows is read, as long as it does no harm: spaces and quotes are sent by some.
    let value_is_harmless = !percent::has_control(value);
    (key_is_token && value_is_harmless && is_metadata(metadata)).then(|| BaggageMember {
        key: percent::decode(key),
        value: percent::decode(value),
        metadata,
    })
}

/// RFC 9110's `token` characters, but for the percent sign, which stands for encoding here.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~".contains(&byte)
}

/// W3C's `baggage-octet`.
fn is_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

fn is_metadata(text: &str) -> bool {
    text.bytes()
        .all(|byte| is_octet(byte) || matches!(byte, b';' | b' ' | b'\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> (Baggage, usize) {
        Baggage::decode([text])
    }

    #[test]
    fn members_keep_their_order_and_are_changed_in_place() {
        let mut baggage = Baggage::from([("b", "1"), ("a", "2")]);
        let before = baggage.clone();
        assert_eq!(baggage.insert("b", "3"), Some("1".to_owned()));
        assert_eq!(baggage.insert("c", "4"), None);
        assert_eq!(
            baggage.iter().collect::<Vec<_>>(),
            [("b", "3"), ("a", "2"), ("c", "4")]
        );
        assert_eq!(before.get("b"), Some("1"));
        assert_eq!(baggage.remove("a"), Some("2".to_owned()));
        assert_eq!(baggage.remove("a"), None);
        assert_eq!(baggage.len(), 2);
    }

    #[test]
    fn order_does_not_matter_for_equality() {
        assert_eq!(
            Baggage::from([("a", "1"), ("b", "2")]),
            Baggage::from([("b", "2"), ("a", "1")])
        );
        assert_ne!(Baggage::from([("a", "1")]), Baggage::from([("a", "2")]));
        let mut emptied = Baggage::from([("a", "1")]);
        emptied.remove("a");
        assert_eq!(emptied, Baggage::new());
        assert!(emptied.is_empty());
    }

    #[test]
    fn all_that_could_break_a_header_is_encoded() {
        let baggage = Baggage::from([("k\r\nX-Evil: 1", "a,b;c=d\\\"e%\n"), ("plain", "a=b")]);
        let EncodedBaggage {
            header, dropped, ..
        } = baggage.encode();
        assert_eq!(
            header,
            "k%0D%0AX-Evil%3A%201=a%2Cb%3Bc=d%5C%22e%25%0A,plain=a=b"
        );
        assert_eq!(dropped, 0);
        assert_eq!(decode(&header), (baggage, 0));
    }

    #[test]
    fn foreign_headers_are_read() {
        let (baggage, dropped) =
            decode("\ta = 1 ;p ; q=r , b=two words, c=Zo%c3%ab,d=%zz,e=,a%20b=1+1");
        assert_eq!(dropped, 0);
        assert_eq!(
            baggage.iter().collect::<Vec<_>>(),
            [
                ("a", "1"),
                ("b", "two words"),
                ("c", "Zoë"),
                ("d", "%zz"),
                ("e", ""),
                ("a b", "1+1")
            ]
        );
        assert_eq!(baggage.metadata("a"), Some("p ; q=r"));
        assert_eq!(baggage.metadata("b"), Some(""));
        assert!(
            baggage
                .encode()
                .header
                .starts_with("a=1;p ; q=r,b=two%20words,")
        );
    }

    #[test]
    fn malformed_members_are_left_out_and_counted() {
        let (baggage, dropped) = decode("a,=1,a b=1,k=\u{7}, ,x=1;m\u{1},ok=1,ok=2");
        assert_eq!(baggage, Baggage::from([("ok", "2")]));
        assert_eq!(dropped, 5);
    }

    #[test]
    fn sixty_four_members_travel() {
        let many: Baggage = (0..70).map(|n| (format!("k{n}"), "v")).collect();
        let EncodedBaggage {
            header, dropped, ..
        } = many.encode();
        assert_eq!(dropped, 6);
        assert_eq!(decode(&header).0.len(), 64);
        let all: Vec<String> = (0..70).map(|n| format!("k{n}=v")).collect();
        let (baggage, dropped) = Baggage::decode(all.iter().map(String::as_str));
        assert_eq!((baggage.len(), dropped), (64, 6));
    }

    #[test]
    fn a_member_that_does_not_fit_makes_room_for_the_next() {
        let exact = "v".repeat(Baggage::MAX_BYTES - 2);
        let mut baggage = Baggage::from([("a", exact.as_str())]);
        assert_eq!(baggage.encode().header.len(), Baggage::MAX_BYTES);
        assert_eq!(decode(&baggage.encode().header), (baggage.clone(), 0));
        baggage.insert("a", format!("{exact}v"));
        baggage.insert("b", "é".repeat(Baggage::MAX_BYTES / 3));
        baggage.insert("c", "1");
        let encoded = baggage.encode();
        assert_eq!((encoded.header.as_str(), encoded.dropped), ("c=1", 2));
        let long = format!("a={exact}v,c=1");
        assert_eq!(decode(&long), (Baggage::from([("c", "1")]), 1));
    }

    #[test]
    fn the_empty_key_and_harmful_metadata_stay_behind() {
        let mut baggage = Baggage::from([("", "x")]);
        assert_eq!(
            baggage.insert_with_metadata("k", "v", "a\r\nb"),
            Err(InvalidMetadata)
        );
        assert_eq!(
            baggage.insert_with_metadata("k", "v", "a,b=c"),
            Err(InvalidMetadata)
        );
        assert_eq!(
            baggage.insert_with_metadata("k", "v", "ttl=5;private"),
            Ok(None)
        );
        let encoded = baggage.encode();
        assert_eq!(
            (encoded.header.as_str(), encoded.dropped),
            ("k=v;ttl=5;private", 1)
        );
    }

    #[test]
    fn secrets_are_replaced_where_asked() {
        let baggage = Baggage::from([("accessToken", "hunter2"), ("user", "ann")]);
        let encoded = baggage.encode_with(&Redact::default());
        assert_eq!(encoded.header(), "accessToken=[redacted],user=ann");
        assert_eq!((encoded.redacted(), encoded.dropped()), (1, 0));
        assert_eq!(baggage.encode().header(), "accessToken=hunter2,user=ann");
    }
}
