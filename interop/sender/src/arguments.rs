//! The command line.

use std::path::PathBuf;

/// What to send, how, and where to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// `grpc`, `http/protobuf`, `http/json` or `zipkin`.
    pub(crate) protocol: String,
    pub(crate) endpoint: String,
    pub(crate) compression: Option<String>,
    pub(crate) service: String,
    /// The file that describes the trace.
    pub(crate) trace: PathBuf,
    /// The span of another process that the trace goes on from.
    pub(crate) traceparent: Option<String>,
}

impl Arguments {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut parsed = Self::default();
        let mut arguments = arguments.iter();
        while let Some(name) = arguments.next() {
            let value = arguments
                .next()
                .ok_or_else(|| format!("{name} needs a value"))?
                .clone();
            match name.as_str() {
                "--protocol" => parsed.protocol = value,
                "--endpoint" => parsed.endpoint = value,
                "--compression" => parsed.compression = Some(value),
                "--service" => parsed.service = value,
                "--trace" => parsed.trace = value.into(),
                "--traceparent" => parsed.traceparent = Some(value),
                other => return Err(format!("unknown argument: {other}")),
            }
        }
        for (name, given) in [
            ("--protocol", !parsed.protocol.is_empty()),
            ("--endpoint", !parsed.endpoint.is_empty()),
            ("--service", !parsed.service.is_empty()),
            ("--trace", !parsed.trace.as_os_str().is_empty()),
        ] {
            if !given {
                return Err(format!("{name} is missing"));
            }
        }
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Arguments::parse(&words)
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        let whole = "--protocol grpc --endpoint http://a:1 --service s --trace t.json";
        assert_eq!(parse(whole).expect("whole").service, "s");
        assert_eq!(
            parse("--protocol grpc").expect_err("part"),
            "--endpoint is missing"
        );
        assert_eq!(
            parse(&format!("{whole} --colour red")).expect_err("unknown"),
            "unknown argument: --colour"
        );
        assert_eq!(
            parse("--protocol").expect_err("no value"),
            "--protocol needs a value"
        );
    }
}
