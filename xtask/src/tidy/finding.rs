//! What a rule has to say about one place.

use std::fmt;

/// One place and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    path: String,
    /// Counted from one; none where the whole file is meant.
    line: Option<usize>,
    message: String,
    /// False for a remark that fails nothing.
    pub(crate) fatal: bool,
}

impl Finding {
    pub(crate) fn file(path: &str, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line: None,
            message: message.into(),
            fatal: true,
        }
    }

    /// `index` counts from zero, as `enumerate` does.
    pub(crate) fn line(path: &str, index: usize, message: impl Into<String>) -> Self {
        Self {
            line: Some(index + 1),
            ..Self::file(path, message)
        }
    }

    pub(crate) fn remark(path: &str, message: impl Into<String>) -> Self {
        Self {
            fatal: false,
            ..Self::file(path, message)
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.fatal { "" } else { "remark: " };
        match self.line {
            Some(line) => write!(out, "{}:{line}: {kind}{}", self.path, self.message),
            None => write!(out, "{}: {kind}{}", self.path, self.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_like_a_compiler_message() {
        assert_eq!(Finding::line("a.rs", 0, "bad").to_string(), "a.rs:1: bad");
        assert_eq!(
            Finding::remark("a.rs", "long").to_string(),
            "a.rs: remark: long"
        );
    }
}
