//! A trace drawn as a tree in characters.
//!
//! [`tree`] draws for people: aligned durations, bars on the trace's timeline, a colour for each
//! service, look-alike siblings folded into one row, and never a line wider than asked for.
//! [`shape`] draws for tests: nothing in it depends on time.
//!
//! ```
//! use codomyrmex_draw::{DrawnSpan, shape};
//!
//! let spans = [
//!     DrawnSpan { name: "checkout".into(), ..DrawnSpan::default() },
//!     DrawnSpan { name: "charge".into(), parent: Some(0), ..DrawnSpan::default() },
//! ];
//! assert_eq!(shape(&spans, &[]), "checkout\n╰─ charge\n");
//! ```
#![forbid(unsafe_code)]

mod attribute;
mod axis;
mod bar;
mod drawn_span;
mod duration;
mod escape;
mod fold;
mod forest;
mod glyphs;
mod header;
mod hue;
mod label;
mod line;
mod rows;
mod shape;
mod style;
mod text;
mod tree;

pub use drawn_span::DrawnSpan;
pub use duration::duration;
pub use escape::escape;
pub use shape::shape;
pub use style::Style;
pub use tree::tree;
