//! One batch on its way: attempts, the time they have, and what became of it.

use codomyrmex_core::{Batch, ExportError};

use crate::failure::{Failure, Retry};
use crate::http::{self, Answer};
use crate::link::{Link, Local, Open};
use crate::request;
use crate::settings::Settings;

/// Sends a batch, within the settings' timeout.
pub(crate) fn deliver(
    settings: &Settings,
    local: &Local,
    batch: &Batch,
) -> Result<(), ExportError> {
    if local.is_cancelled() {
        return Err(ExportError::permanent("shut down before it was sent"));
    }
    let mut link = local.take().map_err(|error| {
        ExportError::retryable(format!("no runtime could be made ({})", error.kind()), None)
    })?;
    let Link { runtime, open } = &mut link;
    let outcome = runtime.run(async {
        tokio::select! {
            biased;
            () = local.cancelled() => Err(Failure::permanent("shut down before it was sent")),
            () = tokio::time::sleep(settings.timeout) => {
                Err(Failure::lost(format!("no answer from {} in time", settings.endpoint)))
            }
            outcome = attempt(settings, open, batch) => outcome,
        }
    });
    match outcome {
        Some(Ok(())) => {
            local.keep(link);
            Ok(())
        }
        Some(Err(failure)) => Err(match failure.retry {
            Retry::Never => ExportError::permanent(failure.message),
            Retry::After(after) => ExportError::retryable(failure.message, after),
        }),
        None => Err(ExportError::permanent("the exporter's runtime is gone")),
    }
}

async fn attempt(settings: &Settings, open: &mut Open, batch: &Batch) -> Result<(), Failure> {
    let mut http = match open.http.take() {
        Some(http) => http,
        None => http::connect(settings).await?,
    };
    let Answer { parts, .. } = http::send(&mut http, settings, request::whole(batch)).await?;
    open.http = Some(http);
    if parts.status.is_success() {
        return Ok(());
    }
    Err(Failure::permanent(format!(
        "{} answers with status {}",
        settings.endpoint,
        parts.status.as_u16()
    )))
}
