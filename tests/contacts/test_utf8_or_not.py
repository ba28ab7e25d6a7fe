"""Whether a file is UTF-8 is what Python's decoder says, wherever its blocks end."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from a2pcli.contacts import encoding
from a2pcli.contacts.source import Source

PIECE = st.one_of(
    st.binary(max_size=4),
    st.text(max_size=3).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from(
        [b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xf0\x9f\x98", b"plain"]
    ),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECE, min_size=1, max_size=8).map(b"".join), st.integers(1, 9))
@example("naïve😀".encode(), 1)
@example("naïve😀".encode()[:-1], 4)
def test_a_file_is_utf8_where_python_can_decode_it(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, block: int
) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "contacts.csv"
    path.write_bytes(b"phone\n" + content)
    try:
        (b"phone\n" + content).decode("utf-8")
        expected = True
    except UnicodeDecodeError:
        expected = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "BLOCK", block)
        assert encoding._is_utf8(Source(str(path), None)) == expected
