use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// What each tracing system on a trace's way left for itself: W3C's `tracestate`, level 2.
///
/// At most 32 entries, the newest first. It is kept as the header's own text: cloning it is cheap, and an empty one
/// holds no memory.
///
/// ```
/// use codomyrmex_core::TraceState;
///
/// let mut state: TraceState = "congo=t61rcWkgMzE, rojo=00f067aa0ba902b7".parse()?;
/// state.insert("rojo", "1")?;
/// assert_eq!(state.to_string(), "rojo=1,congo=t61rcWkgMzE");
/// # Ok::<(), codomyrmex_core::TraceStateError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct TraceState(Option<Arc<str>>);

impl TraceState {
    /// The most entries that there can be.
    pub const MAX_MEMBERS: usize = 32;

    /// Without entries.
    pub const EMPTY: TraceState = TraceState(None);

    /// The header's value: `key=value` joined by commas, empty where there are no entries.
    #[inline]
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether there are no entries.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// The entries, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.as_str()
            .split(',')
            .filter_map(|member| member.split_once('='))
    }

    /// The value under this key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter()
            .find(|(known, _)| *known == key)
            .map(|(_, value)| value)
    }

    /// Adds or changes an entry, which becomes the first one. Where there are 32 already, the oldest goes.
    ///
    /// Everybody on a trace's way passes on 512 characters, and not everybody more. What is longer then is cut as W3C asks:
    /// first entries of more than 128 characters go, then others, from the oldest on. What comes in and is not changed is
    /// passed on as it is.
    ///
    /// # Errors
    ///
    /// A key or value that W3C does not allow; nothing is changed then.
    pub fn insert(&mut self, key: &str, value: &str) -> Result<(), TraceStateError> {
        if !is_key(key) {
            return Err(TraceStateError::Key);
        }
        if !is_value(value) {
            return Err(TraceStateError::Value);
        }
        let size = |(key, value): &(&str, &str)| key.len() + "=".len() + value.len();
        let mut text = format!("{key}={value}");
        let others = self.iter().filter(|(known, _)| *known != key);
        let mut others: Vec<_> = others.take(Self::MAX_MEMBERS - 1).collect();
        let commas = others.len();
        let mut length = text.len() + commas + others.iter().map(size).sum::<usize>();
        for smallest in [LARGE + 1, 0] {
            let mut at = others.len();
            while let Some(before) = at.checked_sub(1).filter(|_| length > PASSED_ON) {
                at = before;
                if size(&others[at]) >= smallest {
                    length -= ",".len() + size(&others.remove(at));
                }
            }
        }
        for (key, value) in others {
            push_member(&mut text, key, value);
        }
        self.0 = Some(text.into());
        Ok(())
    }

    /// Takes an entry away, and says whether there was one.
    pub fn remove(&mut self, key: &str) -> bool {
        let mut text = String::new();
        let mut found = false;
        for (known, value) in self.iter() {
            if known == key {
                found = true;
            } else {
                push_member(&mut text, known, value);
            }
        }
        if found {
            *self = TraceState::from_valid(text);
        }
        found
    }

    /// Reads the values of one or more `tracestate` headers, as if they were joined by commas.
    ///
    /// Empty entries are allowed; of several entries with one key the first, newest one is kept.
    ///
    /// # Errors
    ///
    /// A malformed entry, or more than 32. By W3C's rule the whole state is then to be left out.
    pub fn from_values<'a>(
        values: impl IntoIterator<Item = &'a str>,
    ) -> Result<TraceState, TraceStateError> {
        let mut text = String::new();
        let mut keys = [(0, 0); Self::MAX_MEMBERS];
        let mut count = 0;
        for member in values.into_iter().flat_map(|value| value.split(',')) {
            let member = member.trim_matches([' ', '\t']);
            if member.is_empty() {
                continue;
            }
            let (key, value) = member.split_once('=').ok_or(TraceStateError::Member)?;
            if !is_key(key) {
                return Err(TraceStateError::Key);
            }
            if !is_value(value) {
                return Err(TraceStateError::Value);
            }
            let known = |&(from, to): &(usize, usize)| text.get(from..to) == Some(key);
            if keys[..count].iter().any(known) {
                continue;
            }
            if count == Self::MAX_MEMBERS {
                return Err(TraceStateError::TooMany);
            }
            push_member(&mut text, key, value);
            let to = text.len() - value.len() - 1;
            keys[count] = (to - key.len(), to);
            count += 1;
        }
        Ok(TraceState::from_valid(text))
    }

    fn from_valid(text: String) -> TraceState {
        TraceState((!text.is_empty()).then(|| text.into()))
    }
}

/// Characters of a whole trace state that everybody passes on.
const PASSED_ON: usize = 512;
/// Longer entries are the first to go.
const LARGE: usize = 128;

fn push_member(text: &mut String, key: &str, value: &str) {
    if !text.is_empty() {
        text.push(',');
    }
    text.push_str(key);
    text.push('=');
    text.push_str(value);
}

fn is_key(key: &str) -> bool {
    let small = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    key.len() <= 256
        && key.as_bytes().first().is_some_and(small)
        && key
            .bytes()
            .all(|byte| small(&byte) || b"_-*/@".contains(&byte))
}

fn is_value(value: &str) -> bool {
    value.len() <= 256
        && value
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=')
        && value.bytes().next_back().is_some_and(|last| last != b' ')
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceState({:?})", self.as_str())
    }
}

impl FromStr for TraceState {
    type Err = TraceStateError;

    /// Reads the value of one header; see [`TraceState::from_values`].
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        TraceState::from_values([text])
    }
}

/// What is wrong with a trace state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TraceStateError {
    /// A key that is empty, longer than 256, does not start with a lower-case letter or digit, or holds anything but
    /// these and `_-*/@`.
    Key,
    /// A value that is empty, longer than 256, ends with a space, or holds a comma, `=`, a control character or one
    /// beyond ASCII.
    Value,
    /// An entry without `=`.
    Member,
    /// More than 32 entries.
    TooMany,
}

impl fmt::Display for TraceStateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TraceStateError::Key => "a key that tracestate does not allow",
            TraceStateError::Value => "a value that tracestate does not allow",
            TraceStateError::Member => "a tracestate entry without '='",
            TraceStateError::TooMany => "more than 32 tracestate entries",
        })
    }
}

impl std::error::Error for TraceStateError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_around_entries_and_empty_entries_are_dropped() {
        let state: TraceState = " a=1 ,\tb=x y\t,, c@d=!".parse().unwrap();
        assert_eq!(state.as_str(), "a=1,b=x y,c@d=!");
        assert_eq!(state.len(), 3);
        assert_eq!(state.get("b"), Some("x y"));
        assert_eq!(state.get("x"), None);
        assert!("".parse::<TraceState>().unwrap().is_empty());
        assert_eq!(" , ".parse::<TraceState>(), Ok(TraceState::EMPTY));
    }

    #[test]
    fn several_headers_are_one_state_and_the_first_of_equal_keys_stays() {
        let state = TraceState::from_values(["a=1,b=2", "c=3", "a=4"]).unwrap();
        assert_eq!(state.as_str(), "a=1,b=2,c=3");
    }

    #[test]
    fn malformed_entries_are_errors() {
        for (text, error) in [
            ("a", TraceStateError::Member),
            ("=1", TraceStateError::Key),
            ("A=1", TraceStateError::Key),
            ("@a=1", TraceStateError::Key),
            ("a b=1", TraceStateError::Key),
            ("a =1", TraceStateError::Key),
            ("a=", TraceStateError::Value),
            ("a=1=2", TraceStateError::Value),
            ("a=\u{e9}", TraceStateError::Value),
            ("a=1\r\nx: y", TraceStateError::Value),
        ] {
            assert_eq!(text.parse::<TraceState>(), Err(error), "{text:?}");
        }
        assert!(
            format!("{}=1", "k".repeat(256))
                .parse::<TraceState>()
                .is_ok()
        );
        assert!(
            format!("{}=1", "k".repeat(257))
                .parse::<TraceState>()
                .is_err()
        );
        assert!(
            format!("k={}", "v".repeat(256))
                .parse::<TraceState>()
                .is_ok()
        );
        assert!(
            format!("k={}", "v".repeat(257))
                .parse::<TraceState>()
                .is_err()
        );
        assert!("0=1".parse::<TraceState>().is_ok());
    }

    #[test]
    fn thirty_two_entries_are_the_most() {
        let text = |n: usize| {
            (0..n)
                .map(|i| format!("k{i}=v"))
                .collect::<Vec<_>>()
                .join(",")
        };
        let mut state: TraceState = text(32).parse().unwrap();
        assert_eq!(
            text(33).parse::<TraceState>(),
            Err(TraceStateError::TooMany)
        );
        state.insert("new", "1").unwrap();
        assert_eq!(state.len(), 32);
        assert_eq!(state.iter().next(), Some(("new", "1")));
        assert_eq!(state.get("k31"), None);
        assert_eq!(state.get("k30"), Some("v"));
    }

    #[test]
    fn a_changed_entry_becomes_the_first() {
        let mut state: TraceState = "a=1,b=2,c=3".parse().unwrap();
        let before = state.clone();
        state.insert("b", "9").unwrap();
        assert_eq!(state.as_str(), "b=9,a=1,c=3");
        assert_eq!(before.as_str(), "a=1,b=2,c=3");
        assert!(state.remove("a"));
        assert!(!state.remove("a"));
        assert_eq!(state.as_str(), "b=9,c=3");
        assert!(state.remove("b") && state.remove("c"));
        assert_eq!(state, TraceState::default());
    }

    #[test]
    fn what_is_too_long_is_cut_when_it_is_changed() {
        let entry =
            |key: &str, length: usize| format!("{key}={}", "v".repeat(length - key.len() - 1));
        let large = [
            entry("a", 129),
            entry("b", 128),
            entry("c", 200),
            entry("d", 100),
        ]
        .join(",");
        let state: TraceState = large.parse().unwrap();
        assert_eq!(state.as_str(), large);

        let keys = |state: &TraceState| {
            state
                .iter()
                .map(|(key, _)| key.to_owned())
                .collect::<Vec<_>>()
        };
        let mut changed = state.clone();
        changed.insert("d", &"v".repeat(98)).unwrap();
        // The oldest of those over 128 is enough.
        assert_eq!(keys(&changed), ["d", "a", "b"]);
        let mut changed = state.clone();
        changed.insert("e", &"v".repeat(254)).unwrap();
        assert_eq!(keys(&changed), ["e", "b", "d"]);
        assert!(changed.as_str().len() <= 512);
        let mut changed = state;
        changed.insert(&"k".repeat(256), &"v".repeat(256)).unwrap();
        // What was just added stays in any case.
        assert_eq!(changed.len(), 1);

        let full = (0..4)
            .map(|n| entry(&format!("k{n}"), 127))
            .collect::<Vec<_>>()
            .join(",");
        assert_eq!(full.len(), 511);
        let mut changed: TraceState = full.parse().unwrap();
        changed.insert("k1", &"v".repeat(125)).unwrap();
        assert_eq!((changed.len(), changed.as_str().len()), (4, 512));
        changed.insert("k1", &"v".repeat(126)).unwrap();
        assert_eq!(keys(&changed), ["k1", "k0", "k2"]);
    }

    #[test]
    fn a_refused_entry_changes_nothing() {
        let mut state: TraceState = "a=1".parse().unwrap();
        assert_eq!(state.insert("B", "1"), Err(TraceStateError::Key));
        assert_eq!(state.insert("b", "x,y=1"), Err(TraceStateError::Value));
        assert_eq!(state.insert("b", "x "), Err(TraceStateError::Value));
        assert_eq!(state.as_str(), "a=1");
    }
}
