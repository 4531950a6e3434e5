use codomyrmex_draw::DrawnSpan;

const US: u64 = 1_000;

/// Collects spans; times are microseconds after the start.
#[derive(Default)]
struct Trace {
    spans: Vec<DrawnSpan>,
}

impl Trace {
    fn span(
        &mut self,
        parent: Option<usize>,
        service: &str,
        name: &str,
        from: u64,
        to: u64,
    ) -> usize {
        const EPOCH: u64 = 1_760_000_000_000_000_000;
        self.spans.push(DrawnSpan {
            name: name.to_owned(),
            service: service.to_owned(),
            start_ns: EPOCH + from * US,
            end_ns: EPOCH + to * US,
            parent,
            ..DrawnSpan::default()
        });
        self.spans.len() - 1
    }

    fn with(&mut self, span: usize, attributes: &[(&str, &str)]) {
        let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
        self.spans[span].attributes = attributes.iter().map(owned).collect();
    }
}

/// A program that reads and indexes files, hands a part to a second process, and stores what comes of it.
pub(crate) fn index() -> Vec<DrawnSpan> {
    let mut trace = Trace::default();
    let root = trace.span(None, "indexer", "index repository", 0, 412_000);
    trace.with(
        root,
        &[
            ("dir", "/home/ann/src/shop"),
            ("files", "1042"),
            ("bytes", "18431022"),
            ("workers", "4"),
        ],
    );
    let walk = trace.span(Some(root), "indexer", "walk", 310, 21_900);
    trace.with(walk, &[("skipped", "87"), ("ignore.file", ".gitignore")]);

    let parse = trace.span(Some(root), "indexer", "parse", 14_200, 268_000);
    for number in 0..1_042_u64 {
        // A fixed scatter: four workers, most files small, a few large.
        let scatter = number * 7_919 % 1_042;
        let from = 14_400 + scatter * 235;
        let large = if number % 97 == 5 { 11_000 } else { 0 };
        let to = from + 180 + number * 31 % 900 + large;
        let file = trace.span(Some(parse), "indexer", "parse file", from, to.min(267_900));
        let path = format!("crates/part-{}/src/module_{number}.rs", number % 9);
        trace.with(file, &[("path", &path), ("bytes", "17214")]);
        if number == 102 {
            trace.span(Some(file), "indexer", "read", from + 40, from + 2_100);
            trace.span(Some(file), "indexer", "tokenize", from + 2_100, to - 300);
        }
        if number == 555 {
            trace.spans[file].error =
                Some("stream did not contain valid UTF-8 at byte 4096".to_owned());
        }
    }

    let remote = trace.span(Some(root), "indexer", "POST /rank", 271_000, 371_500);
    trace.spans[remote].kind = "client";
    trace.with(
        remote,
        &[
            ("http.request.method", "POST"),
            ("server.address", "127.0.0.1"),
            ("server.port", "45107"),
            ("http.response.status_code", "200"),
        ],
    );
    trace.spans[remote].notes = vec!["retry attempt=2 after=\"connection reset by peer\"".into()];
    let server = trace.span(Some(remote), "ranker", "POST /rank", 296_300, 369_800);
    trace.spans[server].kind = "server";
    trace.with(server, &[("http.route", "/rank"), ("terms", "20311")]);
    let score = trace.span(Some(server), "ranker", "score terms", 297_000, 352_700);
    for (from, to) in [(301_000, 303_450), (309_000, 318_200)] {
        let get = trace.span(Some(score), "cache", "GET idf", from, to);
        trace.spans[get].kind = "client";
    }
    trace.span(Some(server), "ranker", "sort", 352_900, 368_050);

    let write = trace.span(Some(root), "indexer", "write index", 372_100, 409_200);
    let flush = trace.span(Some(write), "indexer", "flush segment", 373_000, 391_000);
    trace.spans[flush].error = Some("no space left on device (os error 28)".to_owned());
    trace.with(flush, &[("segment", "00017.seg"), ("bytes", "4194304")]);
    let again = trace.span(Some(write), "indexer", "flush segment", 392_000, 408_800);
    trace.with(again, &[("segment", "00017.seg"), ("dir", "/var/tmp")]);
    trace.span(Some(root), "indexer", "notify", 409_600, 409_600);
    trace.spans
}

/// Orphans, cycles, several roots, texts and times that no honest program would send.
pub(crate) fn broken() -> Vec<DrawnSpan> {
    let mut trace = Trace::default();
    let root = trace.span(None, "tür", "GET /suche?q=日本語", 0, 90_000);
    trace.spans[root].kind = "server";
    trace.with(
        root,
        &[
            ("user", "ann \u{202e}nimda"),
            ("empty", ""),
            (
                "query",
                "日本語のとても長い検索語がここにあります、まだ続きます",
            ),
        ],
    );
    let red = trace.span(Some(root), "tür", "\u{1b}[31mred\u{1b}[0m", 10_000, 20_000);
    trace.spans[red].notes = vec![
        "two\nlines".into(),
        "👩\u{200d}💻 ❤\u{fe0f} cafe\u{301}".into(),
    ];
    let skewed = trace.span(Some(root), "uhr", "ends before it starts", 50_000, 48_000);
    trace.with(skewed, &[("key", "a \"quoted\" value")]);
    let mut above = root;
    for depth in 1..30 {
        above = trace.span(
            Some(above),
            "tür",
            &format!("level {depth}"),
            20_000 + depth * 100,
            40_000 - depth * 100,
        );
    }
    let error = trace.span(
        Some(above),
        "tür",
        &"a name without end ".repeat(40),
        30_000,
        30_001,
    );
    trace.spans[error].error = Some("a message that goes on and on, ".repeat(30));

    let second = trace.span(None, "tür", "a second root", 60_000, 75_000);
    trace.span(Some(second), "tür", "", 60_000, 61_000);

    let orphan = trace.span(None, "uhr", "its caller was lost", 5_000, 35_000);
    trace.spans[orphan].missing_parent = true;
    trace.span(Some(orphan), "uhr", "child of the orphan", 6_000, 34_000);
    for number in 0..3 {
        let lost = trace.span(None, "uhr", "tick", 10_000 * number, 10_000 * number + 500);
        trace.spans[lost].missing_parent = true;
    }

    let next = trace.spans.len();
    trace.span(Some(next + 2), "tür", "hen", 70_000, 80_000);
    trace.span(Some(next), "tür", "egg", 71_000, 79_000);
    trace.span(Some(next + 1), "tür", "chick", 72_000, 78_000);
    trace.span(Some(next + 3), "tür", "its own parent", 73_000, 77_000);
    trace.spans
}
