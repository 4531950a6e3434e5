"""inject and extract, with every kind of carrier."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import UserDict
from types import MappingProxyType

import pytest

from codomyrmex.telemetry.tracing import SpanContext
from codomyrmex.telemetry.tracing.propagation import extract, incoming, inject, inject_environment

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
CONTEXT = SpanContext(TRACE, SPAN, baggage={"user": "Zoë"}, trace_state="a=1,b=2")
HEADERS = {"traceparent": PARENT, "tracestate": "a=1,b=2", "baggage": "user=Zo%C3%AB"}


class Multi:
    """Headers as web frameworks have them: a name may come twice."""

    def __init__(self, *pairs):
        self.pairs = pairs

    def items(self):
        return iter(self.pairs)


@pytest.mark.parametrize(
    "carrier",
    [
        HEADERS,
        {name.title(): value for name, value in HEADERS.items()},
        {name: [value] for name, value in HEADERS.items()},
        {name.encode(): (value.encode(),) for name, value in HEADERS.items()},
        UserDict(HEADERS),
        MappingProxyType(HEADERS),
        list(HEADERS.items()),
        tuple(HEADERS.items()),
        [(name.encode(), value.encode()) for name, value in HEADERS.items()],
        [
            ("host", "x"),
            ("Tracestate", "a=1"),
            ("traceparent", PARENT),
            ("tracestate", "b=2"),
            ("baggage", "user=Zo%C3%AB"),
        ],
        Multi(
            ("Traceparent", PARENT),
            ("tracestate", "a=1"),
            ("tracestate", "b=2"),
            ("baggage", "user=Zo%C3%AB"),
        ),
        {"wsgi.version": (1, 0), "TRACEPARENT": "of the process"}
        | {f"HTTP_{name.upper()}": value for name, value in HEADERS.items()},
        {name.upper(): value for name, value in HEADERS.items()},
    ],
    ids=repr,
)
def test_every_carrier_is_read(carrier):
    context = extract(carrier)
    assert context == CONTEXT
    assert context.is_remote


@pytest.mark.parametrize(
    "carrier",
    [
        {},
        None,
        3,
        "text",
        {"traceparent": "nonsense"},
        {"traceparent": None},
        {"traceparent": [PARENT, PARENT]},
        {"traceparent": PARENT.upper()},
        {"traceparent": PARENT, "Traceparent": PARENT},
        {"tracestate": "a=1", "baggage": "user=ann"},
        {"wsgi.version": (1, 0), "TRACEPARENT": PARENT},
        {"HTTP_TRACEPARENT": PARENT},
        [("traceparent",)],
        [None],
    ],
    ids=repr,
)
def test_where_nothing_comes_the_context_is_kept(carrier):
    assert extract(carrier) is None
    if not isinstance(carrier, dict) or "baggage" not in carrier:
        assert extract(carrier, CONTEXT) is CONTEXT


def test_what_comes_replaces_ids_and_keeps_other_baggage():
    old = SpanContext("1" * 32, "2" * 16, baggage={"user": "ann"}, trace_state="old=1")
    context = extract({"traceparent": PARENT}, old)
    assert context == SpanContext(TRACE, SPAN, baggage={"user": "ann"})
    context = extract({"baggage": "user=bob"}, old)
    assert (context.trace_id, context.baggage) == ("1" * 32, {"user": "bob"})
    assert old.baggage == {"user": "ann"}


def test_the_current_span_is_injected(tracer):
    assert inject({}) == {}
    with tracer.span("call") as span:
        expected = f"00-{span.trace_id}-{span.span_id}-03"
        assert inject({}) == {"traceparent": expected}
        assert extract(inject({})).span_id == span.span_id
    with tracer.span("call") as span:
        assert inject({})["traceparent"] == f"00-{span.trace_id}-{span.span_id}-03"
        span.context.baggage["user"] = "ann"
        assert inject({})["baggage"] == "user=ann"
        assert inject({}, CONTEXT) == HEADERS
    other = tracer.start_span("other", parent=CONTEXT)
    assert inject({}, other)["traceparent"] == f"00-{TRACE}-{other.span_id}-01"


@pytest.mark.parametrize(
    ("carrier", "expected"),
    [
        ({}, HEADERS),
        ({"Traceparent": "old", "host": "x"}, {"host": "x", **HEADERS}),
        (UserDict(), HEADERS),
        ([], list(HEADERS.items())),
        ([("TRACEPARENT", "old"), ("host", "x")], [("host", "x"), *HEADERS.items()]),
        (
            [(b"host", b"x")],
            [(b"host", b"x"), *((name.encode(), value.encode()) for name, value in HEADERS.items())],
        ),
    ],
    ids=repr,
)
def test_every_carrier_is_written(carrier, expected):
    assert inject(carrier, CONTEXT) is carrier
    assert carrier == expected


def test_an_older_trace_state_does_not_stay():
    for carrier in ({"Tracestate": "old=1"}, [("tracestate", "old=1")], UserDict(tracestate="old=1")):
        inject(carrier, SpanContext(TRACE, SPAN))
        assert extract(carrier) == SpanContext(TRACE, SPAN)


@pytest.mark.parametrize("carrier", [None, 3, "text", (), MappingProxyType({})], ids=repr)
def test_a_carrier_that_cannot_be_written_is_a_clear_error(carrier):
    with pytest.raises(
        TypeError, match="a carrier must be a mapping that can be changed, or a list of pairs"
    ):
        inject(carrier, CONTEXT)


def test_what_a_carrier_raises_arrives():
    class Closed(dict):
        def __setitem__(self, name, value):
            raise RuntimeError("headers are sent")

    with pytest.raises(RuntimeError, match="headers are sent"):
        inject(Closed(), CONTEXT)


def test_a_context_that_is_none_is_a_clear_error():
    with pytest.raises(TypeError, match="context must be a Span or a SpanContext"):
        inject({}, "text")
    with pytest.raises(TypeError, match="context must be a Span or a SpanContext"):
        extract({}, 3)


def test_formats_are_chosen_for_a_call():
    assert inject({}, CONTEXT, propagators="baggage") == {"baggage": HEADERS["baggage"]}
    assert inject({}, CONTEXT, propagators="none") == {}
    headers = inject({}, SpanContext("trace123", "span456", "p"), propagators="codomyrmex")
    assert headers == {
        "X-Trace-Id": "trace123",
        "X-Span-Id": "span456",
        "X-Parent-Span-Id": "p",
        "X-Sampled": "true",
    }
    environ = {"wsgi.version": (1, 0), "HTTP_X_TRACE_ID": "trace123", "HTTP_X_SPAN_ID": "span456"}
    assert extract(environ, propagators="codomyrmex") == SpanContext("trace123", "span456")
    assert extract(environ) is None
    with pytest.raises(ValueError, match="there is no propagator"):
        inject({}, CONTEXT, propagators="b4")


def test_secrets_in_baggage_stay():
    headers = inject({}, SpanContext(TRACE, SPAN, baggage={"password": "hunter2"}))
    assert headers["baggage"] == "password=[redacted]"


def test_a_caller_that_is_not_trusted_is_linked_to(tracer, memory):
    served = tracer.start_span("trusted", **incoming(HEADERS))
    assert (served.trace_id, served.parent_span_id) == (TRACE, SPAN)
    with tracer.span("an earlier request"):
        served = tracer.start_span("linked", **incoming(HEADERS, trust="link"))
        assert served.trace_id != TRACE
        assert served.parent_span_id is None
        assert served.context.baggage == {}
        assert served.links[0][0].span_id == SPAN
        for carrier, trust in [(HEADERS, "nothing"), ({}, "parent"), ({}, "link")]:
            served = tracer.start_span("alone", **incoming(carrier, trust=trust))
            assert (served.parent_span_id, served.links) == (None, [])
    with pytest.raises(ValueError, match="trust must be"):
        incoming(HEADERS, trust="yes")


def run(code: str, environment: dict[str, str]) -> list[str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("CODOMYRMEX_", "OTEL_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=kept | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.split()


ROOTS = """
from codomyrmex.telemetry.tracing import InMemoryExporter, SpanContext, SpanKind, Tracer
tracer = Tracer("job", InMemoryExporter())
with tracer.span("root") as root:
    print(root.trace_id, root.parent_span_id, root.context.baggage.get("user"), root.context.trace_state or "-")
    with tracer.span("child") as child:
        print(child.trace_id == root.trace_id, child.parent_span_id == root.span_id, child.context.baggage.get("user"))
    print(tracer.start_span("new", root=True).parent_span_id)
print(tracer.start_span("moved").parent_span_id)
print(tracer.start_span("new", root=True).parent_span_id)
print(tracer.start_span("new", parent=SpanContext("0" * 32, "0" * 16)).parent_span_id)
with tracer.span("GET /", SpanKind.SERVER) as served:
    print(served.parent_span_id)
"""


def test_a_process_goes_on_with_the_trace_of_the_one_that_started_it():
    environment = inject_environment({"PATH": "x", "TRACESTATE": "old=1"}, SpanContext(TRACE, SPAN))
    assert environment == {"PATH": "x", "TRACEPARENT": PARENT}
    found = run(ROOTS, {"TRACEPARENT": PARENT})
    assert found == [TRACE, SPAN, "None", "-", "True", "True", "None", "None", SPAN, "None", "None", "None"]
    found = run(ROOTS, inject_environment({}, CONTEXT))
    assert found[:7] == [TRACE, SPAN, "Zoë", "a=1,b=2", "True", "True", "Zoë"]
    assert found[7:] == ["None", SPAN, "None", "None", "None"]


def test_and_does_not_where_it_is_told_so():
    found = run(ROOTS, {"TRACEPARENT": PARENT, "CODOMYRMEX_PARENT_FROM_ENVIRONMENT": "false"})
    assert found[0] != TRACE
    assert found[1] == "None"


def test_the_environment_chooses_the_formats():
    code = """
from codomyrmex.telemetry.tracing import SpanContext
from codomyrmex.telemetry.tracing.propagation import inject
print(*inject({}, SpanContext("1" * 32, "2" * 16, baggage={"a": "1"})))
"""
    assert run(code, {"OTEL_PROPAGATORS": "baggage"}) == ["baggage"]
    assert run(code, {"OTEL_PROPAGATORS": "baggage", "CODOMYRMEX_PROPAGATORS": "tracecontext"}) == [
        "traceparent"
    ]
