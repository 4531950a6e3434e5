"""
Records the trace that a file describes with the SDK, sends it, and prints what was sent.

The same program as interop/sender, in Python; its output is described there. The exporter is chosen through the environment.
"""

import argparse
import json
import os
import sys
import time
from decimal import Decimal


def main() -> int:
    """Sends, prints, and says by its result whether all of it was exported."""
    arguments = parse()
    choose(arguments)

    # After the environment has its values.
    from codomyrmex.telemetry.tracing import Tracer

    with open(arguments.trace, encoding="utf-8") as file:
        trace = json.load(file)
    tracer = Tracer(arguments.service, resource=trace["resource"])
    base = int(time.time() * 1e6) - 1_000_000
    spans = record(tracer, trace["spans"], base, arguments.traceparent)
    flushed = tracer.force_flush(30)
    print(f"base {base * 1000}")
    for span in spans:
        parent = span.parent_span_id or "-"
        times = f"{nanoseconds(span.start_time)} {nanoseconds(span.end_time)}"
        print(f"span {span.trace_id} {span.span_id} {parent} {times} {span.name}")
    stats = tracer.stats()
    [books] = stats.exporters
    print(f"exported {books.exported}")
    if flushed and books.exported == stats.recorded and stats.balanced:
        return 0
    print(stats, file=sys.stderr)
    return 1


def parse() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser()
    for name in ["--protocol", "--endpoint", "--service", "--trace"]:
        parser.add_argument(name, required=True)
    for name in ["--compression", "--traceparent"]:
        parser.add_argument(name)
    return parser.parse_args()


def choose(arguments: argparse.Namespace) -> None:
    """Says in the environment where spans go."""
    if arguments.protocol == "zipkin":
        chosen = {"TRACES_EXPORTER": "zipkin", "EXPORTER_ZIPKIN_ENDPOINT": arguments.endpoint}
    else:
        chosen = {
            "TRACES_EXPORTER": "otlp",
            "EXPORTER_OTLP_PROTOCOL": arguments.protocol,
            "EXPORTER_OTLP_TRACES_ENDPOINT": arguments.endpoint,
            "EXPORTER_OTLP_COMPRESSION": arguments.compression or "none",
        }
    os.environ.update({f"OTEL_{name}": value for name, value in chosen.items()})


def record(tracer, described, base, traceparent):
    """All spans, parents before their children, ended the other way round. `base`: microseconds since the Unix epoch."""
    from codomyrmex.telemetry.tracing import SpanContext, SpanKind, SpanStatus

    def seconds(micros):
        return (base + micros) / 1e6

    def context(link):
        if "span" in link:
            return spans[link["span"]].context
        traceparent = f"00-{link['trace_id']}-{link['span_id']}-01"
        return SpanContext.from_headers({"traceparent": traceparent, "tracestate": link["trace_state"]})

    remote = SpanContext.from_headers({"traceparent": traceparent}) if traceparent else None
    spans = {}
    for one in described:
        parent = spans[one["parent"]] if "parent" in one else remote
        options = {"start_time": seconds(one["start_us"])} if "start_us" in one else {}
        span = tracer.start_span(one["name"], SpanKind(one["kind"]), parent, root=parent is None, **options)
        span.set_attributes({key: value_of(value) for key, value in one["attributes"].items()})
        for event in one.get("events", []):
            span.add_event(event["name"], event.get("attributes"), timestamp=seconds(event["at_us"]))
        for link in one.get("links", []):
            span.add_link(context(link), link.get("attributes"))
        if "status" in one:
            span.set_status(SpanStatus(one["status"]["code"]), one["status"]["message"])
        spans[one["name"]] = span
    for one in reversed(described):
        span = spans[one["name"]]
        if "end_us" in one:
            span.end_time = seconds(one["end_us"])
        span.finish()
    return list(spans.values())


def value_of(described):
    """JSON's values are Python's; bytes stand there in hexadecimal."""
    return bytes.fromhex(described["bytes"]) if isinstance(described, dict) else described


def nanoseconds(seconds: float) -> int:
    """Exactly what the double says."""
    return int(Decimal(seconds) * 1_000_000_000)


if __name__ == "__main__":
    sys.exit(main())
