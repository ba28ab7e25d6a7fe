"""What a message template gives for a contact: text, or the reason why there is none."""

from __future__ import annotations

import pytest
from templatekit import KNOWN, PLACE, expression, frame, render, rows, template

from a2pcli.content.templates import MissingValue, TemplateFailure, compile_expression


@pytest.mark.parametrize(
    ("source", "cells", "body"),
    [
        ("Hi {{ first_name }}", {"first_name": "Ann"}, "Hi Ann"),
        ("Hi {{ first_name | default('there') }}", {"first_name": ""}, "Hi there"),
        ("Hi {{ first_name | default('there') }}", {"first_name": " \u00a0"}, "Hi there"),
        ("Hi {{ first_name | default('there') }}", {}, "Hi there"),
        ("Hi {{ first_name | title | default('there') }}", {"first_name": ""}, "Hi there"),
        ("Hi {{ first_name or 'there' }}", {"first_name": ""}, "Hi there"),
        ("Hi{% if first_name %} {{ first_name }}{% endif %}", {"first_name": ""}, "Hi"),
        ("Hi{% if first_name is defined %} {{ first_name }}{% endif %}", {"first_name": ""}, "Hi"),
        ("Hi{% if not first_name %} you{% endif %}", {"first_name": ""}, "Hi you"),
        ("{% if plan == 'gold' %}gold{% else %}not{% endif %}", {"plan": ""}, "not"),
        ("{% if plan == '' %}none{% else %}some{% endif %}", {"plan": ""}, "none"),
        ("{% if plan in ['gold', 'silver'] %}a{% else %}b{% endif %}", {"plan": ""}, "b"),
        ("{% if 'vip' in tags %}a{% else %}b{% endif %}", {"tags": ""}, "b"),
        ("{% if points | int(0) > 3 %}a{% else %}b{% endif %}", {"points": ""}, "b"),
        ("Hi{{ ' ' ~ first_name if first_name }}!", {"first_name": ""}, "Hi!"),
        ("{{ points | int + 1 }}", {"points": "41"}, "42"),
        ("{{ 'é' if plan == 'x' else 'e\u0301' }}{{ plan }}", {"plan": "y"}, "éy"),
        ("a\r\nb {{ plan }} \n\n", {"plan": "y"}, "a\nb y"),
        ("{{ contact['Order ID'] }} {{ contact.plan }}", {"order_id": "7", "plan": "p"}, "7 p"),
        ("<b> & {{ plan }}", {"plan": "<i>'&"}, "<b> & <i>'&"),
        ("{{ tags | split(',') | map('trim') | join(' and ') }}", {"tags": "a, b"}, "a and b"),
        ("{% for t in tags.split(',') %}{{ loop.index }}{{ t }}{% endfor %}", {"tags": "a,b"}, "1a2b"),
        ("{% macro hi(n) %}Hi {{ n }}{% endmacro %}{{ hi(plan) }}", {"plan": "p"}, "Hi p"),
        ("{% set plan = plan | upper %}{{ plan }}", {"plan": "p"}, "P"),
        ("{% with a = plan %}{{ a }}{% endwith %}", {"plan": "p"}, "p"),
        ("{% raw %}{{ plan }}{% endraw %}{{ plan }}", {"plan": "p"}, "{{ plan }}p"),
        ("{# note #}{{ plan }}", {"plan": "p"}, "p"),
    ],
)
def test_a_message_says_what_its_author_means(source: str, cells: dict[str, str], body: str) -> None:
    assert render(source, **cells) == body
    columns = template(source).columns
    one = frame(**{name: [cells.get(name, "")] for name in columns})
    assert rows(template(source).render_column(one)) == [(body, None, None)]


@pytest.mark.parametrize(
    "source",
    [
        "Hi {{ first_name }}",
        "Hi {{ first_name | title }}",
        "Hi {{ first_name ~ '!' }}",
        "Hi {{ '%s' | format(first_name) }}",
        "Hi {{ first_name + '!' }}",
        "Hi {{ first_name.upper() }}",
        "Hi {{ first_name[0] }}",
        "{% for letter in first_name %}{{ letter }}{% endfor %}",
        "{% if first_name < 'b' %}a{% endif %}",
        "{% if first_name | length > 3 %}a{% endif %}",
        "{{ points | int(5) }}{{ first_name | int }}",
        "{% set n = first_name %}{{ n }}",
        "{% macro hi(n) %}Hi {{ n }}{% endmacro %}{{ hi(first_name) }}",
    ],
)
def test_an_empty_cell_that_the_message_needs_excludes_the_row_and_names_the_column(source: str) -> None:
    with pytest.raises(MissingValue) as caught:
        render(source, first_name="  ", points="")
    assert caught.value.column == "first_name"


def test_every_row_gets_its_body_or_its_reason() -> None:
    column = template(
        "{% if plan == 'gold' %}{{ points | number }} for {{ first_name }}{% endif %}"
    ).render_column(
        frame(
            first_name=["Ann", "", "Cy", "", "Eve", None],
            plan=["gold", "gold", "gold", "free", "gold", None],
            points=["1000", "2", "two", "4", "5", "6"],
        )
    )
    assert rows(column) == [
        ("1,000 for Ann", None, None),
        (None, "missing-value", "column first_name"),
        (None, "template-error", "line 10: number: 'two' is not a number"),
        (None, "empty-message", None),
        ("5 for Eve", None, None),
        (None, "empty-message", None),
    ]


def test_a_template_without_columns_is_the_same_for_all() -> None:
    constant = template("{% for i in range(3) %}{{ i }}{% endfor %}")
    assert constant.columns == frozenset()
    assert rows(constant.render_column(frame(a=["x", "y"]))) == [("012", None, None)] * 2
    assert rows(constant.render_column(frame(a=[]))) == []


@pytest.mark.parametrize(
    "source",
    [
        "{{ first_name }}\u200b{{ 'x' if plan }}",
        "{{ first_name if plan }} \n",
        "{{ '\u2060' if first_name }}",
    ],
)
def test_a_message_that_shows_nothing_is_empty(source: str) -> None:
    invisible = frame(first_name=["\u200b"], plan=[""])
    assert rows(template(source).render_column(invisible))[0][1] == "empty-message"


def test_a_message_longer_than_any_channel_is_too_long() -> None:
    column = template("{{ first_name }}").render_column(frame(first_name=["x" * 10_000, "x" * 10_001]))
    assert rows(column)[0][1] is None
    assert rows(column)[1][1:] == ("too-long", "more than 10,000 characters")


def test_half_a_surrogate_pair_is_an_invalid_text() -> None:
    column = template("{{ first_name }}{{ '\\ud83d' }}").render_column(frame(first_name=["a"]))
    assert rows(column)[0][1] == "invalid-text"


def test_nothing_leaks_from_one_row_to_the_next() -> None:
    source = (
        "{% if plan == 'x' %}{% set seen = 'yes' %}{% set ns = namespace(n=1) %}{% endif %}"
        "{{ seen | default('no') }}{{ ns.n | default(0) if ns }}"
    )
    column = template(source).render_column(frame(plan=["y", "x", "y"]))
    assert column.bodies.to_pylist() == ["no", "yes1", "no"]


def test_columns_and_those_that_may_be_empty_are_known() -> None:
    found = template(
        "{% if first_name %}Hi {{ first_name }}{% endif %}{{ plan | upper | default('x') }}{{ points }}"
        "{{ tags if tags is defined }}{{ amount or due }}{% if not order_id %}a{% else %}{{ order_id }}{% endif %}"
    )
    assert found.columns == {"first_name", "plan", "points", "tags", "amount", "due", "order_id"}
    assert found.columns - found.defaulted == {"points", "due"}


@pytest.mark.parametrize(
    "name", ["class", "loop", "range", "2nd_name", "none", "m²", "contact", "def", "prénom"]
)
def test_a_column_may_have_any_name(name: str) -> None:
    odd = template(
        f"{{{{ contact['{name}'] }}}} {{% for x in [1] %}}{{{{ loop.index }}}}{{% endfor %}}", {name}
    )
    assert odd.columns == {name}
    assert odd.render({name: "it"}) == "it 1"


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("plan == 'gold' and points | int > 100", [True, False, False]),
        ("plan != 'gold'", [False, False, True]),
        ("points | int(0) > 100 or not points", [True, False, True]),
        ("true", [True, True, True]),
        ("false", [False, False, False]),
        ("plan", [True, True, True]),
        ("plan in ('free', 'x')", [False, False, True]),
        ("plan.startswith('g')\n", [True, True, False]),
    ],
)
def test_where_selects_rows(source: str, kept: list[bool]) -> None:
    selected = expression(source).evaluate_column(
        frame(plan=["gold", "gold", "free"], points=["101", "100", ""])
    )
    assert selected.keep.tolist() == kept
    assert selected.reasons.null_count == 3


def test_where_on_a_missing_or_bad_value_says_so_and_does_not_select() -> None:
    selected = expression("not (points | int > 100) and amount | float / points | int > 1").evaluate_column(
        frame(points=["5", "", "0"], amount=["10", "10", "10"])
    )
    assert selected.keep.tolist() == [True, False, False]
    assert selected.reasons.to_pylist() == [None, None, "template-error"]
    assert selected.details.to_pylist() == [None, None, "line 10: division by zero"]


@pytest.mark.parametrize(
    ("where", "cell", "expected"),
    [
        ("points | int > 100", "1,200", True),
        ("points | int > 100", " 1 200 ", True),
        ("points | float > 1000", "1234,5", True),
        ("points | int > 100", "€1,200.50", True),
        ("points | int > 10", "20%", True),
        ("points | int > 100", "120 EUR", True),
        ("points | int > 100", "-1,200", False),
        ("points | int > 100", "1e3", True),
        ("points | int > 100", "٢٠٠", True),
        ("points | int > 100", "n/a", False),
        ("points | int > 100", "", False),
        ("points | int < 100", "", False),
        ("points | int < 100 or plan == 'gold'", "", True),
        ("not (points | int > 100)", "", True),
        ("100 < points | int < 300", "200", True),
        ("points | int(0) < 100", "lots", True),
    ],
)
def test_a_number_is_read_as_people_write_it(where: str, cell: str, expected: bool) -> None:
    assert expression(where).evaluate({"points": cell, "plan": "gold"}) is expected


@pytest.mark.parametrize("cell", ["lots", "12 apples", "1,2,3", "about 100"])
def test_what_is_no_number_is_said_and_not_taken_for_0(cell: str) -> None:
    with pytest.raises(TemplateFailure, match="is not a number"):
        expression("points | int < 100").evaluate({"points": cell})
    assert render("{{ points | int }}", points=cell) == "0"


def test_a_number_that_may_be_two_is_asked_about() -> None:
    with pytest.raises(TemplateFailure, match="may be a fraction or a thousand times as much"):
        compile_expression("points | int > 100", where=PLACE, known=KNOWN, locale="de").evaluate(
            {"points": "1.234"}
        )


def test_a_column_that_a_table_does_not_have_is_empty_throughout() -> None:
    column = template("{{ plan | default('x') }}{{ tags }}").render_column(frame(first_name=["a"]))
    assert rows(column) == [(None, "missing-value", "column tags")]


def test_a_failure_names_the_line_in_the_yaml() -> None:
    with pytest.raises(TemplateFailure) as caught:
        render("Hi\n\n{% if plan %}\n{{ plan }}: {{ points | number }}{% endif %}", plan="p", points="x")
    assert caught.value.line == 13
    assert str(caught.value) == "line 13: number: 'x' is not a number"


def test_a_line_of_only_tags_leaves_no_empty_line() -> None:
    source = "Hi\n  {% if plan %}\n{# why #}\n  {% set a = plan %} \nGold {{ a }}\n{% else %}\nNone\n{% endif %}\nBye"
    assert render(source, plan="x") == "Hi\nGold x\nBye"
    assert render(source, plan="") == "Hi\nNone\nBye"
    assert render("a {% if plan %}\nb{% endif %}\nc", plan="x") == "a \nb\nc"
    assert render("a\n{%+ if plan %}\nb\n{%+ endif %}", plan="x") == "a\n\nb"
