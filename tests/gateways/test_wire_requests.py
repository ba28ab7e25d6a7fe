"""What a request looks like on the wire does not depend on the requests before it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from a2pcli.gateways.base import HttpRequest
from a2pcli.gateways.engine.protocol import Unsendable
from a2pcli.gateways.engine.wire_request import RequestWriter

_HEADERS = st.dictionaries(
    st.sampled_from(["Accept", "accept", "X-Key", "Content-Type", "Host", "Content-Length", "bad name"]),
    st.sampled_from(["1", "2", "text/plain", "é", "two\r\nlines", "\0"]),
    max_size=3,
)
_REQUESTS = st.builds(
    HttpRequest,
    st.sampled_from(["GET", "POST", "PUT"]),
    st.sampled_from(["http://a.example/x", "http://a.example/x?q=1", "http://b.example/x"]),
    _HEADERS,
    st.sampled_from([b"", b"{}", b'{"to":"+447700900123"}']),
)


def _written(writer: RequestWriter, request: HttpRequest) -> object:
    """The route, the first line, the headers in any order (RFC 9110, 5.3), and the body; or why it cannot be sent."""
    try:
        route, data = writer.encode(request)
    except Unsendable as error:
        return str(error)
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    return route, first, sorted(lines), body


@given(st.lists(_REQUESTS, max_size=6))
def test_a_request_is_written_alike_whatever_was_written_before_it(requests: list[HttpRequest]) -> None:
    used = RequestWriter()
    for request in requests:
        assert _written(used, request) == _written(RequestWriter(), request)


def test_a_header_that_a_provider_changes_in_place_is_sent_as_it_is_now() -> None:
    headers = {"Authorization": "Bearer first"}
    writer = RequestWriter()
    first = HttpRequest("POST", "http://a.example/x", headers, b"{}")
    assert b"Authorization: Bearer first\r\n" in writer.encode(first)[1]
    headers["Authorization"] = "Bearer second"
    again = writer.encode(HttpRequest("POST", "http://a.example/x", headers, b"{}"))[1]
    assert b"Authorization: Bearer second\r\n" in again
    assert b"first" not in again
