//! The little of JSON that answers need, over bytes from anybody.

use crate::answer::AnswerError;

/// How deep values may be nested.
const MAX_DEPTH: usize = 32;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    /// null, true or false, or an array: no answer has one that matters here.
    Other,
    /// As it is written.
    Number(String),
    Text(String),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a whole text.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, AnswerError> {
        let text = std::str::from_utf8(text).map_err(|_| AnswerError::Json { at: 0 })?;
        let mut parser = Parser { text, at: 0 };
        let value = parser.value(0)?;
        parser.space();
        match parser.peek() {
            None => Ok(value),
            Some(_) => Err(parser.error()),
        }
    }

    /// The member of an object; the last one where the name stands twice.
    pub(crate) fn member(&self, name: &str) -> Option<&Json> {
        match self {
            Self::Object(members) => members
                .iter()
                .rev()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A 64-bit integer, which may be written as a number or as text.
    pub(crate) fn integer(&self) -> Option<i64> {
        match self {
            Self::Number(text) | Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn error(&self) -> AnswerError {
        AnswerError::Json { at: self.at }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Skips white space and this byte, if it is there.
    fn has(&mut self, byte: u8) -> bool {
        self.space();
        let here = self.peek() == Some(byte);
        self.at += usize::from(here);
        here
    }

    fn expect(&mut self, byte: u8) -> Result<(), AnswerError> {
        if self.has(byte) {
            Ok(())
        } else {
            Err(self.error())
        }
    }

    fn value(&mut self, depth: usize) -> Result<Json, AnswerError> {
        if depth > MAX_DEPTH {
            return Err(AnswerError::Depth);
        }
        self.space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'-' | b'0'..=b'9') => Ok(self.number()),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, AnswerError> {
        self.expect(b'{')?;
        let mut members = Vec::new();
        if self.has(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.space();
            let name = self.string()?;
            self.expect(b':')?;
            members.push((name, self.value(depth + 1)?));
            if self.has(b'}') {
                return Ok(Json::Object(members));
            }
            self.expect(b',')?;
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, AnswerError> {
        self.expect(b'[')?;
        if self.has(b']') {
            return Ok(Json::Other);
        }
        loop {
            self.value(depth + 1)?;
            if self.has(b']') {
                return Ok(Json::Other);
            }
            self.expect(b',')?;
        }
    }

    fn word(&mut self) -> Result<Json, AnswerError> {
        let rest = &self.text[self.at..];
        let word = ["null", "true", "false"]
            .into_iter()
            .find(|word| rest.starts_with(word))
            .ok_or(self.error())?;
        self.at += word.len();
        Ok(Json::Other)
    }

    /// Whatever consists of a number's letters; who wants a number parses it.
    fn number(&mut self) -> Json {
        let start = self.at;
        while matches!(
            self.peek(),
            Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
        ) {
            self.at += 1;
        }
        Json::Number(self.text[start..self.at].to_owned())
    }

    fn string(&mut self) -> Result<String, AnswerError> {
        if self.peek() != Some(b'"') {
            return Err(self.error());
        }
        self.at += 1;
        let mut string = String::new();
        loop {
            let rest = &self.text[self.at..];
            let end = rest.find(['"', '\\']).ok_or(self.error())?;
            string.push_str(&rest[..end]);
            self.at += end + 1;
            if rest.as_bytes()[end] == b'"' {
                return Ok(string);
            }
            string.push(self.escape()?);
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<char, AnswerError> {
        let byte = self.peek().ok_or(self.error())?;
        let char = match byte {
            b'"' | b'\\' | b'/' => byte as char,
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                let first = self.hex()?;
                return Ok(match first {
                    0xd800..0xdc00 => self.low_surrogate(first)?,
                    _ => char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER),
                });
            }
            _ => return Err(self.error()),
        };
        self.at += 1;
        Ok(char)
    }

    /// The second half of a pair; one that is alone becomes the replacement character.
    fn low_surrogate(&mut self, high: u32) -> Result<char, AnswerError> {
        if !self.text[self.at..].starts_with("\\u") {
            return Ok(char::REPLACEMENT_CHARACTER);
        }
        let before = self.at;
        self.at += 2;
        let low = self.hex()?;
        if !(0xdc00..0xe000).contains(&low) {
            self.at = before;
            return Ok(char::REPLACEMENT_CHARACTER);
        }
        let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex(&mut self) -> Result<u32, AnswerError> {
        let digits = self
            .text
            .get(self.at..self.at + 4)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .ok_or(self.error())?;
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| self.error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(source: &str) -> Option<String> {
        Json::parse(source.as_bytes())
            .ok()?
            .text()
            .map(str::to_owned)
    }

    #[test]
    fn strings_have_escapes_and_surrogates() {
        assert_eq!(text(r#""a\n\"\\\/\u00e9""#).as_deref(), Some("a\n\"\\/é"));
        assert_eq!(text(r#""\ud83d\ude00""#).as_deref(), Some("😀"));
        assert_eq!(text(r#""\ud83dx""#).as_deref(), Some("\u{fffd}x"));
        assert_eq!(text(r#""\ud83d\u0041""#).as_deref(), Some("\u{fffd}A"));
        for broken in [
            r#"""#,
            r#""\"#,
            r#""\u12""#,
            r#""\u12é""#,
            r#""\x""#,
            r#""a" b"#,
        ] {
            assert_eq!(text(broken), None, "{broken}");
        }
    }

    #[test]
    fn members_and_integers() {
        let json = Json::parse(br#" {"a" : "12", "b":[1,{"c":null}], "a": -3 , "d":{}} "#).unwrap();
        assert_eq!(json.member("a").and_then(Json::integer), Some(-3));
        assert_eq!(json.member("b"), Some(&Json::Other));
        assert_eq!(json.member("d").and_then(|d| d.member("e")), None);
    }

    #[test]
    fn depth_is_limited() {
        let deep = "[".repeat(1_000_000);
        assert_eq!(Json::parse(deep.as_bytes()), Err(AnswerError::Depth));
    }

    proptest! {
        #[test]
        fn anything_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Json::parse(&bytes);
        }

        #[test]
        fn whatever_looks_like_json_is_read_as_serde_does(source in r#"[\[\]{}:,"\\untrea0-9. -]{0,40}"#) {
            // Numbers and lone surrogates are read more generously; what serde reads is read here too.
            if serde_json::from_str::<serde_json::Value>(&source).is_ok() {
                prop_assert!(Json::parse(source.as_bytes()).is_ok(), "{source}");
            }
        }

        #[test]
        fn any_text_survives(text in ".*") {
            let source = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(Json::parse(source.as_bytes()), Ok(Json::Text(text)));
        }
    }
}
