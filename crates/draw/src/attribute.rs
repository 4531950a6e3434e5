use crate::escape::escape;
use crate::style::Style;
use crate::text::fit;
use std::borrow::Cow;

/// The widest that a key or a value is shown in the tree.
const WIDEST: usize = 48;

/// The attributes as `key=value`, escaped and abridged; no more than a line could hold.
pub(crate) fn abridged(pairs: &[(String, String)], style: &Style, cut: &str) -> Vec<String> {
    let widest = WIDEST.min(style.width / 2);
    pairs
        .iter()
        .take(style.width / 2)
        .map(|(key, value)| pair(&fit(key, widest, cut), &fit(value, widest, cut)))
        .collect()
}

/// An attribute as `key=value`, escaped.
pub(crate) fn whole(key: &str, value: &str) -> String {
    pair(&escape(key), &escape(value))
}

/// Quotes stand where the value could be misread without them.
fn pair(key: &str, value: &str) -> String {
    let value = match value.is_empty() || value.contains([' ', '"', '=']) {
        true => Cow::Owned(format!("\"{}\"", value.replace('"', "\\\""))),
        false => Cow::Borrowed(value),
    };
    format!("{key}={value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_where_needed() {
        assert_eq!(whole("user", "ann"), "user=ann");
        assert_eq!(whole("user", "ann lee"), "user=\"ann lee\"");
        assert_eq!(whole("empty", ""), "empty=\"\"");
        assert_eq!(whole("said", "a \"b\""), "said=\"a \\\"b\\\"\"");
        assert_eq!(whole("k", "a\nb"), "k=a\\nb");
    }

    #[test]
    fn long_values_are_abridged() {
        let pairs = [("k".to_owned(), "v".repeat(500))];
        let shown = abridged(&pairs, &Style::default(), "…");
        assert_eq!(shown, [format!("k={}…", "v".repeat(39))]);
    }
}
