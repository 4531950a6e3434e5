//! One batch on its way: attempts, the time they have, and what became of it.

use std::fmt;
use std::time::Duration;

use codomyrmex_core::diagnostics::{self, Kind};
use codomyrmex_core::{Batch, ExportError};
use tokio::time::{Instant, sleep_until};

use crate::answer::Response;
use crate::failure::{Failure, Retry};
use crate::link::{Link, Local, Open};
use crate::protocol::Protocol;
use crate::request::{self, Request, Requests};
use crate::retry::Backoff;
use crate::settings::Settings;
use crate::{connection, http};

/// Longer than any program runs; the clock cannot count all times that a `Duration` holds.
const FOR_EVER: Duration = Duration::from_secs(86_400 * 365 * 30);

/// Sends a batch, within the settings' timeout and before the batch's deadline.
pub(crate) fn deliver(
    settings: &Settings,
    local: &Local,
    batch: &Batch,
) -> Result<(), ExportError> {
    if local.is_cancelled() {
        return Err(ExportError::permanent("shut down before it was sent"));
    }
    let requests = request::requests(settings, batch)
        .ok_or_else(|| ExportError::permanent("the batch is not what an encoder writes"))?;
    send(settings, local, requests, batch)
}

/// Sends requests that hold the batch's spans, within the settings' timeout and before the batch's deadline.
pub(crate) fn send(
    settings: &Settings,
    local: &Local,
    requests: Requests,
    batch: &Batch,
) -> Result<(), ExportError> {
    if local.is_cancelled() {
        return Err(ExportError::permanent("shut down before it was sent"));
    }
    let Requests {
        requests,
        oversized,
    } = requests;
    let mut link = local.take().map_err(|error| {
        ExportError::retryable(format!("no runtime could be made ({})", error.kind()), None)
    })?;
    let mut sent = Sent::default();
    if oversized > 0 {
        sent.refuse(
            oversized,
            format_args!("larger than a request may be (see max_request_bytes)"),
        );
    }
    let Link { runtime, open } = &mut link;
    let finished = runtime.run(async {
        let time = Time::of(settings, batch);
        let mut sending = Sending {
            settings,
            open,
            backoff: Backoff::new(settings.first_backoff),
            deadline: time.end,
        };
        tokio::select! {
            biased;
            () = local.cancelled() => {
                sent.failure = Some(Failure::permanent("shut down before it was sent"));
                false
            }
            () = sleep_until(time.end) => {
                sent.failure = Some(late(settings, &time, sent.last.take()));
                false
            }
            () = sending.all(&requests, &mut sent) => true,
        }
    });
    match finished {
        Some(true) => local.keep(link),
        // What is under way is given up with its connection.
        Some(false) => drop(link),
        None => sent.failure = Some(Failure::permanent("the exporter's runtime failed")),
    }
    sent.result(batch.len() as u64)
}

/// How much time there is for a batch.
struct Time {
    end: Instant,
    given: Duration,
    /// Whether that is less than the exporter's own timeout.
    is_cut: bool,
}

impl Time {
    fn of(settings: &Settings, batch: &Batch) -> Self {
        let (now, timeout) = (Instant::now(), settings.timeout.min(FOR_EVER));
        let left = batch
            .deadline()
            .map(|deadline| Instant::from_std(deadline).saturating_duration_since(now));
        let given = left.map_or(timeout, |left| left.min(timeout));
        Self {
            end: now + given,
            given,
            is_cut: given < timeout,
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_cut {
            false => write!(f, "within {:?}", self.given),
            true => write!(
                f,
                "within the {} ms that this export had (export_timeout, or the deadline of a shutdown)",
                self.given.as_millis()
            ),
        }
    }
}

fn late(settings: &Settings, time: &Time, last: Option<String>) -> Failure {
    Failure::lost(match last {
        None => format!("no answer from {} {time}", settings.endpoint),
        Some(last) => format!("no success {time}: {last}"),
    })
}

/// What has become of a batch so far.
#[derive(Debug, Default)]
struct Sent {
    /// Spans that arrived.
    arrived: u64,
    /// Why some spans did not, where others did or could have.
    refused: Option<String>,
    /// What ended the sending.
    failure: Option<Failure>,
    /// The last failure that is tried again.
    last: Option<String>,
}

impl Sent {
    fn refuse(&mut self, count: u64, why: fmt::Arguments<'_>) {
        let spans = if count == 1 { "span" } else { "spans" };
        self.refused
            .get_or_insert_with(|| format!("{count} {spans} refused: {why}"));
    }

    fn result(self, all: u64) -> Result<(), ExportError> {
        let lost = all - self.arrived.min(all);
        match (self.failure, self.refused) {
            (None, None) => Ok(()),
            (Some(failure), _) if self.arrived == 0 => Err(match failure.retry {
                Retry::Never => ExportError::permanent(failure.message),
                Retry::After(after) => ExportError::retryable(failure.message, after),
            }),
            (Some(failure), _) => Err(ExportError::rejected(lost, failure.message)),
            (None, Some(refused)) => Err(ExportError::rejected(lost, refused)),
        }
    }
}

struct Sending<'s> {
    settings: &'s Settings,
    open: &'s mut Open,
    backoff: Backoff,
    deadline: Instant,
}

impl Sending<'_> {
    async fn all(&mut self, requests: &[Request], sent: &mut Sent) {
        for request in requests {
            match self.one(request, sent).await {
                Ok(response) => self.arrived(request, &response, sent),
                Err(failure) => {
                    let is_hopeless = failure.retry != Retry::Never;
                    sent.failure = Some(failure);
                    // The next request would meet the same fate; one that was refused says nothing of the next.
                    if is_hopeless {
                        return;
                    }
                }
            }
        }
    }

    fn arrived(&self, request: &Request, response: &Response, sent: &mut Sent) {
        let rejected = response.rejected.min(request.len);
        sent.arrived += request.len - rejected;
        let endpoint = &self.settings.endpoint;
        let said = self.settings.quote(&response.message);
        if rejected > 0 {
            sent.refuse(
                rejected,
                format_args!("{endpoint} does not want them{said}"),
            );
        } else if !said.is_empty() {
            diagnostics::report(
                Kind::Export,
                &format!("the OTLP receiver at {endpoint} took the spans and says{said}"),
            );
        }
    }

    /// One request, again and again while that makes sense and there is time.
    async fn one(&mut self, request: &Request, sent: &mut Sent) -> Result<Response, Failure> {
        loop {
            let reused = self.reuse().await;
            let failure = match self.attempt(request).await {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            let Retry::After(asked) = failure.retry else {
                return Err(failure);
            };
            // The receiver closed an idle connection while the request was on its way: no reason to wait.
            if reused && failure.is_lost {
                continue;
            }
            let until = Instant::now().checked_add(self.backoff.wait(asked));
            match until.filter(|until| *until < self.deadline) {
                Some(until) => {
                    sent.last = Some(failure.message);
                    sleep_until(until).await;
                }
                None => return Err(failure),
            }
        }
    }

    /// Whether there is a connection from before that still stands.
    async fn reuse(&mut self) -> bool {
        // Between exports nobody looks at the connection: what came in meanwhile, its end perhaps, is seen now.
        tokio::task::yield_now().await;
        #[cfg(feature = "grpc")]
        if let Some(grpc) = &mut self.open.grpc {
            if grpc.ready().await.is_ok() {
                return true;
            }
            self.open.grpc = None;
        }
        if let Some(http) = &mut self.open.http {
            if http.ready().await.is_ok() {
                return true;
            }
            self.open.http = None;
        }
        false
    }

    /// One attempt. A connection that failed is not kept.
    async fn attempt(&mut self, request: &Request) -> Result<Response, Failure> {
        let settings = self.settings;
        #[cfg(feature = "grpc")]
        if settings.protocol == Protocol::Grpc {
            let mut grpc = match self.open.grpc.take() {
                Some(grpc) => grpc,
                None => {
                    let stream = connection::connect(settings, &mut self.open.tls).await?;
                    crate::grpc::open(settings, stream).await?
                }
            };
            let left = self.deadline.saturating_duration_since(Instant::now());
            let outcome = crate::grpc::send(&mut grpc, settings, request, left).await;
            if !is_lost(&outcome) {
                self.open.grpc = Some(grpc);
            }
            return outcome;
        }
        debug_assert_ne!(settings.protocol, Protocol::Grpc);
        let mut http = match self.open.http.take() {
            Some(http) => http,
            None => {
                let stream = connection::connect(settings, &mut self.open.tls).await?;
                http::open(settings, stream).await?
            }
        };
        let outcome = http::send(&mut http, settings, request).await;
        if !is_lost(&outcome) {
            self.open.http = Some(http);
        }
        outcome
    }
}

fn is_lost(outcome: &Result<Response, Failure>) -> bool {
    matches!(outcome, Err(failure) if failure.is_lost)
}
