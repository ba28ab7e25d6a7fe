"""Markup of chat messages: whatever a cell holds, people read the cell; and readers refuse with a sentence or read."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2pcli.content.fitness import Unfit, characters, web_address
from a2pcli.content.markup import TELEGRAM_HTML, TELEGRAM_MARKDOWN, escape_markdown
from a2pcli.content.telegram_html import text_of_html
from a2pcli.content.telegram_markdown import text_of_markdown
from a2pcli.content.templates import SourcePlace, compile_template
from a2pcli.frame import Frame

PLACE = SourcePlace(Path("c.yaml"))
MARKS = "*_[]()~`>#+-=|{}.!\\<&;/\"'a \né😀"
cells = st.text(st.sampled_from(MARKS) | st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=40)


@given(cells)
def test_an_escaped_cell_reads_as_itself_in_markdown(cell: str) -> None:
    for before, after in (
        ("", ""),
        ("*", "*"),
        ("||", "||"),
        ("_", "_"),
        ("[", "](https://x.example)"),
        ("```\n", "```"),
    ):
        source = f"x{before}n{escape_markdown(cell)}{after}x"
        assert text_of_markdown(source) == f"xn{cell}x"


SOURCES = (
    "Hi {{ name }}",
    "{% macro m(x) %}{{ x }}{% endmacro %}Hi {{ m(name) }}",
    "{% set x %}{{ name }}{% endset %}Hi {{ x }}",
    "Hi {{ name | trim }}",
    "Hi {{ '' + name }}",
)


@settings(max_examples=20)
@given(st.lists(cells, min_size=70, max_size=70))
def test_columns_and_single_rows_are_escaped_alike(found: list[str]) -> None:
    names = [f"n{cell}" for cell in found]
    frame = Frame({"name": pa.array(names, pa.string())}, len(names))
    for markup, read in ((TELEGRAM_HTML, text_of_html), (TELEGRAM_MARKDOWN, text_of_markdown)):
        for source in SOURCES:
            bodies, wanted = (
                compile_template(source, where=PLACE, known=["name"], markup=one)
                .render_column(frame)
                .bodies.to_pylist()
                for one in (markup, None)
            )
            assert [read(body) for body in bodies] == wanted


@given(st.text(st.sampled_from(MARKS + "bi<>/="), max_size=60))
def test_a_reader_gives_the_text_or_a_sentence(source: str) -> None:
    for read in (text_of_html, text_of_markdown):
        with suppress(Unfit):
            assert read(source)


@given(
    st.text(max_size=60)
    | st.from_regex(r"(https?|HTTPS|ftp|javascript)://[a-z@:./?#%\[\] é-]{0,30}", fullmatch=True)
)
def test_a_link_is_a_web_address_or_nothing(text: str) -> None:
    with suppress(Unfit):
        found = web_address(text, "x.url")
        assert found.isascii()
        assert urlsplit(found).scheme in ("http", "https")
        assert urlsplit(found).hostname
        assert "@" not in urlsplit(found).netloc


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<b>Hi</b> <a href='https://x.example/?a=1&amp;b=2'>you</a> &lt;3", "Hi you <3"),
        ("<tg-spoiler>x</tg-spoiler><blockquote expandable>y</blockquote>", "xy"),
        ('<pre><code class="language-python">a &amp; b</code></pre>', "a & b"),
    ],
)
def test_html_is_read_as_people_see_it(source: str, text: str) -> None:
    assert text_of_html(source) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (r"*Hi* _you_ __and__ ~me~ ||here|| 1\.5", "Hi you and me here 1.5"),
        (r"[a link](https://x.example/\)) and `code \` end`", "a link and code ` end"),
        ("```python\nx = 1\n```", "x = 1"),
        (">quoted\n>more", "quoted\nmore"),
        (r"*bold _both_*", "bold both"),
    ],
)
def test_markdown_is_read_as_people_see_it(source: str, text: str) -> None:
    assert text_of_markdown(source) == text


def test_an_emoji_counts_two() -> None:
    assert [characters(text) for text in ("", "a", "é", "😀", "👨‍👩‍👧")] == [0, 1, 1, 2, 8]
