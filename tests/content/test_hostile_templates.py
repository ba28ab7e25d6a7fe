"""A hostile template ends with an error: at once, in little memory, and without having reached anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from templatekit import expression, frame, rows, template

from a2pcli.content.templates import RowFailure
from a2pcli.errors import InvalidInput

ENDLESS = [
    "{% for a in range(900) %}{% for b in range(900) %}{% for c in range(900) %}x{% endfor %}{% endfor %}{% endfor %}",
    "{% set r = range(900) %}{% for a in r %}{% for b in r %}{% for c in r %}x{% endfor %}{% endfor %}{% endfor %}",
    "{% set r = range(900) %}{% for a in r %}" + "y" * 40_000 + "{% endfor %}",
    "{% for a in range(10**12) %}x{% endfor %}",
    "{% for i in range(900) if i > 990 %}{% endfor %}" * 6,
    "{% for i in range(900) %}{{ range(900) | map('string') | map('center', 9000) | list | length }}{% endfor %}",
    "{% for i in range(900) %}{% set y = ('a b' * 3000) | truncate_parts(2) %}{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "{% macro m() %}{{ caller() }}{% call m() %}x{% endcall %}{% endmacro %}{% call m() %}x{% endcall %}",
]
HUGE = [
    "{{ 'a' * 10**9 }}",
    "{{ 10**9 * 'a' }}",
    "{{ [1] * 10**9 }}",
    "{{ 10 ** (10 ** 8) }}",
    "{{ 9**9**9**9 }}",
    "{{ 2 ** -100000000 }}",
    "{{ '%999999999d' % 1 }}",
    "{{ '%999999999d' | format(1) }}",
    "{{ '%.999999999f' | format(1.5) }}",
    "{{ '%*d' | format(999999999, 1) }}",
    "{{ 'x'.ljust(10**9) }}",
    "{{ 'x'.rjust(10**9) }}",
    "{{ 'x'.center(10**9) }}",
    "{{ 'x'.zfill(10**9) }}",
    "{{ 'x\ty'.expandtabs(10**9) }}",
    "{{ '{:999999999}'.format(1) }}",
    "{{ 'x' | center(10**9) }}",
    "{{ 'x\ny' | indent(10**9) }}",
    "{{ 'x\ny' | indent('z' * 9999) | length }}",
    "{{ ('x' * 9000) | wordwrap(1, true, 'y' * 9000) | length }}",
    "{{ ('x' * 9000) | replace('x', 'y' * 9000) | length }}",
    "{{ ('x' * 9000).replace('', 'y' * 9000) | length }}",
    "{{ range(900) | join('y' * 9000) | length }}",
    "{{ ('y' * 9000).join(['a'] * 9000) | length }}",
    "{{ [1] | batch(10**9, 'x') | list | length }}",
    "{{ [1] | slice(10**9) | list | length }}",
    "{{ 1.5 | round(10**9) }}",
    "{{ 1.5 | round(10**9, 'ceil') }}",
    "{{ 5 | money('GBP', 999999999) }}",
    "{{ ['x' * 9000, 'x' * 9000] | sum(start='') }}",
    "{{ ('x' * 5000) ~ ('y' * 6000) }}",
    "{% set ns = namespace(s='x' * 9) %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}",
    "{% set ns = namespace(s='x' * 9) %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}",
    "{% set ns = namespace(s=['x']) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}",
    "{% set ns = namespace(s=['x']) %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% set ns = namespace(s=2) %}{% for i in range(60) %}{% set ns.s = ns.s * ns.s %}{% endfor %}{{ ns.s }}",
    "{% for i in range(900) %}{{ 'x' * 9000 }}{% endfor %}",
    "{% set x %}{% for i in range(900) %}{{ 'x' * 9000 }}{% endfor %}{% endset %}",
    "{% filter upper %}{% for i in range(900) %}{{ 'x' * 9000 }}{% endfor %}{% endfilter %}",
    "{% set a = ['x'] %}" + "{% set a = [a, a] %}" * 40 + "{{ a == a }}",
    "{% set a = ('x',) %}" + "{% set a = (a, a) %}" * 40 + "{{ {a: 1} | length }}",
    "{% set a %}xxxxxxxx{% endset %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 60 + "{{ a | length }}",
    "{{ 1" + "0" * 100_000 + " }}",
]
ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ '' | attr('__class__') }}",
    "{{ ['a'] | map('attr', '__class__') | join }}",
    "{{ ['a'] | map(attribute='__class__') | join }}",
    "{{ '{0.__class__}'.format(1) }}",
    "{{ '{a.__class__}'.format_map({'a': 1}) }}",
    "{{ ''.format.__self__ }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ namespace(a=1).__dict__ }}",
    "{{ range.__class__ }}",
    "{{ cycler.__init__.__globals__.os }}",
    "{{ lipsum.__globals__ }}",
    "{{ (plan.upper).__self__ }}",
    "{% macro m() %}{% endmacro %}{{ m._func }}",
    "{% macro m() %}{{ caller.__globals__ }}{% endmacro %}{{ m() }}",
    "{% for a in [1] %}{{ loop._iterable }}{% endfor %}",
    "{{ [].append(1) }}",
    "{{ {}.update({}) }}",
    "{{ {}.clear() }}",
    "{{ 'x'.encode('utf-16') }}",
    "{{ 'x'.translate({120: 'y' * 9999}) }}",
    "{% import 'os' as os %}{{ os.system('true') }}",
    "{% include '/etc/passwd' %}",
    "{{ range }}",
    "{{ self }}",
    "{{ namespace(a=1) }}",
    "{{ [1, 2] }}",
    "{{ none }}",
    "{{ open('/etc/passwd') }}",
    "{{ __builtins__ }}",
    "{{ environment }}",
]


@pytest.mark.parametrize("source", [*ENDLESS, *HUGE, *ESCAPES])
def test_alone_and_beside_a_column_it_only_fails(source: str) -> None:
    with pytest.raises(InvalidInput):
        template(source)
    try:
        beside = template(source + "{{ plan }}")
    except InvalidInput:
        return
    ((body, reason, detail),) = rows(beside.render_column(frame(plan=["x"])))
    assert (body, reason) == (None, "template-error")
    assert detail
    assert len(detail) < 200


def test_a_template_that_works_too_hard_on_every_row_is_given_up() -> None:
    endless = template("{% for a in range(900) %}{% for b in range(900) %}{{ plan }}{% endfor %}{% endfor %}")
    with pytest.raises(
        InvalidInput, match=r"spring\.yaml:10:\d+: the template (loops too long|writes too much text)"
    ):
        endless.render_column(frame(plan=["x"] * 1_000_000))


def test_a_row_within_its_budget_is_not_hurt_by_the_rows_before_it() -> None:
    loops = template(
        "{% for a in tags.split(',') %}{% for b in range(90) %}{% endfor %}{% endfor %}{{ plan }}"
    )
    column = loops.render_column(frame(tags=["a," * 30, "a", "a," * 30, "a"] * 3, plan=["x"] * 12))
    assert column.reasons.to_pylist() == ["template-error", None] * 6
    assert column.bodies.to_pylist() == [None, "x"] * 6


def test_an_expression_is_bounded_as_a_template_is() -> None:
    with pytest.raises(InvalidInput):
        expression("'a' * 10**9 == 'b'")
    bounded = expression("plan * 10**9 == 'b' or (range(900) | map('center', 9000) | list)")
    with pytest.raises(RowFailure):
        bounded.evaluate({"plan": "x"})


def test_the_worst_of_them_stay_small_in_memory() -> None:
    """Every hostile template in one process that may take no more than 512 MB beyond what imports take."""
    script = (
        "import resource, sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from test_hostile_templates import ENDLESS, HUGE, InvalidInput, RowFailure, template\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 2**29, used + 2**29))\n"
        "for source in [*ENDLESS, *HUGE]:\n"
        "    try:\n"
        "        template(source + '{{ plan }}').render({'plan': 'x'})\n"
        "    except (InvalidInput, RowFailure):\n"
        "        continue\n"
        "    sys.exit('rendered: ' + source[:80])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
