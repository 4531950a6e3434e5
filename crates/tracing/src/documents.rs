//! The Rust code that the project's documents show, run as doc tests.

#[doc = include_str!("../../../README.md")]
#[derive(Debug)]
pub struct Readme;

#[doc = include_str!("../../../RATIONALE.md")]
#[derive(Debug)]
pub struct Rationale;
