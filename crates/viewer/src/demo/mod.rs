//! A real piece of work, traced through two processes, and drawn.
//!
//! The first process walks a directory, reads and counts its files on worker threads, has the words ranked by the second
//! process over HTTP, and merges the answers. Then it gathers the spans of both and draws the one trace.

mod books;
mod collected;
mod cost;
mod index;
mod ranker;
mod ranking;
mod remote;
mod report;
mod repository;
mod run;
#[cfg(test)]
mod scratch;
mod terms;
mod walk;
mod work;

pub(crate) use run::{run, serve};
