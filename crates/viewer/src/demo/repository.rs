//! What to index where nobody says.

use std::path::{Path, PathBuf};

/// What stands at the top of a repository; the first in this list counts most.
const MARKS: [&str; 2] = [".git", "Cargo.lock"];

/// The repository around `directory`, or `directory` itself where there is none.
pub(crate) fn around(directory: &Path) -> PathBuf {
    let mut marks = MARKS.iter();
    let found = marks.find_map(|mark| {
        let mut above = directory.ancestors();
        above.find(|above| above.join(mark).exists())
    });
    found.unwrap_or(directory).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::scratch::Scratch;

    #[test]
    fn the_nearest_repository_above_is_found() {
        let scratch = Scratch::new("repository");
        scratch.write("outer/.git/config", b"");
        scratch.write("outer/inner/Cargo.lock", b"");
        scratch.write("outer/inner/src/deep/file", b"");
        let outer = scratch.path().join("outer");
        assert_eq!(around(&outer.join("inner/src/deep")), outer);
        assert_eq!(around(&outer), outer);
    }
}
