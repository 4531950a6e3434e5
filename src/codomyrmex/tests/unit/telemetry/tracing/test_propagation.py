"""SpanContext to and from dicts and headers."""

from __future__ import annotations

import collections.abc

import pytest

from codomyrmex.telemetry.tracing import (
    ConsoleExporter,
    InMemoryExporter,
    NullExporter,
    SpanContext,
    Tracer,
)

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
PARENT = "00f067aa0ba902b7"

CONTEXTS = [
    SpanContext(TRACE, SPAN),
    SpanContext(TRACE, SPAN, PARENT, False),
    SpanContext(TRACE, SPAN, PARENT, True, {"user": "ann", "note": "a b,c;d=é%\r\nX-Evil: 1"}),
    SpanContext("trace123", "span456"),
    SpanContext("trace123", "span456", "parent789", False, {"k": "v"}),
    SpanContext("Käse", "span\r\nX-Evil: 1", "p q"),
    SpanContext(TRACE.upper(), SPAN),
    SpanContext(TRACE, SPAN, trace_state="vendor=1,other=2"),
]


@pytest.mark.parametrize("context", CONTEXTS, ids=repr)
def test_headers_go_there_and_back(context):
    headers = context.to_headers()
    assert SpanContext.from_headers(headers) == context
    assert SpanContext.from_headers({name.lower(): value for name, value in headers.items()}) == context
    assert SpanContext.from_headers({name.upper(): value for name, value in headers.items()}) == context
    assert SpanContext.from_headers(list(headers.items())) == context
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    assert SpanContext.from_headers(raw) == context


@pytest.mark.parametrize("context", CONTEXTS, ids=repr)
def test_nothing_breaks_out_of_a_header(context):
    for name, value in context.to_headers().items():
        assert (name + value).isascii()
        assert (name + value).isprintable()


@pytest.mark.parametrize("context", CONTEXTS[:-1], ids=repr)
def test_dicts_go_there_and_back(context):
    data = context.to_dict()
    assert list(data) == ["trace_id", "span_id", "parent_span_id", "sampled", "baggage"]
    assert SpanContext.from_dict(data) == context
    assert data["baggage"] is not context.baggage


def test_the_headers():
    headers = SpanContext(TRACE, SPAN, None, True, {"k": "v"}, trace_state="a=b").to_headers()
    assert headers == {
        "X-Trace-Id": TRACE,
        "X-Span-Id": SPAN,
        "X-Parent-Span-Id": "",
        "X-Sampled": "true",
        "baggage": "k=v",
        "traceparent": f"00-{TRACE}-{SPAN}-01",
        "tracestate": "a=b",
    }
    assert SpanContext(TRACE, SPAN, sampled=False).to_headers()["X-Sampled"] == "false"


@pytest.mark.parametrize("key", ["trace_id", "span_id"])
def test_a_missing_key_is_named(key):
    data = SpanContext(TRACE, SPAN).to_dict()
    del data[key]
    with pytest.raises(KeyError) as raised:
        SpanContext.from_dict(data)
    assert raised.value.args == (key,)


def test_the_other_keys_may_be_missing():
    assert SpanContext.from_dict({"trace_id": TRACE, "span_id": SPAN}) == SpanContext(TRACE, SPAN)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Trace-Id": TRACE},
        {"X-Span-Id": SPAN},
        {"X-Trace-Id": "", "X-Span-Id": SPAN},
        {"traceparent": "garbage"},
        {"traceparent": f"00-{'0' * 32}-{SPAN}-01"},
        {1: 2},
        {"X-Trace-Id": None, "X-Span-Id": 3},
        [("X-Trace-Id",)],
        "text",
        None,
        3,
    ],
    ids=repr,
)
def test_no_context_and_no_exception(headers):
    assert SpanContext.from_headers(headers) is None


def test_traceparent_decides():
    headers = SpanContext("1" * 32, "2" * 16, sampled=True).to_headers()
    headers["traceparent"] = f"00-{TRACE}-{SPAN}-00"
    context = SpanContext.from_headers(headers)
    assert (context.trace_id, context.span_id, context.sampled) == (TRACE, SPAN, False)
    assert context.is_remote


def test_an_invalid_traceparent_counts_for_nothing():
    headers = SpanContext(TRACE, SPAN).to_headers() | {"traceparent": "00-xyz"}
    assert SpanContext.from_headers(headers) == SpanContext(TRACE, SPAN)


def test_a_child_of_a_remote_context(tracer):
    remote = SpanContext.from_headers(
        SpanContext(TRACE, SPAN, baggage={"user": "ann"}, trace_state="a=b").to_headers()
    )
    span = tracer.start_span("child", parent=remote)
    assert (span.trace_id, span.parent_span_id) == (TRACE, SPAN)
    assert span.context.baggage == {"user": "ann"}
    assert span.context.trace_state == "a=b"
    assert not span.context.is_remote
    with span, tracer.span("grandchild") as grandchild:
        assert grandchild.trace_id == TRACE
        assert grandchild.context.baggage == {"user": "ann"}
        assert grandchild.context.to_headers()["tracestate"] == "a=b"


def test_a_child_of_an_unsampled_context_is_unsampled(tracer, memory):
    span = tracer.start_span("child", parent=SpanContext(TRACE, SPAN, sampled=False))
    with span, tracer.span("grandchild") as grandchild:
        assert grandchild.context.sampled is False
        assert grandchild.trace_id == TRACE
    tracer.flush()
    assert memory.spans == []


def test_children_keep_an_id_of_any_text(tracer):
    span = tracer.start_span("child", parent=SpanContext("trace123", "span456"))
    with span, tracer.span("grandchild") as grandchild:
        pass
    assert (span.trace_id, span.parent_span_id) == ("trace123", "span456")
    assert (grandchild.trace_id, grandchild.parent_span_id) == ("trace123", span.span_id)
    back = SpanContext.from_headers(grandchild.context.to_headers())
    assert back == grandchild.context


def test_baggage_that_stands_there_is_injected_and_inherited(tracer):
    with tracer.span("a") as span:
        span.context.baggage["user"] = "ann"
        assert span.context.to_headers()["baggage"] == "user=ann"
        with tracer.span("b") as child:
            assert child.context.baggage == {"user": "ann"}
            child.context.baggage["more"] = "x"
        assert span.context.baggage == {"user": "ann"}


def test_ids_that_are_assigned_are_exported_and_inherited(tracer, memory):
    with tracer.span("a") as span:
        span.context.trace_id = TRACE
        span.context.span_id = "any text"
        with tracer.span("b") as child:
            assert (child.trace_id, child.parent_span_id) == (TRACE, "any text")
    tracer.flush()
    assert memory.get_spans(TRACE) == [child, span]


def test_contexts_whose_fields_are_nonsense_never_raise(tracer):
    context = SpanContext(None, 3, object(), "yes", baggage=[1])
    context.trace_state = 5
    assert isinstance(context.to_headers(), dict)
    span = tracer.start_span("a", parent=context)
    span.finish()
    assert len(span.trace_id) == 32
    tracer.start_span("b", parent=object()).finish()


class Broken(dict):
    """Holds something and shows nothing."""

    def _refuse(self, *args):
        raise RuntimeError("not today")

    __iter__ = keys = items = values = get = copy = __getitem__ = __len__ = _refuse


class BrokenMapping(collections.abc.Mapping):
    def _refuse(self, *args):
        raise RuntimeError("not today")

    __iter__ = __getitem__ = __len__ = _refuse


@pytest.mark.parametrize("make", [lambda: Broken(a="b"), BrokenMapping, lambda: {"a": Broken(b="c")}])
@pytest.mark.parametrize("exporter", [InMemoryExporter, NullExporter, ConsoleExporter])
def test_baggage_that_cannot_be_read_raises_nowhere(make, exporter, capsys):
    tracer = Tracer("t", exporter())
    context = SpanContext("trace", "s", baggage=make())
    assert context.to_headers()["X-Trace-Id"] == "trace"
    assert context.to_dict()["trace_id"] == "trace"
    assert context.is_valid
    with tracer.start_span("a", parent=context, links=[context]) as span:
        assert span.trace_id == "trace"
        span.context.baggage = make()
        with tracer.span("b") as child:
            assert child.trace_id == "trace"
            assert child.context.to_headers()["X-Parent-Span-Id"] == span.span_id
        span.context.to_headers()
        span.to_dict()
        span.to_json()
    tracer.flush()
    assert tracer.stats().exporters[0].exported == 2
    assert capsys.readouterr().err == ""
