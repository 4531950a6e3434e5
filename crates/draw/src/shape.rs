use crate::DrawnSpan;
use crate::attribute::whole;
use crate::escape::escape;
use crate::forest::{Forest, Root};
use crate::glyphs::UNICODE;
use crate::rows::rows;

/// Levels that are indented.
const LEVELS: usize = 64;
/// Stands for a name that is empty.
pub(crate) const NO_NAME: &str = "(no name)";

/// A trace as a tree without times, for tests: a trace is asserted as it is drawn.
///
/// Siblings stand by start, then name. A failed span is marked `✗`; where a child's service is not
/// its parent's, the service stands before the name; of the attributes only those named are drawn,
/// in the order named. Nothing is folded or cut; below level 64 the depth stands as a number in place of
/// further indentation. Every line ends in a newline.
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
    for row in rows(spans, &forest, false, LEVELS, &UNICODE) {
        drawn.push_str(&row.stem);
        draw_span(&mut drawn, spans, row.span(), row.root, with_attributes);
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
    match span.name.is_empty() {
        true => drawn.push_str(NO_NAME),
        false => drawn.push_str(&escape(&span.name)),
    }
    match root {
        Some(Root::Orphan) => drawn.push_str(" (parent missing)"),
        Some(Root::Cycle) => drawn.push_str(" (its own ancestor)"),
        Some(Root::True) | None => {}
    }
    for wanted in with_attributes {
        for (key, value) in &span.attributes {
            if key == wanted {
                drawn.push(' ');
                drawn.push_str(&whole(key, value));
            }
        }
    }
    drawn.push('\n');
}
