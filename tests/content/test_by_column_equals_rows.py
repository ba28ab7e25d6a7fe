"""A message that is put together by the column is, row by row, what the loop over rows gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from templatekit import frame, rows, template

from a2pcli.content import by_column
from a2pcli.content.templates import MessageTemplate, Rendered
from a2pcli.frame import Frame

COLUMNS = ("first_name", "plan", "points")
NAME = st.sampled_from(COLUMNS)
TEXT = st.text(st.sampled_from("Hi é€😀.\u00ad\u200b \n"), max_size=6)
CELL = st.one_of(
    st.sampled_from(["", " ", "\u00a0", "gold", "Gold ", "7", "1,200.5", "n/a", "\x1f", "\u200b", "\u00ad"]),
    st.text(st.sampled_from("ab é1\n\r€😀'\u0301\u00a0"), max_size=6),
    st.sampled_from(["x" * 999, "é" * 600, "y" * 9_990, "z" * 10_001]),
)
WORKED = st.sampled_from(
    [
        "{{{{ {0} | title }}}}",
        "{{{{ {0} | default('you') }}}}",
        "{{{{ {0} | upper | trim | default({1}) }}}}",
        "{{{{ {0} | int + 1 }}}}",
        "{{{{ {0} | number }}}}",
        "{{{{ {0} ~ ' ' ~ {1} }}}}",
        "{{{{ {0} or {1} }}}}",
        "{{{{ 'VIP' if {0} == 'gold' else {1} }}}}",
        "{{{{ {0} | replace('a', 'xyz') | truncate(7) }}}}",
        "{{% if {0} in ['gold', 'a'] and {1} %}}yes {{{{ {2} }}}}{{% elif {1} is defined %}}{{{{ {1} }}}}{{% endif %}}",
        "{{% if {0} | int > 5 %}}{{{{ {0} }}}}{{% else %}}few{{% endif %}}",
        "{{% if not {0} %}}nobody{{% endif %}}",
        "{{{{ 5 / ({0} | int) }}}}",
        "{{{{ 'fixed' | upper }}}}",
    ]
)
PIECE = st.one_of(
    TEXT,
    st.builds("{{{{ {0} }}}}".format, NAME),
    st.builds(lambda form, a, b, c: form.format(a, b, c), WORKED, NAME, NAME, NAME),
)
SOURCE = st.lists(PIECE, min_size=1, max_size=5).map("".join)
ROWS = st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=12)


@pytest.fixture(autouse=True, scope="module")
def _however_few_rows() -> object:
    before, by_column.FEW = by_column.FEW, 0
    yield
    by_column.FEW = before


def looped(compiled: MessageTemplate, table: Frame) -> Rendered:
    """The same messages without the pieces."""
    pieces, compiled._pieces = compiled._pieces, None
    try:
        return compiled.render_column(table)
    finally:
        compiled._pieces = pieces


@settings(max_examples=80, deadline=None)
@given(SOURCE, ROWS)
@example("{{ first_name }}{{ plan }}", [("y" * 999, "z" * 999, "")] * 3)
@example("{{ first_name }} ", [("Ann", "", ""), (" ", "", ""), ("A\r", "", ""), ("e\u0301", "", "")])
@example("\u00ad{{ first_name }}", [("\u200b", "", ""), ("Ann\u00a0", "", "")])
def test_every_row_comes_out_as_it_does_in_the_loop(source: str, cells: list[tuple[str, ...]]) -> None:
    table = frame(**dict(zip(COLUMNS, zip(*cells, strict=True), strict=True)))
    compiled = template(source, COLUMNS)
    assert rows(compiled.render_column(table)) == rows(looped(compiled, table))


@pytest.mark.parametrize(
    "source",
    [
        "Hi {{ first_name }}, {% if plan == 'gold' %}20%{% endif %} {{ points | number }}",
        "{{ first_name | default('there') | title }} \N{PARTY POPPER}",
        "{{ contact['first_name'] }} {{ 'a' if plan else 'b' }}",
    ],
)
def test_usual_messages_need_no_loop_over_rows(source: str) -> None:
    compiled = template(source, COLUMNS)
    table = frame(first_name=["Ann", "Zoë"] * 50, plan=["gold", ""] * 50, points=["1200", "5"] * 50)
    assert compiled._pieces is not None
    joined = compiled._pieces.render(table)
    assert joined is not None
    assert not joined[1].any()


@pytest.mark.parametrize(
    "source",
    [
        "{% for c in first_name %}{{ c }}{% endfor %}",
        "{% set a = first_name %}{{ a }}",
        "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(plan) }}",
        "{{ first_name.upper() }}",
        "{% filter upper %}{{ plan }}{% endfilter %}",
    ],
)
def test_what_repeats_calls_or_names_things_is_left_to_the_loop(source: str, tmp_path: Path) -> None:
    assert template(source, COLUMNS, folder=tmp_path)._pieces is None


def test_rows_that_cannot_be_joined_are_the_only_ones_in_the_loop() -> None:
    compiled = template("Hi {{ first_name }}", COLUMNS)
    assert compiled._pieces is not None
    joined = compiled._pieces.render(frame(first_name=["Ann", "", "x" * 2_000, " ", "Ben"] * 20))
    assert joined is not None
    assert joined[1].tolist() == [False, True, True, True, False] * 20
    assert [reason for _, reason, _ in rows(compiled.render_column(frame(first_name=["Ann", "", "Ben"])))] == [
        None, "missing-value", None,
    ]  # fmt: skip
