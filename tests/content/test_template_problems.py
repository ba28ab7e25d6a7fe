"""What is wrong with a template is told before anyone is messaged: all of it, each at its place."""

from __future__ import annotations

import pytest
from templatekit import KNOWN, PLACE, expression, problems, template

from a2pcli.content.templates import SourcePlace, compile_expression, compile_template
from a2pcli.errors import InvalidInput, Severity


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Hi {{ frist_name }}", "spring.yaml:10:9: unknown column 'frist_name' (did you mean 'first_name'?)"),
        ("{{ contact['Frist Name'] }}", "unknown column 'frist_name' (did you mean 'first_name'?)"),
        ("{{ _rows }}", "unknown column '_rows'"),
        ("{{ loop.index }}", "unknown column 'loop' (loop exists only inside {% for %})"),
        ("{{ plan | uper }}", "spring.yaml:10:13: unknown filter 'uper' (did you mean 'upper'?)"),
        ("{{ plan | safe }}", "unknown filter 'safe' (messages are plain text: leave it out)"),
        ("{{ plan | @print }}", "unexpected char '@'"),
        ("{% if plan is evn %}{% endif %}", "spring.yaml:10:17: unknown test 'evn' (did you mean 'even'?)"),
        ("{{ tags.split() | map('tittle') | join }}", "unknown filter 'tittle' (did you mean 'title'?)"),
        (
            "{{ amount | money }}",
            "spring.yaml:10:15: filter 'money': missing a required argument: 'currency'",
        ),
        ("{{ amount | money('GPB') }}", "'GPB' is not a currency (did you mean 'GBP'?)"),
        ("{{ plan | default('a', 'b', 'c') }}", "filter 'default': too many values"),
        (
            "{{ plan.upperr() }}",
            "spring.yaml:10:11: a cell is text and has no 'upperr' (did you mean 'upper()'?)",
        ),
        ("{{ plan.__class__ }}", "spring.yaml:10:11: '__class__' cannot be reached from a template"),
        (
            "{{ points > 100 }}",
            "spring.yaml:10:6: 'points' is text and is compared with a number (write points | int)",
        ),
        ("{{ points == 100 }}", "'points' is text and is compared with a number"),
        ("{{ points * 2 }}", "'points' is text and is used in a calculation (write (points | float))"),
        ("{% for a in tags recursive %}{% endfor %}", "recursive loops are not supported"),
        ("{% autoescape true %}{% endautoescape %}", "autoescape is for web pages"),
        ("{{ plan }", "spring.yaml:10:3: unexpected '}' (every '{{' needs its '}}', every '{%' its '%}')"),
        ("{{ first name }}", "got 'name' (a column's name is one word: spaces and hyphens become '_')"),
        ("{{ plan | default(‘x’) }}", "unexpected char '‘' at 18 (use straight quotes, ' or \")"),
        ("a\nb {% if plan %}", "spring.yaml:11:5: unexpected end of template"),
        ("{% endif %}", "encountered unknown tag 'endif'"),
        ("{% nosuch %}", "encountered unknown tag 'nosuch'"),
        ("{{ 1 / 0 }}", "spring.yaml:10:3: division by zero"),
        ("{% include 'footer.txt' %}", "no folder to load partials from"),
        ("{{ " + "(" * 4000 + "1" + ")" * 4000 + " }}", "nested too deep"),
        ("{% for a in tags %}" * 30 + "{% endfor %}" * 30, "nested too deep"),
        ("x" * 50_001, "longer than 50,000 characters"),
    ],
)
def test_a_mistake_is_an_error_with_its_place_and_what_was_meant(source: str, expected: str) -> None:
    assert expected in problems(source)[0]


def test_a_column_with_a_hyphen_is_recognised() -> None:
    assert problems("{{ order-id }}") == [
        "spring.yaml:10:6: unknown column 'order' (did you mean 'order_id'?)",
        "spring.yaml:10:12: unknown column 'id' (did you mean 'order_id'?)",
    ]


def test_every_problem_is_told_at_once_in_the_order_of_the_file() -> None:
    found = problems("{{ a_b }}\n{{ plan | uper }}\n{{ a_b }} {{ points > 1 }}")
    assert [problem.split(": ")[0] for problem in found] == [
        "spring.yaml:10:6",
        "spring.yaml:11:13",
        "spring.yaml:12:6",
        "spring.yaml:12:16",
    ]


def test_names_are_not_judged_before_the_columns_are_known() -> None:
    early = template("{{ whatever }}{% set mine = 1 %}{{ mine }}", known=None)
    assert early.columns == {"whatever"}


def test_a_text_that_yaml_folds_or_escapes_is_located_by_its_offsets() -> None:
    place = SourcePlace("c.yaml", 3, 1, 0, spot=lambda offset: (3 + offset // 10, offset % 10 + 1))
    with pytest.raises(InvalidInput, match=r"c\.yaml:4:4: unknown column 'nope'"):
        compile_template("Hi there, {{ nope }}", where=place, known=["a"])


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", "the expression is empty"),
        ("{{ plan }}", "this is a template, not an expression (write it without {{ }}: plan == 'gold')"),
        ("plan = 'gold'", "unexpected '='"),
        ("plan ==", "spring.yaml:10:3: "),
        ("pln == 'gold'", "spring.yaml:10:3: unknown column 'pln' (did you mean 'plan'?)"),
        (
            "plan == 'gold' and points > 100",
            "spring.yaml:10:22: 'points' is text and is compared with a number",
        ),
        ("1 / 0 > 1", "division by zero"),
        ("plan == 'gold' or", "spring.yaml:10:3: "),
        ("__import__('os')", "unknown column '__import__'"),
        ("[x for x in plan]", "spring.yaml:10:3: "),
    ],
)
def test_a_wrong_where_is_an_error(source: str, expected: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        expression(source)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    "placeholder", ["{first_name}", "[First Name]", "%plan%", "<<plan>>", "{$plan}", "*|PLAN|*"]
)
def test_placeholders_of_other_tools_are_warned_about(placeholder: str) -> None:
    (warning,) = template(f"Hi\nDear {placeholder}, {{{{ plan }}}}").problems
    assert warning.severity is Severity.WARNING
    assert (warning.line, warning.column) == (11, 8)
    assert warning.message == f"'{placeholder}' is sent as written"


@pytest.mark.parametrize(
    "text", ["{other}", "100% of plans", "a [b] <c>", "50% off, 20% more", "plan", "{ }"]
)
def test_ordinary_text_is_not_warned_about(text: str) -> None:
    assert template(f"{text} {{{{ plan }}}}").problems == ()


@pytest.mark.parametrize(
    ("source", "warned"),
    [
        ("consent", ["consent"]),
        ("is_vip and not opted_out or points == '1'", ["is_vip", "opted_out"]),
        ("consent == 'yes' and is_vip is defined", []),
        ("consent | lower in ('yes', 'y')", []),
        ("order_id and plan", []),
    ],
)
def test_where_warns_of_text_taken_for_true(source: str, warned: list[str]) -> None:
    """A cell that says ``no`` is not empty: ``where: consent`` would message who did not consent."""
    compiled = expression(source, {*KNOWN, "consent", "is_vip", "opted_out"})
    assert [warning.message.split("'")[1] for warning in compiled.problems] == warned


def test_expressions_are_compiled_without_a_template_around_them() -> None:
    compiled = compile_expression("plan == 'x'\n  and points", where=PLACE, known=KNOWN)
    assert compiled.columns == {"plan", "points"}
    assert compiled.evaluate({"plan": "x", "points": "1"})
