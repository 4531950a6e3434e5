//! Whom a span calls, by the ranking of OpenTelemetry's specification.

use std::net::IpAddr;

use codomyrmex_wire::SpanView;

use crate::object::Object;
use crate::value::text;

/// Attributes that name the other side, the best first; with the attribute that holds the port of an address.
const RANKING: [(&str, Option<&str>); 11] = [
    ("peer.service", None),
    ("server.address", None),
    ("net.peer.name", None),
    ("network.peer.address", Some("network.peer.port")),
    ("server.socket.domain", None),
    ("server.socket.address", Some("server.socket.port")),
    ("net.sock.peer.name", None),
    ("net.sock.peer.addr", Some("net.sock.peer.port")),
    ("peer.hostname", None),
    ("peer.address", None),
    ("db.name", None),
];

/// Appends `remoteEndpoint`'s value; nothing where the span names nobody.
pub(crate) fn write(span: &SpanView<'_>, of: &mut Object<'_>) {
    let found = RANKING.iter().find_map(|(key, port)| {
        let name = span.attribute(key).map(|value| text(&value))?;
        (!name.is_empty()).then_some((name, port))
    });
    let Some((name, port)) = found else { return };
    let port = port
        .and_then(|key| span.attribute(key))
        .and_then(|value| text(&value).parse::<u16>().ok())
        .filter(|port| *port > 0);
    let mut endpoint = Object::begin(of.member("remoteEndpoint"));
    match name.parse() {
        Ok(IpAddr::V4(address)) => endpoint.text("ipv4", &address.to_string()),
        Ok(IpAddr::V6(address)) => endpoint.text("ipv6", &address.to_string()),
        Err(_) => endpoint.text("serviceName", &name),
    }
    if let Some(port) = port {
        endpoint.number("port", port.into());
    }
    endpoint.end();
}
