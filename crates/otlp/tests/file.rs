//! Lines of JSON in files, and what becomes of files that are full.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use codomyrmex_core::{SpanStatus, Tracer};
use codomyrmex_otlp::OtlpFileExporter;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

/// A directory that goes with the test.
struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Self {
        let name = format!("codomyrmex-file-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("spans.jsonl")
    }

    /// The names of the files, in order.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .expect("the directory")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn tracer(exporter: OtlpFileExporter) -> Tracer {
    Tracer::builder("shop").exporter(exporter).build()
}

/// Records one span, and has it written as a line of its own.
fn line(tracer: &Tracer, name: &str) {
    tracer.span(name).finish();
    assert!(tracer.force_flush(Duration::from_secs(30)).is_done());
}

/// The spans' names in each line, as the official messages read them.
fn names(path: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).expect("the file");
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines()
        .map(|line| {
            let request: ExportTraceServiceRequest = serde_json::from_str(line).expect("OTLP/JSON");
            let spans = request.resource_spans.into_iter();
            let spans = spans.flat_map(|resource| resource.scope_spans);
            spans
                .flat_map(|scope| scope.spans)
                .map(|span| span.name)
                .collect()
        })
        .collect()
}

#[test]
fn a_batch_is_a_line_that_the_official_messages_read() {
    let directory = Directory::new("line");
    let file = directory.file();
    let tracer = tracer(
        OtlpFileExporter::builder()
            .path(&file)
            .build()
            .expect("built"),
    );
    {
        let span = tracer.span("a\nb\u{2028}\"c\"");
        span.set_attribute("bytes", &[0_u8, 255][..]);
        span.set_status(SpanStatus::Error, "no");
        tracer.span("inner").finish();
    }
    assert!(tracer.force_flush(Duration::from_secs(30)).is_done());
    line(&tracer, "later");
    assert_eq!(
        names(&file),
        [vec!["inner", "a\nb\u{2028}\"c\""], vec!["later"]]
    );
    let stats = tracer.stats();
    assert_eq!((stats.exporters[0].exported, stats.balanced()), (3, true));
}

#[test]
fn what_was_there_stays_and_lines_are_appended() {
    let directory = Directory::new("append");
    let file = directory.file();
    for name in ["first", "second"] {
        let exporter = OtlpFileExporter::builder().path(&file).build();
        line(&tracer(exporter.expect("built")), name);
    }
    assert_eq!(names(&file), [["first"], ["second"]]);
}

#[test]
fn a_full_file_is_renamed_and_the_oldest_goes() {
    let directory = Directory::new("rotate");
    let file = directory.file();
    let builder = OtlpFileExporter::builder().path(&file).max_bytes(1).kept(2);
    let tracer = tracer(builder.build().expect("built"));
    for name in ["a", "b", "c", "d"] {
        line(&tracer, name);
    }
    assert_eq!(
        directory.names(),
        ["spans.jsonl", "spans.jsonl.1", "spans.jsonl.2"]
    );
    assert_eq!(names(&file), [["d"]]);
    assert_eq!(names(&directory.0.join("spans.jsonl.1")), [["c"]]);
    assert_eq!(names(&directory.0.join("spans.jsonl.2")), [["b"]]);
}

#[test]
fn lines_that_fit_share_a_file() {
    let directory = Directory::new("share");
    let file = directory.file();
    let builder = OtlpFileExporter::builder().path(&file).kept(0);
    let one = tracer(builder.clone().build().expect("built"));
    line(&one, "a");
    let size = fs::metadata(&file).expect("the file").len();
    let two = tracer(builder.max_bytes(size * 2 + 8).build().expect("built"));
    line(&two, "b");
    assert_eq!(names(&file), [["a"], ["b"]]);
    line(&two, "c");
    assert_eq!(directory.names(), ["spans.jsonl"]);
    assert_eq!(names(&file), [["c"]]);
}

#[cfg(unix)]
#[test]
fn a_file_that_somebody_else_renamed_is_made_anew() {
    let directory = Directory::new("renamed");
    let file = directory.file();
    let tracer = tracer(
        OtlpFileExporter::builder()
            .path(&file)
            .build()
            .expect("built"),
    );
    line(&tracer, "a");
    let old = directory.0.join("old");
    fs::rename(&file, &old).expect("renamed");
    line(&tracer, "b");
    assert_eq!(
        (names(&old), names(&file)),
        (vec![vec!["a".to_owned()]], vec![vec!["b".to_owned()]])
    );
}

#[test]
fn a_path_that_cannot_be_opened_is_told_at_once() {
    let directory = Directory::new("missing");
    let path = directory.0.join("not there").join("spans.jsonl");
    let error = OtlpFileExporter::builder().path(path).build();
    let message = error.expect_err("no such directory").to_string();
    assert!(
        message.contains("cannot be opened for appending"),
        "{message}"
    );
    let error = OtlpFileExporter::builder().max_bytes(0).build();
    assert!(error.is_err());
}
