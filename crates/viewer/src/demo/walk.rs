//! Which files there are to read.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use codomyrmex_tracing::{Tracer, get_current_span, trace};

/// Folders that hold what was made from something else.
const DERIVED: [&str; 3] = ["target", "node_modules", "__pycache__"];
/// The ending of files that package managers write.
const LOCK: &str = ".lock";
/// Bytes at a file's beginning among which a zero says that it is no text.
const SNIFFED: u64 = 4096;

/// How much is taken of a directory, so that the demo ends soon on any.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Entries of folders looked at.
    pub(crate) entries: usize,
    /// Files taken.
    pub(crate) files: usize,
    /// Bytes of all files together.
    pub(crate) bytes: u64,
    /// Bytes of one file; larger ones are skipped.
    pub(crate) file_bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            entries: 20_000,
            files: 2_000,
            bytes: 32 << 20,
            file_bytes: 1 << 20,
        }
    }
}

/// A file that looks like text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Below the directory walked.
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

/// What a walk came to.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// In the order of their paths.
    pub(crate) files: Vec<Found>,
    pub(crate) bytes: u64,
    /// Files that are no text, empty or too large, and folders that are not entered.
    pub(crate) skipped: usize,
    entries: usize,
    /// Which bound cut the walk off.
    cut_off: Option<&'static str>,
}

/// Finds the text files below `root`, folder by folder in the order of their names.
///
/// # Errors
///
/// If `root` itself cannot be read. Folders below it that cannot be read are skipped, and noted on the span.
#[trace("walk", tracer = tracer)]
pub(crate) fn walk(tracer: &Tracer, root: &Path, bounds: Bounds) -> io::Result<Walk> {
    let mut walk = Walk::default();
    let file_system = file_system(&fs::metadata(root)?);
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let below = match walk.folder(root, &folder, file_system, bounds) {
            Ok(below) => below,
            Err(error) if folder.as_os_str().is_empty() => return Err(error),
            Err(error) => {
                note_unread(&folder, &error);
                walk.skipped += 1;
                continue;
            }
        };
        if walk.cut_off.is_some() {
            break;
        }
        folders.extend(below.into_iter().rev());
    }
    walk.files.sort_by(|a, b| a.path.cmp(&b.path));
    if let Some(span) = get_current_span() {
        span.set_attribute("files", walk.files.len())
            .set_attribute("bytes", walk.bytes)
            .set_attribute("skipped", walk.skipped);
        if let Some(bound) = walk.cut_off {
            span.add_event("cut off", &[("bound", bound.into())]);
        }
    }
    Ok(walk)
}

impl Walk {
    /// Takes the files of one folder, and returns the folders in it.
    fn folder(
        &mut self,
        root: &Path,
        folder: &Path,
        file_system: u64,
        bounds: Bounds,
    ) -> io::Result<Vec<PathBuf>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(root.join(folder))? {
            self.entries += 1;
            if self.entries > bounds.entries {
                self.cut_off = Some("entries");
                break;
            }
            names.push(entry?.file_name());
        }
        names.sort();
        let mut below = Vec::new();
        for name in names {
            let path = folder.join(&name);
            let name = name.to_string_lossy();
            let Ok(metadata) = fs::symlink_metadata(root.join(&path)) else {
                self.skipped += 1;
                continue;
            };
            if name.starts_with('.') || name.ends_with(LOCK) || metadata.is_symlink() {
                self.skipped += 1;
            } else if metadata.is_dir() {
                if DERIVED.contains(&&*name) || self::file_system(&metadata) != file_system {
                    self.skipped += 1;
                } else {
                    below.push(path);
                }
            } else if is_candidate(&metadata, bounds) && looks_like_text(&root.join(&path)) {
                if self.files.len() == bounds.files {
                    self.cut_off = Some("files");
                    break;
                }
                if self.bytes + metadata.len() > bounds.bytes {
                    self.cut_off = Some("bytes");
                    break;
                }
                self.bytes += metadata.len();
                self.files.push(Found {
                    path,
                    bytes: metadata.len(),
                });
            } else {
                self.skipped += 1;
            }
        }
        Ok(below)
    }
}

fn note_unread(folder: &Path, error: &io::Error) {
    if let Some(span) = get_current_span() {
        let (folder, error) = (folder.to_string_lossy(), error.to_string());
        let attributes = [("file.path", (&*folder).into()), ("error", (&error).into())];
        span.add_event("folder not read", &attributes);
    }
}

/// Pipes, devices and the like are not; nor are empty files, which some file systems show where reading blocks.
fn is_candidate(metadata: &Metadata, bounds: Bounds) -> bool {
    metadata.is_file() && (1..=bounds.file_bytes).contains(&metadata.len())
}

/// Whether the file's beginning holds no zero byte. A file that cannot be opened is taken for text, so that the error shows
/// where it is read.
fn looks_like_text(path: &Path) -> bool {
    let mut beginning = Vec::with_capacity(SNIFFED as usize);
    let read = File::open(path).and_then(|file| file.take(SNIFFED).read_to_end(&mut beginning));
    read.is_err() || !beginning.contains(&0)
}

#[cfg(unix)]
fn file_system(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::dev(metadata)
}

#[cfg(not(unix))]
fn file_system(_: &Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::scratch::Scratch;

    fn paths(walk: &Walk) -> Vec<&str> {
        let files = walk.files.iter();
        files.filter_map(|found| found.path.to_str()).collect()
    }

    fn tracer() -> Tracer {
        Tracer::builder("test").disabled(true).build()
    }

    #[test]
    fn text_is_found_and_the_rest_is_skipped() {
        let scratch = Scratch::new("walk");
        scratch.write("b/two.txt", b"two");
        scratch.write("one.txt", b"one\xff");
        scratch.write("empty", b"");
        scratch.write("picture", b"P\0NG");
        scratch.write("large", &[b'x'; 101]);
        scratch.write("target/made.txt", b"made");
        scratch.write("Cargo.lock", b"locked");
        scratch.write(".git/config", b"config");
        let bounds = Bounds {
            file_bytes: 100,
            ..Bounds::default()
        };
        let walk = walk(&tracer(), scratch.path(), bounds).unwrap();
        assert_eq!(paths(&walk), ["b/two.txt", "one.txt"]);
        assert_eq!((walk.bytes, walk.skipped, walk.cut_off), (7, 6, None));
    }

    #[test]
    fn bounds_cut_the_walk_off() {
        let scratch = Scratch::new("bounds");
        for name in ["a", "b", "c"] {
            scratch.write(name, b"text");
        }
        let walk = |bounds| {
            let walk = walk(&tracer(), scratch.path(), bounds).unwrap();
            (walk.files.len(), walk.cut_off)
        };
        let all = Bounds::default();
        assert_eq!(walk(Bounds { files: 3, ..all }), (3, None));
        assert_eq!(walk(Bounds { files: 2, ..all }), (2, Some("files")));
        assert_eq!(walk(Bounds { bytes: 11, ..all }), (2, Some("bytes")));
        assert_eq!(walk(Bounds { entries: 1, ..all }), (1, Some("entries")));
    }

    #[test]
    fn a_missing_root_is_an_error() {
        let scratch = Scratch::new("missing");
        let missing = scratch.path().join("nowhere");
        assert!(walk(&tracer(), &missing, Bounds::default()).is_err());
    }
}
