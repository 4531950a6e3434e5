use crate::DrawnSpan;
use crate::escape::escape;
use crate::forest::{Forest, Root};

/// A trace as a tree without times, for tests: a trace is asserted as it is drawn.
///
/// Siblings stand by start, then name. A failed span is marked `✗`; where a child's service is not
/// its parent's, the service stands before the name; of the attributes only those named are drawn,
/// in the order named. Nothing is folded or cut. Every line ends in a newline.
///
/// ```
/// use codomyrmex_draw::{DrawnSpan, shape};
///
/// let spans = [
///     DrawnSpan { name: "checkout".into(), service: "shop".into(), ..DrawnSpan::default() },
///     DrawnSpan {
///         name: "charge".into(),
///         service: "pay".into(),
///         error: Some("card declined".into()),
///         attributes: vec![("amount".into(), "30".into()), ("thread".into(), "7".into())],
///         parent: Some(0),
///         ..DrawnSpan::default()
///     },
/// ];
/// assert_eq!(shape(&spans, &["amount"]), "\
/// checkout
/// ╰─ ✗ pay › charge amount=30
/// ");
/// ```
pub fn shape(spans: &[DrawnSpan], with_attributes: &[&str]) -> String {
    let forest = Forest::of(spans);
    let mut drawn = String::new();
    // (span, why it is a root, guides above it, last of its siblings)
    let mut open: Vec<(usize, Option<Root>, usize, bool)> = Vec::new();
    let mut guides: Vec<bool> = Vec::new();
    for &(root, why) in forest.roots.iter().rev() {
        open.push((root, Some(why), 0, true));
    }
    while let Some((span, root, depth, last)) = open.pop() {
        guides.truncate(depth.saturating_sub(1));
        if root.is_none() {
            for &more in &guides {
                drawn.push_str(if more { "│  " } else { "   " });
            }
            drawn.push_str(if last { "╰─ " } else { "├─ " });
            guides.push(!last);
        }
        draw_span(&mut drawn, spans, span, root, with_attributes);
        for (place, &child) in forest.children[span].iter().enumerate().rev() {
            let last = place + 1 == forest.children[span].len();
            open.push((child, None, depth + 1, last));
        }
    }
    drawn
}

fn draw_span(
    drawn: &mut String,
    spans: &[DrawnSpan],
    index: usize,
    root: Option<Root>,
    with_attributes: &[&str],
) {
    let span = &spans[index];
    if span.error.is_some() {
        drawn.push_str("✗ ");
    }
    if let (None, Some(parent)) = (root, span.parent)
        && spans[parent].service != span.service
        && !span.service.is_empty()
    {
        drawn.push_str(&escape(&span.service));
        drawn.push_str(" › ");
    }
    drawn.push_str(&escape(&span.name));
    match root {
        Some(Root::Orphan) => drawn.push_str(" (parent missing)"),
        Some(Root::Cycle) => drawn.push_str(" (its own ancestor)"),
        Some(Root::True) | None => {}
    }
    for wanted in with_attributes {
        for (key, value) in &span.attributes {
            if key == wanted {
                drawn.push(' ');
                drawn.push_str(&escape(key));
                drawn.push('=');
                drawn.push_str(&escape(value));
            }
        }
    }
    drawn.push('\n');
}
