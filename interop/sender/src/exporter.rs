//! The exporter that the command line asks for.

use codomyrmex_core::SpanExporter;
use codomyrmex_otlp::{Compression, OtlpExporter, Protocol};
use codomyrmex_zipkin::ZipkinExporter;

use crate::arguments::Arguments;

pub(crate) fn build(arguments: &Arguments) -> Result<Box<dyn SpanExporter>, String> {
    if arguments.protocol == "zipkin" {
        let builder = ZipkinExporter::builder().endpoint(&arguments.endpoint);
        return Ok(Box::new(
            builder.build().map_err(|error| error.to_string())?,
        ));
    }
    let protocol: Protocol = arguments
        .protocol
        .parse()
        .map_err(|error| format!("--protocol {}: {error}", arguments.protocol))?;
    let mut builder = OtlpExporter::builder()
        .protocol(protocol)
        .endpoint(&arguments.endpoint);
    if let Some(compression) = &arguments.compression {
        let compression: Compression = compression
            .parse()
            .map_err(|error| format!("--compression {compression}: {error}"))?;
        builder = builder.compression(compression);
    }
    Ok(Box::new(
        builder.build().map_err(|error| error.to_string())?,
    ))
}
