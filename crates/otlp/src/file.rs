//! OTLP as lines of JSON, to a file or to standard output.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use codomyrmex_core::{Batch, Delivery, ExportError, SpanExporter};
use codomyrmex_wire::{TracesView, json};

use crate::error::ConfigError;

/// A file's size where nothing else is asked for.
const MAX_BYTES: u64 = 100 << 20;
/// How many older files are kept where nothing else is asked for.
const KEPT: u32 = 3;

/// Writes each batch as one line of JSON, an OTLP `TracesData`, as the OTLP file exporter's specification has it: what a
/// Collector's `otlpjsonfile` receiver reads. On a thread of its own.
///
/// A file that a line would make too large is renamed to `<path>.1`, the one that had this name to `<path>.2`, and so on;
/// the oldest goes. Several processes may write one file: each line is appended as a whole.
///
/// ```
/// use codomyrmex_core::Tracer;
/// use codomyrmex_otlp::OtlpFileExporter;
///
/// let path = std::env::temp_dir().join(format!("spans-{}.jsonl", std::process::id()));
/// let exporter = OtlpFileExporter::builder().path(&path).max_bytes(10 << 20).build()?;
/// let tracer = Tracer::builder("shop").exporter(exporter).build();
/// tracer.span("checkout").finish();
/// tracer.flush();
/// assert!(std::fs::read_to_string(&path)?.contains(r#""name":"checkout""#));
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct OtlpFileExporter {
    output: Mutex<Output>,
}

/// Path and sizes of an [`OtlpFileExporter`] to be. Without a path lines go to standard output.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct OtlpFileExporterBuilder {
    path: Option<PathBuf>,
    max_bytes: u64,
    kept: u32,
}

impl OtlpFileExporterBuilder {
    /// The file, made where it is not there; its directory has to be. By default standard output.
    pub fn path(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// The most bytes of a file: 100 MiB by default. One line that is larger alone has a file of its own.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// How many older files are kept beside the one that is written: 3 by default.
    pub fn kept(mut self, files: u32) -> Self {
        self.kept = files;
        self
    }

    /// The exporter; opens the file.
    ///
    /// # Errors
    ///
    /// Where the file cannot be opened for appending, or may have no bytes at all.
    pub fn build(self) -> Result<OtlpFileExporter, ConfigError> {
        if self.max_bytes == 0 {
            return Err(ConfigError::Limit {
                option: "limit of bytes in a file",
            });
        }
        let output = match self.path {
            None => Output::Standard,
            Some(path) => Output::Rotated(Rotated {
                file: open(&path).map_err(|error| ConfigError::File {
                    option: "file exporter",
                    path: path.clone(),
                    reason: format!("cannot be opened for appending ({})", error.kind()),
                })?,
                path,
                max_bytes: self.max_bytes,
                kept: self.kept,
                torn: false,
            }),
        };
        Ok(OtlpFileExporter {
            output: Mutex::new(output),
        })
    }
}

impl OtlpFileExporter {
    /// An exporter to be configured.
    pub fn builder() -> OtlpFileExporterBuilder {
        OtlpFileExporterBuilder {
            path: None,
            max_bytes: MAX_BYTES,
            kept: KEPT,
        }
    }
}

impl SpanExporter for OtlpFileExporter {
    fn export(&self, batch: &Batch) -> Result<(), ExportError> {
        let line = line(batch)?;
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        output.write(line.as_bytes()).map_err(|error| {
            ExportError::permanent(format!("{output} cannot be written ({})", error.kind()))
        })
    }

    fn delivery(&self) -> Delivery {
        Delivery::Background
    }

    fn name(&self) -> &str {
        "otlp_file"
    }
}

impl fmt::Debug for OtlpFileExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_tuple("OtlpFileExporter")
            .field(&output.to_string())
            .finish()
    }
}

fn line(batch: &Batch) -> Result<String, ExportError> {
    let mut request = batch.request_prefix();
    request.extend_from_slice(batch.bytes());
    let traces = TracesView::parse(&request)
        .map_err(|_| ExportError::permanent("the batch is not what an encoder writes"))?;
    // JSON takes two to three times the space.
    let mut line = String::with_capacity(request.len() * 3);
    json::write_traces(&traces, &mut line);
    line.push('\n');
    Ok(line)
}

/// Where lines go.
enum Output {
    Standard,
    Rotated(Rotated),
}

impl Output {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            Output::Standard => {
                let mut out = io::stdout().lock();
                out.write_all(line)?;
                out.flush()
            }
            Output::Rotated(rotated) => rotated.write(line),
        }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Output::Standard => f.write_str("standard output"),
            Output::Rotated(rotated) => rotated.path.display().fmt(f),
        }
    }
}

struct Rotated {
    path: PathBuf,
    file: File,
    max_bytes: u64,
    kept: u32,
    /// The last line was not written to its end.
    torn: bool,
}

impl Rotated {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if !is_at(&self.file, &self.path) {
            // Another process, or somebody's logrotate, has renamed it.
            self.file = open(&self.path)?;
        }
        let size = self.file.metadata()?.len();
        if size > 0 && size.saturating_add(line.len() as u64) > self.max_bytes {
            self.rotate()?;
        }
        if self.torn {
            self.file.write_all(b"\n")?;
        }
        self.torn = true;
        self.file.write_all(line)?;
        self.torn = false;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        if self.kept == 0 {
            fs::remove_file(&self.path)?;
        }
        for number in (0..self.kept).rev() {
            match fs::rename(self.numbered(number), self.numbered(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.file = open(&self.path)?;
        self.torn = false;
        Ok(())
    }

    /// 0 is the file itself.
    fn numbered(&self, number: u32) -> PathBuf {
        if number == 0 {
            return self.path.clone();
        }
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Whether the open file is the one that has this name.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => place(open) == place(named),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}
