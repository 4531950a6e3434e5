//! The cases and how much work one section of each is.

use crate::serve::Section;

/// What is measured. The driver passes the name as the first argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// A span with a local parent, made current, ended. Time of the recording thread.
    Child,
    /// The same with three attributes: a `&'static str`, an `i64`, a borrowed `&str`.
    Attributes,
    /// A span without a parent, made current, ended.
    Root,
    /// A child of a span that was not sampled; made current, ended.
    Unsampled,
    /// A child while tracing is switched off.
    Disabled,
    /// A future of two polls that carries a span, below a current parent.
    Async,
    /// Time of the whole process from a child's creation to its OTLP bytes.
    Cpu,
    /// The same with the three attributes.
    CpuAttributes,
    /// As [`Case::Child`], with an exporter that never returns.
    Stalled,
    /// A context becomes the value of `traceparent`, which is looked at as text.
    Inject,
    /// The value of a `traceparent` becomes a context.
    Extract,
    /// Two threads flat out for two seconds with default queues: memory and lost spans.
    Memory,
    /// Set up a tracer, record one span, leave.
    Startup,
    /// Leave at once: what linking the library costs.
    Linked,
}

/// Children below one root. Fastrace keeps at most 10,240 spans of a thread below one parent.
pub const CHILDREN: u64 = 4_000;
/// Roots in one section of [`Case::Root`]: fastrace sends three commands for each through a ring of 10,240.
pub const ROOTS: u64 = 2_000;
/// Futures in one section of [`Case::Async`].
pub const FUTURES: u64 = 1_000;
/// Headers in one section of [`Case::Inject`] and [`Case::Extract`].
pub const HEADERS: u64 = 4_000;
/// Roots, each with [`CHILDREN`] children, between two flushes of the cases that count the whole process.
pub const TRACES: u64 = 4;
/// Spans that a peer's queue holds where nothing may be lost.
pub const QUEUE: usize = 32_768;

impl Case {
    /// One section of this case.
    pub fn section(self) -> Section {
        let (operations, exported) = match self {
            Case::Child | Case::Attributes => (CHILDREN, CHILDREN + 1),
            Case::Unsampled | Case::Disabled | Case::Stalled => (CHILDREN, 0),
            Case::Inject | Case::Extract => (HEADERS, 0),
            Case::Root => (ROOTS, ROOTS),
            Case::Async => (FUTURES, FUTURES + 1),
            Case::Cpu | Case::CpuAttributes => (TRACES * (CHILDREN + 1), TRACES * (CHILDREN + 1)),
            Case::Memory => (CHILDREN + 1, CHILDREN + 1),
            Case::Startup | Case::Linked => (1, 1),
        };
        Section {
            operations,
            exported,
        }
    }

    const ALL: [(&'static str, Case); 14] = [
        ("child", Case::Child),
        ("attributes", Case::Attributes),
        ("root", Case::Root),
        ("unsampled", Case::Unsampled),
        ("disabled", Case::Disabled),
        ("async", Case::Async),
        ("cpu", Case::Cpu),
        ("cpu-attributes", Case::CpuAttributes),
        ("stalled", Case::Stalled),
        ("inject", Case::Inject),
        ("extract", Case::Extract),
        ("memory", Case::Memory),
        ("startup", Case::Startup),
        ("linked", Case::Linked),
    ];

    /// The case named by the first argument. Ends the process with 2 where there is none.
    pub fn from_arguments() -> Case {
        let name = std::env::args().nth(1).unwrap_or_default();
        match Self::ALL.iter().find(|(known, _)| *known == name) {
            Some((_, case)) => *case,
            None => {
                let names: Vec<_> = Self::ALL.iter().map(|(name, _)| *name).collect();
                eprintln!("no case {name:?}; there are: {}", names.join(" "));
                std::process::exit(2);
            }
        }
    }
}

/// A header to be read.
pub const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Says that a peer has no such case, which leaves a dash in the table.
pub fn not_offered() -> ! {
    println!("not offered");
    std::process::exit(0);
}
