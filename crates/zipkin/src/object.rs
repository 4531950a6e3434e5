//! JSON objects and arrays, member by member.

use codomyrmex_wire::json::write_text;

/// An object under way.
pub(crate) struct Object<'o> {
    out: &'o mut String,
    empty: bool,
}

impl<'o> Object<'o> {
    pub(crate) fn begin(out: &'o mut String) -> Self {
        out.push('{');
        Object { out, empty: true }
    }

    /// Where the member's value is to be written.
    pub(crate) fn member(&mut self, key: &str) -> &mut String {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        write_text(key, self.out);
        self.out.push(':');
        self.out
    }

    pub(crate) fn text(&mut self, key: &str, value: &str) {
        write_text(value, self.member(key));
    }

    pub(crate) fn number(&mut self, key: &str, value: u64) {
        let digits = value.to_string();
        self.member(key).push_str(&digits);
    }

    pub(crate) fn end(self) {
        self.out.push('}');
    }
}

/// Writes items between brackets.
pub(crate) fn write_array<T>(
    items: impl IntoIterator<Item = T>,
    out: &mut String,
    mut write: impl FnMut(T, &mut String),
) {
    out.push('[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(']');
}
