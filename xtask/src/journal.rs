//! Where the output of one step goes: a file below `target/xtask`, shown when the step fails.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One step's output.
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    verbose: bool,
    skipped: Vec<String>,
}

impl Journal {
    /// Starts the step's file anew.
    pub(crate) fn open(directory: &Path, step: &str, verbose: bool) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let path = directory.join(format!("{step}.log"));
        let file = File::create(&path)?;
        Ok(Self {
            path,
            file,
            verbose,
            skipped: Vec::new(),
        })
    }

    /// Runs a command to its end, its output into this journal. An error says which command failed and how.
    pub(crate) fn run(&mut self, command: &mut Command) -> Result<(), String> {
        let line = shown(command);
        self.note(&format!("$ {line}"));
        if !self.verbose {
            let clone = |file: &File| {
                file.try_clone()
                    .map_err(|error| format!("{}: {error}", self.path.display()))
            };
            command
                .stdout(Stdio::from(clone(&self.file)?))
                .stderr(Stdio::from(clone(&self.file)?));
        }
        let status = command
            .stdin(Stdio::null())
            .status()
            .map_err(|error| format!("cannot start `{line}`: {error}"))?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("`{line}` ended with {status}"))
        }
    }

    /// A line of our own.
    pub(crate) fn note(&mut self, line: &str) {
        if self.verbose {
            println!("{line}");
        }
        // A full disk shows in the step's own commands soon enough.
        let _ = writeln!(self.file, "{line}");
    }

    /// Tells that a test was not run, and why.
    pub(crate) fn skip(&mut self, test: &str, reason: &str) {
        self.note(&format!("{test}: SKIPPED: {reason}"));
        self.skipped.push(format!("{test} ({reason})"));
    }

    /// The tests that were not run, with the reasons.
    pub(crate) fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// All that the step printed, or nothing where it was shown already.
    pub(crate) fn text(&self) -> String {
        if self.verbose {
            return String::new();
        }
        fs::read(&self.path)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// The command as one would type it.
fn shown(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| {
            let word = word.to_string_lossy();
            if word.is_empty() || word.contains([' ', '"', '\'', '$', '(', ';']) {
                format!("'{}'", word.replace('\'', "'\\''"))
            } else {
                word.into_owned()
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let mut command = Command::new("python");
        command.args(["-c", "print('a b')", "plain"]);
        assert_eq!(shown(&command), r"python -c 'print('\''a b'\'')' plain");
    }
}
