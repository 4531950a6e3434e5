//! What receivers answer, read from bytes that may be anything.

use std::fmt;
use std::time::Duration;

use crate::json::Json;
use crate::protobuf::{Fields, Value};

/// Bytes that are not the answer that they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerError {
    /// The bytes end within a field.
    Truncated,
    /// A number has more than 64 bits.
    Varint,
    /// A field that protobuf does not have.
    Tag,
    /// Nested too deeply.
    Depth,
    /// No JSON from here on.
    Json { at: usize },
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("it ends within a field"),
            Self::Varint => f.write_str("a number is too long"),
            Self::Tag => f.write_str("it is no protobuf message"),
            Self::Depth => f.write_str("it is nested too deeply"),
            Self::Json { at } => write!(f, "it is no JSON from byte {at} on"),
        }
    }
}

impl std::error::Error for AnswerError {}

/// `ExportTraceServiceResponse`: everything arrived, but for some spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) rejected: u64,
    /// Why, or a warning where no span was rejected.
    pub(crate) message: String,
}

impl Response {
    pub(crate) fn protobuf(bytes: &[u8]) -> Result<Self, AnswerError> {
        let mut response = Self::default();
        for field in Fields::new(bytes) {
            if let (1, Value::Bytes(partial)) = field? {
                for field in Fields::new(partial) {
                    match field? {
                        (1, Value::Varint(count)) => response.set_rejected(count as i64),
                        (2, Value::Bytes(text)) => response.message = lossy(text),
                        _ => {}
                    }
                }
            }
        }
        Ok(response)
    }

    pub(crate) fn json(bytes: &[u8]) -> Result<Self, AnswerError> {
        let mut response = Self::default();
        let json = Json::parse(bytes)?;
        if let Some(partial) = json.member("partialSuccess") {
            if let Some(count) = partial.member("rejectedSpans").and_then(Json::integer) {
                response.set_rejected(count);
            }
            if let Some(text) = partial.member("errorMessage").and_then(Json::text) {
                response.message = text.to_owned();
            }
        }
        Ok(response)
    }

    /// Success, in words that nobody understands. The spans have arrived; sending them again would double them.
    pub(crate) fn unreadable(why: &str) -> Self {
        Self {
            rejected: 0,
            message: format!("(its answer cannot be read: {why})"),
        }
    }

    fn set_rejected(&mut self, count: i64) {
        self.rejected = u64::try_from(count).unwrap_or(0);
    }
}

/// `google.rpc.Status`: why nothing arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) message: String,
    /// `RetryInfo`: the receiver wants the request again, not before this has passed.
    pub(crate) retry: Option<Duration>,
}

impl Status {
    pub(crate) fn protobuf(bytes: &[u8]) -> Result<Self, AnswerError> {
        let mut status = Self::default();
        for field in Fields::new(bytes) {
            match field? {
                (2, Value::Bytes(text)) => status.message = lossy(text),
                (3, Value::Bytes(any)) => {
                    if let Some(delay) = retry_info(any)? {
                        status.retry = Some(delay);
                    }
                }
                _ => {}
            }
        }
        Ok(status)
    }

    pub(crate) fn json(bytes: &[u8]) -> Result<Self, AnswerError> {
        let json = Json::parse(bytes)?;
        let message = json.member("message").and_then(Json::text);
        Ok(Self {
            message: message.unwrap_or_default().to_owned(),
            retry: None,
        })
    }
}

/// The delay of a `google.protobuf.Any` that holds a `RetryInfo`; zero where it names none.
fn retry_info(any: &[u8]) -> Result<Option<Duration>, AnswerError> {
    let (mut url, mut value) = (&[][..], &[][..]);
    for field in Fields::new(any) {
        match field? {
            (1, Value::Bytes(bytes)) => url = bytes,
            (2, Value::Bytes(bytes)) => value = bytes,
            _ => {}
        }
    }
    if url.rsplit(|byte| *byte == b'/').next() != Some(b"google.rpc.RetryInfo") {
        return Ok(None);
    }
    let mut delay = Duration::ZERO;
    for field in Fields::new(value) {
        if let (1, Value::Bytes(duration)) = field? {
            delay = read_duration(duration)?;
        }
    }
    Ok(Some(delay))
}

/// A `google.protobuf.Duration`; less than nothing is nothing.
fn read_duration(bytes: &[u8]) -> Result<Duration, AnswerError> {
    let (mut seconds, mut nanos) = (0, 0);
    for field in Fields::new(bytes) {
        match field? {
            (1, Value::Varint(value)) => seconds = value as i64,
            (2, Value::Varint(value)) => nanos = value as i32,
            _ => {}
        }
    }
    match (u64::try_from(seconds), u32::try_from(nanos)) {
        (Ok(seconds), Ok(nanos)) => {
            Ok(Duration::from_secs(seconds).saturating_add(Duration::from_nanos(u64::from(nanos))))
        }
        _ => Ok(Duration::ZERO),
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceResponse,
    };
    use proptest::prelude::*;
    use prost::Message;

    fn official(rejected: i64, message: &str) -> ExportTraceServiceResponse {
        ExportTraceServiceResponse {
            partial_success: Some(ExportTracePartialSuccess {
                rejected_spans: rejected,
                error_message: message.to_owned(),
            }),
        }
    }

    #[test]
    fn an_empty_answer_is_success() {
        assert_eq!(Response::protobuf(b""), Ok(Response::default()));
        assert_eq!(Response::json(b"{}"), Ok(Response::default()));
    }

    #[test]
    fn json_has_numbers_as_numbers_or_text() {
        for count in ["3", "\"3\""] {
            let text = format!(
                r#"{{"partialSuccess":{{"rejectedSpans":{count},"errorMessage":"full","new":[]}}}}"#
            );
            let response = Response::json(text.as_bytes()).unwrap();
            assert_eq!((response.rejected, &*response.message), (3, "full"));
        }
    }

    #[test]
    fn a_status_has_its_retry_info() {
        let duration = b"\x08\x02\x10\x80\xca\xb5\xee\x01";
        let mut info = vec![0x0a, duration.len() as u8];
        info.extend_from_slice(duration);
        let url = b"type.googleapis.com/google.rpc.RetryInfo";
        let mut any = vec![0x0a, url.len() as u8];
        any.extend_from_slice(url);
        any.extend_from_slice(&[0x12, info.len() as u8]);
        any.extend_from_slice(&info);
        let mut status = b"\x08\x08\x12\x04full\x1a".to_vec();
        status.push(any.len() as u8);
        status.extend_from_slice(&any);
        let read = Status::protobuf(&status).unwrap();
        assert_eq!(&*read.message, "full");
        assert_eq!(read.retry, Some(Duration::from_millis(2500)));
        assert_eq!(Status::protobuf(b"\x12\x04full").unwrap().retry, None);
    }

    proptest! {
        #[test]
        fn responses_are_read_as_others_write_them(rejected: i64, message in ".*") {
            let bytes = official(rejected, &message).encode_to_vec();
            let response = Response::protobuf(&bytes).unwrap();
            prop_assert_eq!(response.rejected, u64::try_from(rejected).unwrap_or(0));
            prop_assert_eq!(&response.message, &message);
            let text = serde_json::to_vec(&official(rejected, &message)).unwrap();
            prop_assert_eq!(Response::json(&text), Ok(response));
        }

        #[test]
        fn anything_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = (Response::protobuf(&bytes), Response::json(&bytes));
            let _ = (Status::protobuf(&bytes), Status::json(&bytes));
        }

        #[test]
        fn what_breaks_off_is_an_error_or_shorter(message in ".{1,40}", cut in 0_usize..40) {
            let bytes = official(5, &message).encode_to_vec();
            let cut = cut.min(bytes.len() - 1);
            if cut > 0 {
                prop_assert!(Response::protobuf(&bytes[..cut]).is_err());
            }
        }
    }
}
