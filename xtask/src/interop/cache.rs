//! Where a backend lies once it was got, and which version it is.

use std::fs;
use std::path::{Path, PathBuf};

/// The backends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Collector,
    Jaeger,
    Zipkin,
}

/// All of them, the quickest to start first.
pub(crate) const ALL: [Name; 3] = [Name::Collector, Name::Jaeger, Name::Zipkin];

impl Name {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Name::Collector => "collector",
            Name::Jaeger => "jaeger",
            Name::Zipkin => "zipkin",
        }
    }

    /// The backend's name in the table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Name::Collector => "OpenTelemetry Collector",
            Name::Jaeger => "Jaeger",
            Name::Zipkin => "Zipkin",
        }
    }

    /// What it needs beside itself to run.
    pub(crate) fn runs_with(self) -> Option<&'static str> {
        match self {
            Name::Collector | Name::Jaeger => None,
            Name::Zipkin => Some("java"),
        }
    }
}

/// One backend's place.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) name: Name,
    pub(crate) version: String,
    /// Below `target/interop`.
    pub(crate) directory: PathBuf,
}

impl Place {
    pub(crate) fn of(root: &Path, name: Name) -> Result<Self, String> {
        let version = version(root, name)?;
        let directory = root
            .join("target/interop")
            .join(format!("{}-{version}", name.as_str()));
        Ok(Self {
            name,
            version,
            directory,
        })
    }

    /// The program, or the archive.
    pub(crate) fn program(&self) -> PathBuf {
        self.directory.join(match self.name {
            Name::Zipkin => format!("zipkin-server-{}-exec.jar", self.version),
            name => name.as_str().to_owned(),
        })
    }

    pub(crate) fn is_got(&self) -> bool {
        self.program().is_file()
    }

    /// Where this backend's output goes.
    pub(crate) fn log(&self, what: &str) -> PathBuf {
        self.directory.join(format!("{what}.log"))
    }
}

/// The version that a file below `interop/` pins.
fn version(root: &Path, name: Name) -> Result<String, String> {
    let (file, before) = match name {
        Name::Collector => ("interop/collector/manifest.yaml", "version: "),
        Name::Jaeger => ("interop/jaeger/go.mod", "github.com/jaegertracing/jaeger v"),
        Name::Zipkin => ("interop/zipkin/VERSION", ""),
    };
    let text = fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"))?;
    pinned(&text, before).ok_or_else(|| format!("{file} names no version"))
}

fn pinned(text: &str, before: &str) -> Option<String> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix(before))
        .find_map(|rest| rest.split_whitespace().next())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_the_files_that_pin_them() {
        assert_eq!(pinned("3.6.1\n", "").as_deref(), Some("3.6.1"));
        let manifest = "dist:\n  name: x\n  version: 0.160.0\n";
        assert_eq!(pinned(manifest, "version: ").as_deref(), Some("0.160.0"));
        let module = "require (\n\tgithub.com/a/b v1.2.3 // indirect\n)\n";
        assert_eq!(pinned(module, "github.com/a/b v").as_deref(), Some("1.2.3"));
        assert_eq!(pinned("", "version: "), None);
    }
}
