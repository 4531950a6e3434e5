//! A process that forks: parent and child both go on, share no id, and nothing is exported twice.
#![cfg(unix)]

mod alone;

use std::cell::Cell;
use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use alone::passes_alone;
use codomyrmex_core::{
    Batch, ConsoleExporter, Delivery, EndingSpan, ExportError, InMemoryExporter, NullExporter,
    PerProcess, SpanExporter, SpanHooks, Stats, Tracer, current_context, get_current_span,
};

/// Runs `body` in a forked child. A child that hangs is killed by its alarm.
fn fork(body: impl FnOnce()) -> libc::pid_t {
    // SAFETY: takes nothing; what the child runs after a fork with threads is what is tested here.
    let id = unsafe { libc::fork() };
    assert!(id >= 0);
    if id == 0 {
        // SAFETY: plain numbers.
        unsafe { libc::alarm(60) };
        let outcome = catch_unwind(AssertUnwindSafe(body));
        end(outcome.is_ok());
    }
    id
}

/// Ends this process without any handlers.
fn end(well: bool) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(i32::from(!well)) }
}

fn wait(id: libc::pid_t) {
    let mut status = 0;
    // SAFETY: the pointer is valid for the call.
    assert_eq!(unsafe { libc::waitpid(id, &raw mut status, 0) }, id);
    assert_eq!(status, 0, "the child failed, or was killed because it hung");
}

/// Runs `body` in a forked child to its end.
fn in_child(body: impl FnOnce()) {
    wait(fork(body));
}

fn books(tracer: &Tracer) -> Stats {
    let stats = tracer.stats();
    assert!(stats.balanced(), "{stats}");
    stats
}

/// Started, recorded, open and exported by the first exporter, nothing dropped and nothing queued.
fn check(tracer: &Tracer, started: u64, recorded: u64, open: u64, exported: u64) {
    let stats = books(tracer);
    let row = &stats.exporters[0];
    assert_eq!(
        (stats.started, stats.recorded, stats.open, row.exported),
        (started, recorded, open, exported),
        "{stats}"
    );
    assert_eq!((row.dropped.total(), row.queued), (0, 0), "{stats}");
}

/// Writes a line for each span to a file that all processes share: its name, trace id, span id, parent's id.
struct Journal {
    file: Arc<File>,
    delivery: Delivery,
}

impl Journal {
    fn new(delivery: Delivery) -> (Self, Arc<File>) {
        static FILES: AtomicUsize = AtomicUsize::new(0);
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("fork-{}-{number}", std::process::id()));
        let file = File::options()
            .read(true)
            .append(true)
            .create_new(true)
            .open(&path)
            .unwrap();
        std::fs::remove_file(path).unwrap();
        let file = Arc::new(file);
        (
            Self {
                file: file.clone(),
                delivery,
            },
            file,
        )
    }
}

impl SpanExporter for Journal {
    fn export(&self, batch: &Batch) -> Result<(), ExportError> {
        let lines: String = batch
            .spans()
            .map(|span| {
                let hex =
                    |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
                let parent = span.parent_span_id().map_or("-".to_owned(), |id| hex(&id));
                format!(
                    "{} {} {} {parent}\n",
                    span.name(),
                    hex(&span.trace_id()),
                    hex(&span.span_id())
                )
            })
            .collect();
        (&*self.file)
            .write_all(lines.as_bytes())
            .map_err(|e| ExportError::permanent(e.to_string()))
    }

    fn delivery(&self) -> Delivery {
        self.delivery
    }
}

fn lines(mut file: &File) -> Vec<Vec<String>> {
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    text.lines()
        .map(|line| line.split(' ').map(str::to_owned).collect())
        .collect()
}

fn names(file: &File) -> Vec<String> {
    lines(file)
        .into_iter()
        .map(|mut line| line.swap_remove(0))
        .collect()
}

fn assert_no_id_twice(file: &File) {
    let lines = lines(file);
    let ids: HashSet<_> = lines.iter().map(|line| &line[2]).collect();
    assert_eq!(ids.len(), lines.len(), "an id, or a span, came twice");
}

const DELIVERIES: [Delivery; 2] = [Delivery::InProcess, Delivery::Background];

#[test]
fn open_spans_are_parents_in_the_child_and_exported_by_their_own_process() {
    passes_alone(
        "open_spans_are_parents_in_the_child_and_exported_by_their_own_process",
        || {
            for delivery in DELIVERIES {
                let (journal, file) = Journal::new(delivery);
                let tracer = Tracer::builder("shop").exporter(journal).build();
                tracer.span("waiting").finish();
                let outer = tracer.span("outer");
                let moved = tracer.start_span("moved");
                let inner = tracer.span("inner");
                let parent = inner.span_id();
                // Each process has spans of its own to take from here.
                let open = Cell::new(Some((outer, moved, inner)));
                in_child(|| {
                    let (outer, moved, inner) = open.take().unwrap();
                    check(&tracer, 0, 0, 0, 0);
                    assert_eq!(current_context().unwrap().span_id, parent);
                    inner.set_attribute("where", "child");
                    moved.in_scope(|| tracer.span("under moved").finish());
                    {
                        let _child = tracer.span("under inner");
                        tracer.span("grandchild").finish();
                    }
                    drop(inner);
                    drop(moved);
                    tracer.span("under outer").finish();
                    drop(outer);
                    assert!(get_current_span().is_none());
                    tracer.span("own root").finish();
                    check_after_flush(&tracer, 5);
                    tracer.shutdown();
                });
                let (outer, moved, inner) = open.take().unwrap();
                assert!(outer.is_recording() && moved.is_recording());
                drop(inner);
                drop(moved);
                drop(outer);
                check_after_flush(&tracer, 4);
                let lines = lines(&file);
                let find = |name: &str| lines.iter().find(|line| line[0] == name).unwrap();
                for (child, parent) in [
                    ("under inner", "inner"),
                    ("grandchild", "under inner"),
                    ("under moved", "moved"),
                    ("under outer", "outer"),
                    ("inner", "outer"),
                ] {
                    // Names have a space in them: the ids stand behind.
                    let (child, parent) = (find_named(&lines, child), find_named(&lines, parent));
                    assert_eq!(child.trace, parent.trace);
                    assert_eq!(child.parent, parent.span);
                }
                assert_eq!(find("waiting").len(), 4);
                assert_eq!(lines.len(), 9, "{lines:?}");
            }
        },
    );
}

struct Line {
    trace: String,
    span: String,
    parent: String,
}

fn find_named(lines: &[Vec<String>], name: &str) -> Line {
    let line = lines
        .iter()
        .find(|line| line[..line.len() - 3].join(" ") == name)
        .unwrap_or_else(|| panic!("no {name} in {lines:?}"));
    let at = line.len() - 3;
    Line {
        trace: line[at].clone(),
        span: line[at + 1].clone(),
        parent: line[at + 2].clone(),
    }
}

fn check_after_flush(tracer: &Tracer, spans: u64) {
    tracer.flush();
    check(tracer, spans, spans, 0, spans);
}

#[test]
fn what_waits_in_the_parent_is_not_exported_by_the_child() {
    passes_alone(
        "what_waits_in_the_parent_is_not_exported_by_the_child",
        || {
            for delivery in DELIVERIES {
                let (journal, file) = Journal::new(delivery);
                let tracer = Tracer::builder("shop")
                    .exporter(journal)
                    .queue_bytes(1 << 20)
                    .build();
                let text = "x".repeat(100_000);
                for number in 0..5 {
                    tracer.span(&format!("waiting/{number}")).finish();
                }
                tracer.span("large").set_attribute("text", text.as_str());
                in_child(|| {
                    check(&tracer, 0, 0, 0, 0);
                    assert_eq!(tracer.stats().queue_bytes, 0);
                    tracer.flush();
                    check(&tracer, 0, 0, 0, 0);
                    tracer.span("child's").finish();
                    tracer.flush();
                    tracer.shutdown();
                    check(&tracer, 1, 1, 0, 1);
                });
                check_after_flush(&tracer, 6);
                assert_eq!(names(&file).len(), 7);
                assert_no_id_twice(&file);
            }
        },
    );
}

#[test]
fn children_of_children_go_on_too() {
    passes_alone("children_of_children_go_on_too", || {
        let (journal, file) = Journal::new(Delivery::Background);
        let tracer = Tracer::builder("shop").exporter(journal).build();
        let _outer = tracer.span("outer");
        in_child(|| {
            let _second = tracer.span("second");
            in_child(|| {
                let _third = tracer.span("third");
                in_child(|| {
                    tracer.span("fourth").finish();
                    check_after_flush(&tracer, 1);
                });
                drop(_third);
                check_after_flush(&tracer, 1);
            });
            drop(_second);
            check_after_flush(&tracer, 1);
        });
        drop(_outer);
        check_after_flush(&tracer, 1);
        assert_eq!(names(&file), ["fourth", "third", "second", "outer"]);
        let lines = lines(&file);
        assert!(
            lines.windows(2).all(|pair| pair[0][3] == pair[1][2]),
            "{lines:?}"
        );
    });
}

#[test]
fn processes_share_no_ids() {
    passes_alone("processes_share_no_ids", || {
        let (journal, file) = Journal::new(Delivery::Background);
        let tracer = Tracer::builder("shop")
            .exporter(journal)
            .queue_bytes(16 << 20)
            .build();
        tracer.span("warm").finish();
        let spans = || {
            for _ in 0..500 {
                tracer.span("root").finish();
            }
            tracer.flush();
        };
        let children: Vec<_> = (0..4).map(|_| fork(spans)).collect();
        spans();
        children.into_iter().for_each(wait);
        assert_no_id_twice(&file);
        let lines = lines(&file);
        assert_eq!(lines.len(), 2501);
        let traces: HashSet<_> = lines.iter().map(|line| &line[1]).collect();
        assert_eq!(traces.len(), lines.len());
    });
}

#[test]
fn a_fork_beside_threads_at_work_deadlocks_nobody() {
    passes_alone("a_fork_beside_threads_at_work_deadlocks_nobody", || {
        let out = Arc::new(Mutex::new(Vec::new()));
        let console = ConsoleExporter::compact().to(Slow(out.clone()));
        let memory = InMemoryExporter::with_capacity(10);
        let one = Tracer::builder("one")
            .exporter(console)
            .exporter(memory.clone())
            .build();
        let two = Tracer::builder("two")
            .exporter(NullExporter::new())
            .queue_bytes(64 << 10)
            .build();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let text = "x".repeat(3_000);
                    while !over.load(Ordering::Relaxed) {
                        let span = one.span("outer");
                        span.set_attribute("k", 1);
                        two.span("inner").set_attribute("text", text.as_str());
                        two.start_span("other").finish();
                        drop(two.stats());
                        two.flush();
                    }
                });
            }
            for _ in 0..40 {
                in_child(|| {
                    memory.clear();
                    check(&one, 0, 0, 0, 0);
                    check(&two, 0, 0, 0, 0);
                    for _ in 0..50 {
                        let _outer = one.span("outer");
                        two.span("inner").set_attribute("k", 1);
                    }
                    std::thread::scope(|scope| {
                        scope.spawn(|| {
                            for _ in 0..50 {
                                let _outer = one.span("outer");
                                two.span("inner").set_attribute("k", 1);
                            }
                        });
                    });
                    check_after_flush(&one, 100);
                    check_after_flush(&two, 100);
                    assert_eq!(memory.spans().len(), 10);
                    one.shutdown();
                    two.shutdown();
                });
            }
            over.store(true, Ordering::Relaxed);
        });
        for tracer in [&one, &two] {
            tracer.flush();
            let stats = books(tracer);
            assert_eq!((stats.open, stats.exporters[0].queued), (0, 0), "{stats}");
        }
    });
}

/// A writer that is often in the middle of something.
struct Slow(Arc<Mutex<Vec<u8>>>);

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut out = self.0.lock().unwrap();
        std::thread::yield_now();
        out.clear();
        out.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Forks at its first export.
struct Forking {
    journal: Journal,
    forked: AtomicBool,
    child: Arc<Mutex<Option<libc::pid_t>>>,
    is_child: Arc<AtomicBool>,
}

impl SpanExporter for Forking {
    fn export(&self, batch: &Batch) -> Result<(), ExportError> {
        if !self.forked.swap(true, Ordering::Relaxed) {
            // SAFETY: takes nothing.
            let id = unsafe { libc::fork() };
            if id == 0 {
                // SAFETY: plain numbers.
                unsafe { libc::alarm(60) };
                self.is_child.store(true, Ordering::Relaxed);
                return Ok(());
            }
            *self.child.lock().unwrap() = Some(id);
        }
        self.journal.export(batch)
    }

    fn delivery(&self) -> Delivery {
        self.journal.delivery
    }
}

#[test]
fn a_fork_inside_an_exporter_leaves_the_batch_to_the_parent() {
    passes_alone(
        "a_fork_inside_an_exporter_leaves_the_batch_to_the_parent",
        || {
            let (journal, file) = Journal::new(Delivery::InProcess);
            let (child, is_child) = (Arc::default(), Arc::new(AtomicBool::new(false)));
            let tracer = Tracer::builder("shop")
                .exporter(Forking {
                    journal,
                    forked: AtomicBool::new(false),
                    child: Arc::clone(&child),
                    is_child: is_child.clone(),
                })
                .exporter(InMemoryExporter::new())
                .build();
            let _outer = tracer.span("outer");
            for number in 0..10 {
                tracer.span(&format!("before/{number}")).finish();
            }
            // Parent and child both come out of the tenth span's end.
            let whose = if is_child.load(Ordering::Relaxed) {
                "child"
            } else {
                "parent"
            };
            for number in 0..12 {
                tracer.span(&format!("{whose}/{number}")).finish();
            }
            tracer.flush();
            if whose == "child" {
                let well = catch_unwind(AssertUnwindSafe(|| {
                    check(&tracer, 12, 12, 0, 12);
                    tracer.shutdown();
                }));
                end(well.is_ok());
            }
            check(&tracer, 23, 22, 1, 22);
            let id = child.lock().unwrap().take().unwrap();
            wait(id);
            assert_no_id_twice(&file);
            let names: HashSet<_> = names(&file).into_iter().collect();
            assert_eq!(names.len(), 34);
        },
    );
}

#[test]
fn a_fork_on_an_exporters_own_thread_leaves_the_batch_to_the_parent() {
    passes_alone(
        "a_fork_on_an_exporters_own_thread_leaves_the_batch_to_the_parent",
        || {
            let (journal, file) = Journal::new(Delivery::Background);
            let reach: Arc<std::sync::OnceLock<Tracer>> = Arc::default();
            struct Exporter(Journal, Arc<std::sync::OnceLock<Tracer>>);
            impl SpanExporter for Exporter {
                fn export(&self, batch: &Batch) -> Result<(), ExportError> {
                    let tracer = self.1.get().unwrap();
                    if batch.spans().any(|span| span.name() == "forks") {
                        in_child(|| {
                            check(tracer, 0, 0, 0, 0);
                            tracer.span("child's").finish();
                            // It is inside the exporter still, so it hands over and does not wait.
                            tracer.flush();
                            while tracer.stats().exporters[0].exported == 0 {
                                std::thread::yield_now();
                            }
                            check(tracer, 1, 1, 0, 1);
                        });
                    }
                    self.0.export(batch)
                }
                fn delivery(&self) -> Delivery {
                    Delivery::Background
                }
            }
            let tracer = Tracer::builder("shop")
                .exporter(Exporter(journal, reach.clone()))
                .build();
            reach.set(tracer.clone()).unwrap();
            tracer.span("forks").finish();
            check_after_flush(&tracer, 1);
            assert_eq!(names(&file), ["child's", "forks"]);
        },
    );
}

struct ForkingHook {
    in_ending: bool,
    children: Arc<Mutex<Vec<libc::pid_t>>>,
    is_child: Arc<AtomicBool>,
}

impl ForkingHook {
    fn fork(&self) {
        // SAFETY: takes nothing.
        match unsafe { libc::fork() } {
            0 => {
                // SAFETY: plain numbers.
                unsafe { libc::alarm(60) };
                self.is_child.store(true, Ordering::Relaxed);
            }
            id => self.children.lock().unwrap().push(id),
        }
    }
}

impl SpanHooks for ForkingHook {
    fn on_ending(&self, span: &mut EndingSpan<'_>) {
        if self.in_ending && span.name() == "forks" {
            self.fork();
        }
    }

    fn on_end(&self, span: &codomyrmex_core::SpanView<'_>) {
        if !self.in_ending && span.name() == "forks" {
            self.fork();
        }
    }
}

#[test]
fn a_fork_inside_a_hook_leaves_the_span_to_the_parent() {
    passes_alone("a_fork_inside_a_hook_leaves_the_span_to_the_parent", || {
        for delivery in DELIVERIES {
            for in_ending in [true, false] {
                let (journal, file) = Journal::new(delivery);
                let (children, is_child) = (Arc::default(), Arc::new(AtomicBool::new(false)));
                let tracer = Tracer::builder("shop")
                    .exporter(journal)
                    .hooks(ForkingHook {
                        in_ending,
                        children: Arc::clone(&children),
                        is_child: is_child.clone(),
                    })
                    .build();
                tracer.span("forks").finish();
                tracer.span("both").finish();
                tracer.flush();
                if is_child.load(Ordering::Relaxed) {
                    end(catch_unwind(AssertUnwindSafe(|| check(&tracer, 1, 1, 0, 1))).is_ok());
                }
                check(&tracer, 2, 2, 0, 2);
                children.lock().unwrap().drain(..).for_each(wait);
                let mut names = names(&file);
                names.sort_unstable();
                assert_eq!(names, ["both", "both", "forks"]);
                assert_no_id_twice(&file);
            }
        }
    });
}

#[test]
fn an_exporter_that_never_comes_back_holds_a_fork_up_for_a_moment_only() {
    passes_alone(
        "an_exporter_that_never_comes_back_holds_a_fork_up_for_a_moment_only",
        || {
            struct Stuck(Mutex<mpsc::Receiver<()>>, Mutex<mpsc::Sender<()>>);
            impl SpanExporter for Stuck {
                fn export(&self, _: &Batch) -> Result<(), ExportError> {
                    self.1.lock().unwrap().send(()).unwrap();
                    let _ = self.0.lock().unwrap().recv();
                    Ok(())
                }
            }
            let (release, released) = mpsc::channel();
            let (entered, is_inside) = mpsc::channel();
            let stuck = Tracer::builder("stuck")
                .exporter(Stuck(Mutex::new(released), Mutex::new(entered)))
                .build();
            let null = NullExporter::new();
            let other = Tracer::builder("other").exporter(null.clone()).build();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    stuck.span("a").finish();
                    stuck.flush();
                });
                is_inside.recv().unwrap();
                in_child(|| {
                    other.span("b").finish();
                    check_after_flush(&other, 1);
                    check(&stuck, 0, 0, 0, 0);
                });
                drop(release);
            });
            check_after_flush(&stuck, 1);
            assert_eq!(null.spans(), 0);
        },
    );
}

#[test]
fn a_tracer_that_is_shut_down_stays_so_in_the_child() {
    passes_alone("a_tracer_that_is_shut_down_stays_so_in_the_child", || {
        let tracer = Tracer::builder("shop")
            .exporter(NullExporter::new())
            .build();
        let open = tracer.span("open");
        tracer.shutdown();
        in_child(|| {
            drop(open);
            tracer.span("late").finish();
            tracer.flush();
            check(&tracer, 0, 0, 0, 0);
            assert!(!tracer.is_enabled());
        });
        let disabled = Tracer::builder("shop").disabled(true).build();
        in_child(|| assert!(!disabled.span("none").is_recording()));
    });
}

/// Keeps its connection to itself in each process, and stalls while it holds it.
struct Network {
    journal: Journal,
    connection: PerProcess<Connection>,
    gate: Mutex<mpsc::Receiver<()>>,
    entered: mpsc::Sender<()>,
    stalls: AtomicBool,
}

/// Says in the journal when it is closed.
struct Connection(Arc<File>);

impl Drop for Connection {
    fn drop(&mut self) {
        let _ = (&*self.0).write_all(b"closed by its owner -\n");
    }
}

impl Network {
    fn new() -> (Self, Arc<File>, mpsc::Receiver<()>, mpsc::Sender<()>) {
        let (journal, file) = Journal::new(Delivery::Background);
        let (open, gate) = mpsc::channel();
        let (entered, is_inside) = mpsc::channel();
        let network = Self {
            journal,
            connection: PerProcess::new({
                let file = file.clone();
                move || Connection(file.clone())
            }),
            gate: gate.into(),
            entered,
            stalls: AtomicBool::new(true),
        };
        (network, file, is_inside, open)
    }
}

impl SpanExporter for Network {
    fn export(&self, batch: &Batch) -> Result<(), ExportError> {
        let _connection = self.connection.lock();
        if self.stalls.swap(false, Ordering::Relaxed) {
            self.entered.send(()).unwrap();
            let _ = self.gate.lock().unwrap().recv();
        }
        self.journal.export(batch)
    }

    fn delivery(&self) -> Delivery {
        Delivery::Background
    }

    fn is_fork_safe(&self) -> bool {
        true
    }
}

#[test]
fn a_fork_in_the_middle_of_a_stalled_export_waits_for_nothing_and_loses_nothing() {
    passes_alone(
        "a_fork_in_the_middle_of_a_stalled_export_waits_for_nothing_and_loses_nothing",
        || {
            let (network, file, is_inside, open) = Network::new();
            let tracer = Tracer::builder("shop").exporter(network).build();
            tracer.span("stalled").finish();
            let _ = tracer.force_flush(Duration::ZERO);
            is_inside.recv().unwrap();
            tracer.span("queued").finish();
            // Parent's thread still has the connection's lock.
            in_child(|| {
                check(&tracer, 0, 0, 0, 0);
                tracer.span("child's").finish();
                assert!(
                    tracer
                        .shutdown_within(Duration::from_secs(50))
                        .is_delivered()
                );
                check(&tracer, 1, 1, 0, 1);
            });
            assert_eq!(names(&file), ["child's"]);
            drop(open);
            check_after_flush(&tracer, 2);
            tracer.shutdown();
            let names = names(&file);
            assert_eq!(names, ["child's", "stalled", "queued", "closed"]);
        },
    );
}

#[test]
fn a_child_that_records_nothing_leaves_the_exporter_alone() {
    passes_alone(
        "a_child_that_records_nothing_leaves_the_exporter_alone",
        || {
            struct Tells(Arc<File>, Delivery);
            impl Tells {
                fn tell(&self, what: &str) {
                    (&*self.0)
                        .write_all(format!("{what}\n").as_bytes())
                        .unwrap();
                }
            }
            impl SpanExporter for Tells {
                fn export(&self, _: &Batch) -> Result<(), ExportError> {
                    self.tell("export");
                    Ok(())
                }
                fn delivery(&self) -> Delivery {
                    self.1
                }
                fn flush(&self) {
                    self.tell("flush");
                }
                fn shutdown(&self) {
                    self.tell("shutdown");
                }
            }
            impl Drop for Tells {
                fn drop(&mut self) {
                    self.tell("drop");
                }
            }
            for delivery in DELIVERIES {
                let (_, file) = Journal::new(delivery);
                let tracer = Tracer::builder("shop")
                    .exporter(Tells(file.clone(), delivery))
                    .build();
                tracer.span("parent's").finish();
                tracer.flush();
                let handle = Cell::new(Some(tracer));
                in_child(|| {
                    let tracer = handle.take().unwrap();
                    assert!(tracer.force_flush(Duration::MAX).is_delivered());
                    assert!(tracer.shutdown_within(Duration::MAX).is_delivered());
                    drop(tracer);
                });
                let tracer = handle.take().unwrap();
                assert_eq!(names(&file), ["export", "flush"]);
                drop(tracer);
                assert_eq!(
                    names(&file)[..5],
                    ["export", "flush", "flush", "shutdown", "drop"]
                );
                assert_eq!(names(&file).len(), 5);
            }
        },
    );
}

#[test]
fn a_fork_beside_a_shutdown_leaves_that_to_the_parent() {
    passes_alone("a_fork_beside_a_shutdown_leaves_that_to_the_parent", || {
        let (network, file, is_inside, open) = Network::new();
        let tracer = Tracer::builder("shop").exporter(network).build();
        tracer.span("stalled").finish();
        std::thread::scope(|scope| {
            let shutdown = scope.spawn(|| tracer.shutdown_within(Duration::MAX));
            is_inside.recv().unwrap();
            in_child(|| {
                assert!(!tracer.is_enabled());
                assert!(tracer.shutdown_within(Duration::MAX).is_done());
                tracer.flush();
                check(&tracer, 0, 0, 0, 0);
            });
            drop(open);
            assert!(shutdown.join().unwrap().is_delivered());
        });
        check(&tracer, 1, 1, 0, 1);
        assert_eq!(names(&file), ["stalled", "closed"]);
    });
}

#[test]
fn processes_are_instances_of_their_own() {
    passes_alone("processes_are_instances_of_their_own", || {
        struct Tells(Arc<File>);
        impl SpanExporter for Tells {
            fn export(&self, batch: &Batch) -> Result<(), ExportError> {
                let mut request = batch.request_prefix();
                request.extend_from_slice(batch.bytes());
                let view = codomyrmex_wire::TracesView::parse(&request).unwrap();
                let resource = view.resource_spans().next().unwrap();
                let scope = resource.scope_spans().next().unwrap();
                let id = scope
                    .attributes()
                    .find(|(key, _)| key == codomyrmex_wire::books::INSTANCE_ID);
                let line = format!("{}\n", id.unwrap().1);
                (&*self.0).write_all(line.as_bytes()).unwrap();
                Ok(())
            }
            fn delivery(&self) -> Delivery {
                Delivery::Background
            }
        }
        let (_, file) = Journal::new(Delivery::Background);
        let tracer = Tracer::builder("shop")
            .exporter(Tells(file.clone()))
            .build();
        let one_span = || {
            tracer.span("a").finish();
            tracer.flush();
        };
        one_span();
        in_child(one_span);
        in_child(one_span);
        one_span();
        let ids = names(&file);
        assert_eq!(ids.len(), 4);
        assert_eq!(ids[0], ids[3]);
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 3);
    });
}
