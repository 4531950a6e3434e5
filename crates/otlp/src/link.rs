//! What one process has between exports: a runtime, and a connection in it.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;
use tokio_rustls::rustls::ClientConfig;
use tracing_core::dispatcher::{self, DefaultGuard, Dispatch};

#[cfg(feature = "grpc")]
use crate::grpc::Grpc;
use crate::http::Http;

/// The exporter's state in one process.
#[derive(Debug)]
pub(crate) struct Local {
    /// Taken out while an export runs.
    link: Mutex<Option<Link>>,
    cancelled: watch::Sender<bool>,
}

impl Default for Local {
    fn default() -> Self {
        Self {
            link: Mutex::new(None),
            cancelled: watch::Sender::new(false),
        }
    }
}

impl Local {
    /// The link of the last export, or a new one.
    pub(crate) fn take(&self) -> io::Result<Link> {
        match self.slot().and_then(|mut slot| slot.take()) {
            Some(link) => Ok(link),
            None => Link::new(),
        }
    }

    /// Keeps a link for the next export.
    pub(crate) fn keep(&self, link: Link) {
        if let Some(mut slot) = self.slot() {
            *slot = Some(link);
        }
    }

    /// Closes the connection.
    pub(crate) fn close(&self) {
        drop(self.slot().and_then(|mut slot| slot.take()));
    }

    fn slot(&self) -> Option<MutexGuard<'_, Option<Link>>> {
        match self.link.try_lock() {
            Ok(slot) => Some(slot),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Ends the export that runs, and all later ones.
    pub(crate) fn cancel(&self) {
        self.cancelled.send_replace(true);
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        *self.cancelled.borrow()
    }

    /// Waits until somebody cancels.
    pub(crate) async fn cancelled(&self) {
        let mut cancelled = self.cancelled.subscribe();
        // The sender lives as long as `self`.
        let _ = cancelled.wait_for(|cancelled| *cancelled).await;
    }
}

/// A runtime, and the connection that lives in it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) runtime: Engine,
    pub(crate) open: Open,
}

/// The connections that are open, and what they are made with.
#[derive(Debug, Default)]
pub(crate) struct Open {
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) http: Option<Http>,
    #[cfg(feature = "grpc")]
    pub(crate) grpc: Option<Grpc>,
}

impl Link {
    fn new() -> io::Result<Self> {
        Ok(Self {
            runtime: Engine::new()?,
            open: Open::default(),
        })
    }
}

/// A runtime that nobody waits for at its end.
#[derive(Debug)]
pub(crate) struct Engine(Option<Runtime>);

impl Engine {
    fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .thread_name("codomyrmex-resolve")
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Runs the future to its end on this thread; on a thread beside it where this one is a runtime's already.
    pub(crate) fn run<F>(&self, future: F) -> Option<F::Output>
    where
        F: Future + Send,
        F::Output: Send,
    {
        let runtime = self.0.as_ref()?;
        let run = || {
            let _untraced = untraced();
            runtime.block_on(future)
        };
        if Handle::try_current().is_err() {
            return Some(run());
        }
        std::thread::scope(|scope| scope.spawn(run).join()).ok()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let _untraced = untraced();
        self.open = Open::default();
        // A plain drop would wait for a look-up of a name that is still under way.
        if let Some(runtime) = self.runtime.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// While it lives, nothing on this thread reaches a subscriber of the program's: what the libraries below have to say about
/// an export is nothing that anybody should export.
fn untraced() -> DefaultGuard {
    dispatcher::set_default(&Dispatch::none())
}
