"""inject and extract with a plain dict, which goes a shorter way and ends in the same place."""

from __future__ import annotations

import pytest

from codomyrmex.telemetry.tracing import InMemoryExporter, Tracer
from codomyrmex.telemetry.tracing.propagation import extract, inject


class Mapping(dict):
    """A mapping that is not exactly a dict."""


PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0"
OTHER = "00-5bf92f3577b34da6a3ce929d0e0e4736-10f067aa0ba902b7-01"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"traceparent": PARENT + "0"},
        {"traceparent": PARENT + "1"},
        {"traceparent": PARENT + "2"},
        {"traceparent": PARENT + "3", "accept": "*/*"},
        {"".join(["trace", "parent"]): PARENT + "1"},
        {"Traceparent": PARENT + "1"},
        {"traceparent": PARENT + "1", "TRACEPARENT": OTHER},
        {"traceparent": " " + PARENT + "1"},
        {"traceparent": "01" + PARENT[2:] + "1-more"},
        {"traceparent": PARENT.upper() + "1"},
        {"traceparent": PARENT + "é"},
        {"traceparent": [PARENT + "1"]},
        {"traceparent": [PARENT + "1", OTHER]},
        {"traceparent": (PARENT + "1").encode()},
        {"traceparent": None},
        {b"traceparent": PARENT + "1"},
        {"é": "x", "traceparent": PARENT + "1"},
        {1: 2, "traceparent": PARENT + "1"},
        {"traceparent": PARENT + "1", "tracestate": "a=b"},
        {"traceparent": PARENT + "1", "TraceState": "a=b"},
        {"traceparent": PARENT + "1", "Baggage": "k=v"},
        {"baggage": "k=v"},
        {"traceparent": PARENT + "1", "content": "x", "charset": "y", "user-agent0": "z"},
        {"HTTP_TRACEPARENT": PARENT + "1"},
        {"traceparent": PARENT + "1", "HTTP_TRACEPARENT": OTHER, "wsgi.version": (1, 0)},
        {"traceparent": PARENT + "1", "wsgi.version": (1, 0)},
        {**{f"x-{number}": "" for number in range(100)}, "traceparent": PARENT + "1"},
    ],
    ids=str,
)
def test_a_dict_says_what_any_other_mapping_says(headers):
    quick, slow = extract(dict(headers)), extract(Mapping(headers))
    assert quick == slow
    if quick is not None:
        assert quick.trace_state == slow.trace_state
        assert quick.is_remote
        assert inject({}, quick) == inject({}, slow)


@pytest.mark.parametrize(
    "before",
    [
        {},
        {"accept": "*/*"},
        {"traceparent": "old"},
        {"Traceparent": "old"},
        {"tracestate": "old=1"},
        {"TraceState": "old=1", "accept": "*/*"},
        {"baggage": "k=v"},
        {1: 2, "user-agent0": "z"},
    ],
    ids=str,
)
def test_a_dict_gets_what_any_other_carrier_gets(tracer, before):
    with tracer.span("s") as span:
        quick, slow = dict(before), dict(before)
        assert inject(quick) is quick
        # A context that is named goes the longer way.
        inject(slow, span)
        assert quick == slow
        assert quick["traceparent"][3:35] == span.trace_id
        read_back = extract(quick)
        assert (read_back.span_id, read_back.sampled) == (span.span_id, True)
    untouched = dict(before)
    assert inject(untouched) == before


def test_a_span_with_more_than_ids_writes_all_of_it(tracer):
    incoming = extract({"traceparent": PARENT + "1", "tracestate": "a=b", "baggage": "k=v"})
    with tracer.start_span("s", parent=incoming) as span:
        headers = inject({})
        assert (headers["tracestate"], headers["baggage"]) == ("a=b", "k=v")
        assert headers["traceparent"][36:52] == span.span_id


def test_an_unsampled_span_says_so():
    with Tracer("t", InMemoryExporter(), sampler="always_off").span("s") as span:
        headers = inject({})
        assert headers == inject({}, span)
        assert headers["traceparent"].endswith(("-00", "-02"))


@pytest.mark.parametrize("function", [inject, extract])
def test_arguments_that_are_not_the_functions_own_are_refused(function):
    with pytest.raises(TypeError, match="carrier"):
        function()
    with pytest.raises(TypeError, match="positional"):
        function({}, None, "tracecontext")
    with pytest.raises(TypeError, match="unexpected"):
        function({}, colour="red")
    with pytest.raises(TypeError, match="propagators"):
        function({}, propagators=1)
    with pytest.raises(ValueError, match="w3c"):
        function({}, propagators="w3c")
    assert function(carrier={}, context=None, propagators=None) in ({}, None)
    assert function.__module__ == "codomyrmex.telemetry.tracing._native"
