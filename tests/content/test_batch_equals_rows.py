"""The loop over many rows gives, row by row, what Jinja gives for each alone."""

from __future__ import annotations

import jinja2
from hypothesis import given, settings
from hypothesis import strategies as st
from templatekit import frame, rows, template

from a2pcli.content.templates import MessageTemplate, RowFailure

COLUMNS = ("first_name", "plan", "tags")
CELL = st.text(st.sampled_from("ab ,é1\n€😀'"), min_size=1, max_size=6).filter(lambda cell: cell.strip())
TEXT = st.text(st.sampled_from("Hi there, é€😀.\\'\""), max_size=8)
NAME = st.sampled_from(COLUMNS)


def pieces(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{{% if {0} is eq('a') %}}{1}{{% else %}}{2}{{% endif %}}".format, NAME, inner, inner),
        st.builds("{{% if {0} %}}{1}{{% endif %}}".format, NAME, inner),
        st.builds("{{% for c in {0} %}}{{{{ loop.index }}}}{{{{ c }}}}{1}{{% endfor %}}".format, NAME, inner),
        st.builds("{{% for c in {0} if c != ' ' %}}{{{{ c }}}}{{% else %}}-{{% endfor %}}".format, NAME),
        st.builds("{{% set v %}}{0}{{% endset %}}{{{{ v }}}}{{{{ v | length }}}}".format, inner),
        st.builds("{{% filter upper %}}{0}{{% endfilter %}}".format, inner),
        st.builds("{{% with w = {0} %}}{{{{ w }}}}{1}{{% endwith %}}".format, NAME, inner),
        st.builds("{{% macro m(x) %}}[{{{{ x }}}}{0}]{{% endmacro %}}{{{{ m({1}) }}}}".format, inner, NAME),
    )


LEAF = st.one_of(
    TEXT,
    st.builds("{{{{ {0} }}}}".format, NAME),
    st.builds("{{{{ {0} | upper | trim }}}}".format, NAME),
    st.builds("{{{{ {0} ~ {1} }}}}".format, NAME, NAME),
    st.builds(
        "{{% if {0} is eq('a') %}}{{% set v = {1} %}}{{% endif %}}{{{{ v | default('none') }}}}".format,
        NAME,
        NAME,
    ),
    st.builds("{{% set {0} = {0} | lower %}}{{{{ {0} }}}}".format, NAME),
    st.builds("{{{{ {0}.split(',') | join('+') }}}}".format, NAME),
)
SOURCE = st.lists(st.recursive(LEAF, pieces, max_leaves=6), min_size=1, max_size=4).map("".join)
ROWS = st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=6)
GAPPY = st.lists(st.tuples(*[st.one_of(CELL, st.sampled_from(["", " "]))] * 3), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(SOURCE, ROWS)
def test_with_every_cell_filled_the_column_is_what_jinja_renders(
    source: str, cells: list[tuple[str, ...]]
) -> None:
    columns = dict(zip(COLUMNS, zip(*cells, strict=True), strict=True))
    got = rows(template(source, COLUMNS).render_column(frame(**columns)))
    plain = jinja2.Environment(autoescape=False).from_string(source)
    for row, (body, reason, detail) in zip(cells, got, strict=True):
        expected = plain.render(dict(zip(COLUMNS, row, strict=True))).rstrip()
        assert (body or "", reason) == (expected, None if expected else "empty-message"), detail


@settings(max_examples=60, deadline=None)
@given(SOURCE, GAPPY)
def test_a_row_comes_out_the_same_whatever_rows_are_around_it(
    source: str, cells: list[tuple[str, ...]]
) -> None:
    compiled = template(source, COLUMNS)
    columns = dict(zip(COLUMNS, zip(*cells, strict=True), strict=True))
    got = rows(compiled.render_column(frame(**columns)))
    other = template(source, COLUMNS)
    for row, (body, reason, detail) in zip(cells, got, strict=True):
        assert (body or "", reason, detail) == alone(other, dict(zip(COLUMNS, row, strict=True)))


def alone(compiled: MessageTemplate, values: dict[str, str]) -> tuple[str, str | None, str | None]:
    try:
        body = compiled.render(values)
    except RowFailure as failure:
        return "", str(failure.reason), str(failure)
    return body, None if body else "empty-message", None
