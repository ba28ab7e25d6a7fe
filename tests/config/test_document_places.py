"""Every value knows where it stands in the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a2pcli.config.document import Document, read_document
from a2pcli.config.load import load_campaign, load_settings
from a2pcli.errors import InvalidInput
from a2pcli.folding import composed


def document(tmp_path: Path, text: str) -> Document:
    file = tmp_path / "file.yaml"
    file.write_bytes(text.encode())
    return read_document(file)


def test_scalars_stay_as_typed(tmp_path: Path) -> None:
    text = "a: 21:00\nb: NO\nc: 0712345670\nd: 1e5\ne: 007\nf: 2026-03-01\ng: 0x1F\nh: '  x '\ni: .inf\n"
    assert document(tmp_path, text).data == {
        "a": "21:00",
        "b": "NO",
        "c": "0712345670",
        "d": "1e5",
        "e": "007",
        "f": "2026-03-01",
        "g": "0x1F",
        "h": "  x ",
        "i": ".inf",
    }


def test_places_of_keys_values_and_items(tmp_path: Path) -> None:
    read = document(tmp_path, "a: 1\nb:\n  c: [x, y]\n  d:\n    - z\n")
    assert read.place(("a",)) == (1, 4)
    assert read.place(("b", "c"), of="key") == (3, 3)
    assert read.place(("b", "c", 1)) == (3, 10)
    assert read.place(("b", "d", 0)) == (5, 7)


def test_a_path_that_leads_nowhere_gives_the_place_of_what_is_nearest(tmp_path: Path) -> None:
    read = document(tmp_path, "a:\n  b: 1\n")
    assert read.place(("a", "x"), of="key") == (1, 1)
    assert not read.has(("a", "x"))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("m: |\n  Hi\n", (2, 3, 2)),
        ("m: |-\n    Hi\n", (2, 5, 4)),
        ("m: |2\n    Hi\n", (2, 3, 2)),
        ("m: |\n\n  Hi\n", (2, 3, 2)),
        ("m: | # why\n  Hi\n", (2, 3, 2)),
        ("m: >\n  Hi\n", (2, 3, 2)),
        ("m: Hi\n", (1, 4, 3)),
        ('m: "Hi"\n', (1, 5, 4)),
        ("m: 'Hi'\n", (1, 5, 4)),
        ("x: 1\nm: |\r\n   Hi\r\n", (3, 4, 3)),
    ],
)
def test_block_says_where_a_text_starts_and_how_far_it_is_indented(
    tmp_path: Path, text: str, place: tuple[int, int, int]
) -> None:
    found = document(tmp_path, text).block(("m",))
    assert (found.line, found.column, found.indent) == place


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("m: |\n  Hi\n\n    deep ’\n", (4, 10)),
        ("m: >\n  one\n  two\n\n  three ’\n", (5, 9)),
        ("m: one\n  two ’\n", (2, 7)),
        ("m: 'it''s ’'\n", (1, 11)),
        ('m: "a\\tb\\x41 ’"\n', (1, 14)),
        ('m: "a \\\n   b ’"\n', (2, 6)),
        ('m: "\\u2019"\n', (1, 5)),
        ('m: "\\uD83C\\uDF38 ’"\n', (1, 18)),
        ("m: |\r\n  Hi\r\n  x’\r\n", (3, 4)),
        ("m: ’\n", (1, 4)),
    ],
)
def test_spot_finds_a_character_of_a_value_in_the_file(
    tmp_path: Path, text: str, wanted: tuple[int, int]
) -> None:
    read = document(tmp_path, text)
    assert read.spot(("m",), read.data["m"].index("’")) == wanted


WORDS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1), min_size=1, max_size=5
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(WORDS.map(" ".join), min_size=1, max_size=5), indent=st.integers(1, 6))
def test_every_character_of_a_block_is_found_where_it_stands(
    tmp_path: Path, lines: list[str], indent: int
) -> None:
    """For any text below ``|``, the character that ``spot`` points at is the character asked for. A file is read with
    composed characters."""
    text = composed("m: |\n" + "".join(f"{' ' * indent}{line}\n" for line in lines))
    read = document(tmp_path, text)
    rows = text.split("\n")
    for offset, char in enumerate(read.data["m"].rstrip("\n")):
        line, column = read.spot(("m",), offset)
        if char != "\n":
            assert rows[line - 1][column - 1] == char


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(codec="utf-8")))
def test_every_character_of_a_quoted_text_is_found_where_it_stands(tmp_path: Path, text: str) -> None:
    """JSON's way of quoting is YAML's: the value comes back whole, and so does each character's place."""
    source = f"m: {json.dumps(text)}\n"
    read = document(tmp_path, source)
    assert read.data["m"] == text
    for offset in range(len(text)):
        column = read.spot(("m",), offset)[1]
        assert column == len(f'm: "{json.dumps(text[:offset])[1:-1]}') + 1


FULL = (Path(__file__).parent / "full_campaign.yaml").read_text(encoding="utf-8")
BITS = st.sampled_from(
    ["'", '"', "|", ">", "&a ", "*a", "!!x ", "- ", "? ", ": ", "{", "}", "[", "]", " #", "%", "@", "`", "\t",
     "\n", "\r", "\\u12", "\\UFFFFFFFF", "\\uD800", "~", "---\n", "...\n", "<<: ", "\u2028", "é", "😀", "  "]
)  # fmt: skip


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_typed_into_a_file_ends_in_problems_with_places(
    tmp_path: Path, data: st.DataObject
) -> None:
    """A campaign with anything inserted or removed anywhere loads, or says why with line and column."""
    text = FULL
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        text = text[:start] + data.draw(BITS) + text[start + data.draw(st.integers(0, 8)) :]
    for name, load in (("campaign.yaml", load_campaign), ("a2pcli.yaml", load_settings)):
        file = tmp_path / name
        file.write_bytes(text.encode())
        try:
            load(file)  # type: ignore[operator]
        except InvalidInput as error:
            for problem in error.problems:
                assert problem.line
                assert problem.column
                str(problem).encode()
