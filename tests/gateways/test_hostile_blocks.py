"""A gateway's block that is out of control is refused when it is read; it never hangs, and never fills the memory."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from gatewaykit import message

from a2pcli.gateways.http.templating import (
    structure,
    text_template,
    url_template,
    value_template,
    values_of,
    xml_template,
)

HOSTILE = [
    "{{ 'a' * 2000000000 }}",
    "{{ ['a'] * 2000000000 }}",
    "{{ 2000000000 * 'a' }}",
    "{{ body * parts * 100000000 }}",
    "{{ 9 ** 99999999 }}",
    "{{ 9 ** 9 ** 9 ** 9 }}",
    "{{ range(1000000000) | list }}",
    "{{ range(999) | map('string') | join(',' * 9999) }}",
    "{% for a in range(999) %}{% for b in range(999) %}{% for c in range(999) %}x{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in range(999) if a > 1000 %}{% endfor %}{% for a in range(999) %}{% for b in range(999) %}{% endfor %}"
    "{% endfor %}",
    "{% set r = range(900) %}{% for a in r %}{% for b in r %}{% for c in r %}x{% endfor %}{% endfor %}{% endfor %}",
    "{% set r = range(900) %}{% for a in r %}" + "y" * 40_000 + "{% endfor %}",
    "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "{% set ns = namespace(t='a') %}{% for a in range(99) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}{{ ns.t }}",
    "{% set ns = namespace(t='a') %}{% for a in range(99) %}{% set ns.t = ns.t + ns.t %}{% endfor %}{{ ns.t }}",
    "{% set ns = namespace(t=[1]) %}{% for a in range(99) %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.t }}",
    "{{ '%2000000000s' | format(to) }}",
    "{{ '%2000000000s' % to }}",
    "{{ '%*s' % (2000000000, to) }}",
    "{{ '{:>2000000000}'.format(to) }}",
    "{{ '{0:>2000000000}'.format_map({}) }}",
    "{{ to.ljust(2000000000) }}",
    "{{ to['ljust'](2000000000) }}",
    "{{ to | attr('ljust')(2000000000) }}",
    "{{ to.zfill(2000000000) }}",
    "{{ to | center(2000000000) }}",
    "{{ to | indent(2000000000) }}",
    "{{ to | replace('', 'x' * 9999) | replace('x', 'y' * 9999) }}",
    "{{ body.replace('e', 'x' * 9999) }}",
    "{{ '\t'.expandtabs(2000000000) }}",
    "{{ to | batch(2000000000, 'x') | list }}",
    "{{ to | slice(2000000000) | list }}",
    "{{ parts | round(2000000000) }}",
    "{{ (5).to_bytes(2000000000) }}",
    "{{ lipsum(n=2000000) }}",
    "{{ [to] | map('center', 2000000000) | list }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ [[" * 300 + "1" + "]]" * 300 + " }}",
    "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
]

# What a template that only fails, or gives nothing, prints at most.
SMALL = 20_000


@pytest.mark.parametrize(
    "make", [text_template, url_template, xml_template, value_template], ids=lambda one: one.__name__
)
@pytest.mark.parametrize("source", HOSTILE)
def test_it_is_refused_or_harmless(make: object, source: str) -> None:
    fill = None
    try:
        fill = make(source)  # type: ignore[operator]
    except ValueError as refused:
        said = str(refused.args[0])
    if fill is None:
        assert said.startswith("the template")
        return
    try:
        made = fill(values_of(message(), None))
    except Exception:
        return  # a message that cannot be written is told, and nothing leaves
    assert len(str(made)) < SMALL


def test_none_of_it_takes_memory_or_time() -> None:
    """With 1 GB and 60 seconds of processor time in all."""
    script = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)); resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
from a2pcli.gateways.http.templating import text_template, value_template
for source in json.load(sys.stdin):
    for make in (text_template, value_template):
        try:
            make(source)({"to": "+1", "body": "e" * 1600, "parts": 3})
        except ValueError as error: assert "MemoryError" not in repr(error)
        except Exception as error: assert not isinstance(error, MemoryError), source
print("done")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps(HOSTILE), capture_output=True, text=True, check=False
    )
    assert done.stdout == "done\n", done.stderr


def test_what_is_out_of_control_says_so() -> None:
    with pytest.raises(
        ValueError, match="the template exceeds a limit: a result of more than 10,000 characters"
    ):
        value_template("{{ 'a' * 2000000000 }}")


ORDINARY = {
    "{{ to }}": "+12025550143",
    "a {{ sender }} b": "a  b",
    "{{ sender or 'X' }}!": "X!",
    "{{ sender | default('X', true) }}!": "X!",
    "{{ 'unicode' if unicode else 'text' }}": "text",
    "{{ to | replace('+', '00') }}": "0012025550143",
    "{{ to.replace('+', '00') }}": "0012025550143",
    "{{ to[1:4] }}-{{ parts + 1 }}": "120-2",
    "{{ '%05d' % parts }}": "00001",
    "{{ '%s/%s' % (channel, parts) }}": "sms/1",
    "{{ body | upper | truncate(3, true, '', 0) }}.": "HEL.",
    "{{ body | length }} {{ body | urlencode }} {{ body | tojson }}": '5 Hello "Hello"',
    "{% for m in media %}[{{ m }}]{% else %}none{% endfor %}": "none",
    "{{ media[0] }}|{{ media | first }}|": "||",
    "{% if parts > 1 %}long{% else %}short{% endif %}\n": "short\n",
    "{{ reference ~ '-' ~ parts }}!": "r7k2m9qd-000001-1!",
    "{% set a = to_digits %}{{ a }}!": "12025550143!",
}


@pytest.mark.parametrize("source", list(ORDINARY))
def test_ordinary_templates_do_what_they_did(source: str) -> None:
    assert text_template(source)(values_of(message(), None)) == ORDINARY[source]


def test_values_keep_their_types() -> None:
    fill = structure(
        {"n": "{{ parts }}", "m": "{{ parts + 1 }}", "t": "{{ true }}", "l": "{{ media }}", "none": "{{ sender }}",
         "first": "{{ media | first }}", "list": "{{ [to, parts] }}", "map": "{{ {'a': to} }}"}
    )  # fmt: skip
    assert fill(values_of(message(), None)) == {
        "n": 1, "m": 2, "t": True, "l": [], "list": ["+12025550143", 1], "map": {"a": "+12025550143"}
    }  # fmt: skip


def test_the_templates_own_text_is_never_encoded_and_values_always_are() -> None:
    values = values_of(message(body="<a&b>", media=("https://x.example/<1>", "b c")), None)
    xml = xml_template("<m>{% for m in media %}<u>{{ m }}</u>{% endfor %}<b>{{ body }}</b></m>")
    assert xml(values) == "<m><u>https://x.example/&lt;1&gt;</u><u>b c</u><b>&lt;a&amp;b&gt;</b></m>"
    url = url_template("https://a.example/?{% for m in media %}m[]={{ m }}&{% endfor %}t={{ body }}")
    assert url(values) == "https://a.example/?m[]=https%3A%2F%2Fx.example%2F%3C1%3E&m[]=b%20c&t=%3Ca%26b%3E"
