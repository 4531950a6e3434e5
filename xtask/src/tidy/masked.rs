//! Source text with what is not code blanked, so that a rule can look for words. Lines keep their numbers and columns.

/// Rust with comments, and the insides of strings and character literals, turned to spaces.
pub(crate) fn rust(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => line_end(&chars, at),
            '/' if chars.get(at + 1) == Some(&'*') => comment_end(&chars, at),
            '"' => string_end(&chars, at + 1),
            'r' if !within_word(&chars, at) => match raw_string_end(&chars, at + 1) {
                Some(end) => end,
                None => at,
            },
            '\'' => char_end(&chars, at),
            _ => at,
        };
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            blank(&chars[at..end], &mut out);
            at = end;
        }
    }
    out
}

/// Python with comments and the insides of strings turned to spaces. Docstrings are strings.
pub(crate) fn python(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = match chars[at] {
            '#' => line_end(&chars, at),
            quote @ ('"' | '\'') => python_string_end(&chars, at, quote),
            _ => at,
        };
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            blank(&chars[at..end], &mut out);
            at = end;
        }
    }
    out
}

/// Blanks the items that stand under `#[cfg(test)]` or `#[cfg(all(test, …))]` in text that [`rust`] made.
pub(crate) fn without_test_modules(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = test_mark(rest) {
        let (before, item) = rest.split_at(start);
        let (item, after) = item.split_at(item_end(item));
        out.push_str(before);
        blank(&item.chars().collect::<Vec<_>>(), &mut out);
        rest = after;
    }
    out.push_str(rest);
    out
}

fn test_mark(code: &str) -> Option<usize> {
    ["#[cfg(test)]", "#[cfg(all(test,"]
        .iter()
        .filter_map(|mark| code.find(mark))
        .min()
}

/// The end of an item in bytes: its `;`, or the brace that closes its body.
fn item_end(item: &str) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in item.bytes().enumerate() {
        match byte {
            b';' if depth == 0 => return at + 1,
            b'}' if depth <= 1 => return at + 1,
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    item.len()
}

fn blank(chars: &[char], out: &mut String) {
    out.extend(
        chars
            .iter()
            .map(|&char| if char == '\n' { '\n' } else { ' ' }),
    );
}

fn line_end(chars: &[char], from: usize) -> usize {
    chars[from..]
        .iter()
        .position(|&char| char == '\n')
        .map_or(chars.len(), |length| from + length)
}

/// Rust's block comments nest.
fn comment_end(chars: &[char], from: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = from;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                at += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    chars.len()
}

/// From behind the opening quote to behind the closing one.
fn string_end(chars: &[char], from: usize) -> usize {
    let mut at = from;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// From behind the `r`; `None` where no raw string begins (an identifier, a raw identifier).
fn raw_string_end(chars: &[char], from: usize) -> Option<usize> {
    let hashes = chars[from..]
        .iter()
        .take_while(|&&char| char == '#')
        .count();
    if chars.get(from + hashes) != Some(&'"') {
        return None;
    }
    let mut at = from + hashes + 1;
    while at < chars.len() {
        if chars[at] == '"'
            && chars[at + 1..]
                .iter()
                .take(hashes)
                .filter(|&&char| char == '#')
                .count()
                == hashes
        {
            return Some(at + 1 + hashes);
        }
        at += 1;
    }
    Some(chars.len())
}

/// Whether the `r` at this place is the end of a longer word; `br` and `cr` begin raw strings too.
fn within_word(chars: &[char], at: usize) -> bool {
    let word: Vec<char> = chars[..at]
        .iter()
        .rev()
        .take_while(|char| char.is_alphanumeric() || **char == '_')
        .copied()
        .collect();
    !matches!(word.as_slice(), [] | ['b'] | ['c'])
}

/// A character literal's end, or `at` where the quote begins a lifetime or a label.
fn char_end(chars: &[char], at: usize) -> usize {
    match (chars.get(at + 1), chars.get(at + 2)) {
        // The escaped character itself may be a quote.
        (Some('\\'), Some(_)) => chars[at + 3..]
            .iter()
            .position(|&char| char == '\'')
            .map_or(chars.len(), |length| at + 3 + length + 1),
        (Some(_), Some('\'')) => at + 3,
        _ => at,
    }
}

fn python_string_end(chars: &[char], at: usize, quote: char) -> usize {
    let triple = chars.get(at + 1) == Some(&quote) && chars.get(at + 2) == Some(&quote);
    let mut end = if triple { at + 3 } else { at + 1 };
    while end < chars.len() {
        match chars[end] {
            '\\' => end += 2,
            '\n' if !triple => return end,
            char if char == quote && !triple => return end + 1,
            char if char == quote
                && chars.get(end + 1) == Some(&quote)
                && chars.get(end + 2) == Some(&quote) =>
            {
                return end + 3;
            }
            _ => end += 1,
        }
    }
    chars.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_of_rust_are_blanked() {
        assert_eq!(rust("a // unsafe\nb"), "a          \nb");
        assert_eq!(
            rust("a /* x /* y */ unsafe */ b"),
            "a                        b"
        );
        assert!(!rust(r#"let a = "unsafe \" unsafe";"#).contains("unsafe"));
        assert!(!rust("let a = r#\"unsafe \" unsafe\"#;").contains("unsafe"));
        assert!(!rust("let a = br\"unsafe\\\";").contains("unsafe"));
        assert!(rust("let a = \"x\"; unsafe {}").contains("unsafe"));
    }

    #[test]
    fn lifetimes_are_no_literals() {
        assert_eq!(
            rust("fn f<'a>(x: &'a str) -> char { '\"' }"),
            "fn f<'a>(x: &'a str) -> char {     }"
        );
        assert!(rust("let q = '\\''; unsafe {}").contains("unsafe"));
        assert!(rust("let q = b'\\\\'; unsafe {}").contains("unsafe"));
        assert!(rust("let r#type = 1; for_r \"x\"; unsafe {}").contains("unsafe"));
    }

    #[test]
    fn an_open_literal_at_the_end_is_survived() {
        for text in ["\"abc", "'\\", "r#\"abc", "/* abc", "'", "\"\\"] {
            assert_eq!(rust(text).chars().count(), text.chars().count(), "{text}");
        }
    }

    #[test]
    fn comments_and_strings_of_python_are_blanked() {
        assert_eq!(python("a = 'x#y' # z"), "a =          ");
        assert!(
            !python("def f():\n    \"\"\"os.environ\n    it's\"\"\"\n    return 1\n")
                .contains("environ")
        );
        assert!(python("a = \"\"\"x\"\"\"; os.environ").contains("os.environ"));
        assert!(python("a = ''; os.environ").contains("os.environ"));
    }

    #[test]
    fn test_modules_vanish_and_what_follows_stays() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests {\n  fn b() { }\n}\nfn c() {}\n#[cfg(test)]\nmod more;\nfn d() {}";
        let product = without_test_modules(code);
        assert_eq!(product.lines().count(), code.lines().count());
        assert!(product.contains("fn a") && product.contains("fn c") && product.contains("fn d"));
        assert!(!product.contains("fn b") && !product.contains("more"));
        let signature = "#[cfg(all(test, not(loom)))]\nfn a(x: [u8; 4]) { b(); }\nfn c() {}";
        assert_eq!(without_test_modules(signature).trim(), "fn c() {}");
    }
}
