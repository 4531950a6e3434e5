//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Distributed traces on this machine.
#[derive(Debug, Parser)]
#[command(name = "codomyrmex-trace", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Traces a real piece of work and draws its trace
    #[command(long_about = DEMO, after_long_help = DEMO_EXIT)]
    Demo(DemoOptions),
    /// The second process of the demo, which starts it
    #[command(hide = true)]
    DemoRanker,
}

const DEMO: &str = "\
Traces a real piece of work and draws its trace.

The work: find the text files below DIR, read them and count their words on worker threads, and have the words ranked by \
how telling they are. The ranking is done by a second process, asked over HTTP on the loopback interface with the \
trace's context in the headers. Both processes record their spans; what you see is the one trace that comes of it, drawn \
as a tree, then the books of both processes and what a span costs on this machine.

Nothing is written, and nothing leaves this machine. Hidden files and folders, `target`, `node_modules`, `__pycache__`, \
lock files, other file systems, and what is no text are skipped; large inputs are cut off, so that the demo ends within seconds. A file \
that cannot be read, or is no valid UTF-8, is an error in the trace.";

const DEMO_EXIT: &str = "\
Exit status: 0 if the books of both processes balance and no span was dropped, 1 if not or if the work failed, 2 for a \
mistake on the command line.

Environment: COLUMNS sets the width. NO_COLOR switches colours off.";

#[derive(Debug, Args)]
pub(crate) struct DemoOptions {
    /// What to index [default: the repository around the current directory]
    #[arg(value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,

    /// Whether to draw in colour; `auto` does on a terminal that has colours
    #[arg(long, value_enum, value_name = "WHEN", default_value_t)]
    pub(crate) color: Color,

    /// How many columns wide to draw [default: as wide as the terminal, 80 elsewhere]
    #[arg(long, value_name = "COLUMNS")]
    pub(crate) width: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_second_process_is_not_advertised() {
        let help = Cli::command().render_long_help().to_string();
        assert!(help.contains("demo") && !help.contains("ranker"), "{help}");
    }
}
