//! The contract of exporters, and what they are handed.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use codomyrmex_wire::{ScopeHeader, SpanIter, SpanView};

use crate::batch_memory::BatchBytes;
use crate::lane::Lane;
use crate::resource::Resource;

/// Takes finished spans somewhere.
///
/// Calls to one exporter never overlap ([`cancel`](Self::cancel) alone may come at any time), and no lock of the SDK's is
/// held during them: an exporter may start spans, call [`Tracer::flush`](crate::Tracer::flush), or take its time. A panic is
/// caught and counted as a failed export.
///
/// | delivery | thread of `export`, `flush` and `shutdown` | batches |
/// |---|---|---|
/// | [`Delivery::InProcess`] | the one that finished the batch's last span, or that flushes or shuts down | ten spans ([`TracerBuilder::batch_size`](crate::TracerBuilder::batch_size)) |
/// | [`Delivery::Background`] | one of the exporter's own, named `codomyrmex-export` | by bytes, by interval, on flush |
///
/// In a forked child the exporter is used again, on another thread, once the child has spans for it; a child that has none
/// neither flushes, shuts down nor drops it. What must not be shared with the parent, such as a connection, belongs into a
/// [`PerProcess`](crate::PerProcess).
///
/// ```
/// use codomyrmex_core::{Batch, ExportError, SpanExporter, Tracer};
/// struct Names(std::sync::mpsc::Sender<String>);
/// impl SpanExporter for Names {
///     fn export(&self, batch: &Batch) -> Result<(), ExportError> {
///         for span in batch.spans() {
///             self.0.send(span.name().into_owned()).map_err(|_| ExportError::permanent("nobody listens"))?;
///         }
///         Ok(())
///     }
/// }
/// # fn main() {
/// let (names, heard) = std::sync::mpsc::channel();
/// let tracer = Tracer::builder("shop").exporter(Names(names)).build();
/// tracer.span("checkout").finish();
/// tracer.flush();
/// assert_eq!(heard.try_recv().unwrap(), "checkout");
/// # }
/// ```
pub trait SpanExporter: Send + Sync {
    /// Takes one batch. May block; what it returns is counted, and an error is said once through the diagnostics hook.
    fn export(&self, batch: &Batch) -> Result<(), ExportError>;

    /// On which thread and in what batches spans come.
    fn delivery(&self) -> Delivery {
        Delivery::InProcess
    }

    /// The exporter's name in the books.
    fn name(&self) -> &str {
        "custom"
    }

    /// Hands on whatever the exporter itself still holds. Called by flush after the last batch.
    fn flush(&self) {}

    /// Called once, after the last batch; nothing is exported afterwards.
    fn shutdown(&self) {}

    /// The deadline of a shutdown, or of the process's end, has come: an export in progress gives up as soon as it can
    /// (stops retrying, closes its connection), and a later one returns at once. Called from any thread, also while one of
    /// the other methods runs, so it must not wait for them.
    fn cancel(&self) {}

    /// Whether the exporter works in a child that was forked while another thread was inside of it, and so perhaps held its
    /// locks: it keeps all that its methods change in a [`PerProcess`](crate::PerProcess). For any other exporter a fork
    /// waits until nobody is inside, for at most a second.
    fn is_fork_safe(&self) -> bool {
        false
    }
}

/// On which thread an exporter runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// On the thread that finished the batch's last span.
    InProcess,
    /// On a thread of the exporter's own, from the threads' buffers: recording never waits for it.
    Background,
}

/// Why a batch did not arrive, and whether sending it again makes sense.
#[derive(Debug)]
pub struct ExportError {
    message: String,
    retry: Option<Duration>,
    retryable: bool,
    rejected: Option<u64>,
}

impl ExportError {
    /// Sending the same batch again would fail again.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            retry: None,
            retryable: false,
            rejected: None,
        }
    }

    /// The receiver took the batch but for `count` spans, which it does not want (OTLP: partial success). Sending them
    /// again would fail again. These alone count as failed, the rest of the batch as exported.
    ///
    /// ```
    /// let error = codomyrmex_core::ExportError::rejected(2, "2 spans without a name");
    /// assert_eq!((error.rejected_spans(), error.is_retryable()), (Some(2), false));
    /// ```
    pub fn rejected(count: u64, message: impl Into<String>) -> Self {
        Self {
            rejected: Some(count),
            ..Self::permanent(message)
        }
    }

    /// Sending the batch again may work, not before `after` has passed where that is known.
    pub fn retryable(message: impl Into<String>, after: Option<Duration>) -> Self {
        Self {
            message: message.into(),
            retry: after,
            retryable: true,
            rejected: None,
        }
    }

    /// How many spans of the batch the receiver refused, where it took the others. None: nothing of it arrived.
    pub fn rejected_spans(&self) -> Option<u64> {
        self.rejected
    }

    /// Whether sending again makes sense.
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// How long to wait before sending again, where the receiver said so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ExportError {}

/// What all batches of one tracer have in common.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) service_name: String,
    pub(crate) resource: Resource,
    pub(crate) header: ScopeHeader,
}

/// Finished spans of one tracer: encoded once, immutable, shared by its exporters.
#[derive(Clone)]
pub struct Batch {
    pub(crate) origin: Arc<Origin>,
    pub(crate) bytes: Arc<BatchBytes>,
    pub(crate) len: usize,
    pub(crate) deadline: Option<Instant>,
    /// Whose export this is, where the exporter has a thread of its own.
    pub(crate) lane: Option<Arc<Lane>>,
}

impl Batch {
    /// The spans, read from the bytes without copying.
    pub fn spans(&self) -> impl Iterator<Item = SpanView<'_>> {
        SpanIter::new(&self.bytes).filter_map(Result::ok)
    }

    /// The spans as concatenated `ScopeSpans.spans` fields (OTLP).
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many spans there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never true of a batch that an exporter is handed.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// When the export of this batch ought to be over: [`TracerBuilder::export_timeout`](crate::TracerBuilder::export_timeout)
    /// after it began, or the deadline of a shutdown if that is earlier. None in an exporter in process. An exporter that
    /// blocks gives up by then, for nobody can end its call from outside.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Bytes of memory that it takes.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    /// The bytes that make an OTLP `ExportTraceServiceRequest` of [`bytes`](Self::bytes) when they stand in front of them:
    /// resource and scope, and among the scope's attributes the [books](codomyrmex_wire::books) as they are now, unless
    /// [`TracerBuilder::books_on_the_wire`](crate::TracerBuilder::books_on_the_wire) is off.
    pub fn request_prefix(&self) -> Vec<u8> {
        self.request_prefix_for(self.bytes.len())
    }

    /// As [`request_prefix`](Self::request_prefix), for a request with so many bytes of these spans.
    pub fn request_prefix_for(&self, spans_len: usize) -> Vec<u8> {
        let books = self.lane.as_ref().map(|lane| lane.books());
        self.origin
            .header
            .prefix_with(spans_len, &books.unwrap_or_default())
    }

    /// As [`request_prefix`](Self::request_prefix), but without the books: for formats that have no place for them.
    pub fn request_prefix_without_books(&self) -> Vec<u8> {
        self.origin.header.prefix_with(self.bytes.len(), &[])
    }

    /// The resource of the tracer.
    pub fn resource(&self) -> &Resource {
        &self.origin.resource
    }

    /// The tracer's service name.
    pub fn service_name(&self) -> &str {
        &self.origin.service_name
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("service_name", &self.service_name())
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
