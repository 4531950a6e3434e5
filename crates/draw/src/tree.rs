use crate::{DrawnSpan, Style};

/// Draws spans as trees on one timeline; every line ends in a newline.
pub fn tree(spans: &[DrawnSpan], style: &Style) -> String {
    let _ = style;
    crate::shape(spans, &[])
}
