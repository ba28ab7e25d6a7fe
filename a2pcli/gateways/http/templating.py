"""Templates inside a declarative gateway's block: compiled once, checked when the block is read.

One rule: a value that is one whole ``{{ … }}`` keeps its type (``{{ parts }}`` is a number, ``{{ media }}`` a
list, ``{{ true }}`` a truth), anything else is text. A key whose value comes out as nothing is left out, so
``from: "{{ sender }}"`` needs no ``if``. JSON, forms, queries and URLs are encoded after filling in, XML by
autoescape: no message can break out of its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from operator import itemgetter
from typing import Any
from urllib.parse import quote

from jinja2 import TemplateError, meta, nodes

from a2pcli.channels import OFFERED
from a2pcli.content.failures import TooMuchWork
from a2pcli.content.parts import GSM
from a2pcli.gateways.http.bounded_templates import BoundedEnvironment, NotHere
from a2pcli.messages import Message

Values = Mapping[str, Any]
Fill = Callable[[Values], Any]
"""A function from a message's values to a part of the request."""

VALIDITY, VALIDITY_MINUTES = "validity", "validity_minutes"

NAMES: dict[str, str] = {
    "to": "the number with +",
    "to_digits": "the number without +",
    "body": "the text",
    "sender": "the sender, or nothing",
    "reference": "our id of the message: unique, and the same on every retry",
    "channel": " or ".join(OFFERED),
    "parts": "how many parts, a number",
    "unicode": "whether the text needs UCS-2, true or false",
    "country": "two-letter region of the number, or nothing",
    "media": "URLs of pictures and files, a list",
    VALIDITY: "seconds after which the provider is to give up, where another channel comes after it; or nothing",
    VALIDITY_MINUTES: "the same in minutes, rounded up",
}
"""The names that a template may use."""

_WHOLE = re.compile(r"\s*\{\{((?:(?!\}\}).)*)\}\}\s*", re.DOTALL)
_INSIDE = re.compile(r"\{[{%](.*?)[%}]\}", re.DOTALL)
_GOT = re.compile("got '.*'", re.DOTALL)
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _finalized(value: Any) -> Any:
    return "" if value is None else value


def _quoted(value: Any) -> str:
    return "" if value is None else quote(str(value), safe="")


_TEXT = BoundedEnvironment(autoescape=False, finalize=_finalized)
_XML = BoundedEnvironment(autoescape=True, finalize=_finalized)
_URL = BoundedEnvironment(autoescape=False, finalize=_quoted)

_SAMPLE: dict[str, Any] = {
    "to": "+447700900123",
    "to_digits": "447700900123",
    "body": "Hello, this is a message of an ordinary length. " * 3,
    "sender": "ACME",
    "reference": "r0000000-000001",
    "channel": "sms",
    "parts": 1,
    "unicode": False,
    "country": "GB",
    "media": ["https://a.example/1.png", "https://a.example/2.png"],
    VALIDITY: 1800,
    VALIDITY_MINUTES: 30,
}
"""Values for trying out templates when the settings are read."""


def values_of(message: Message, default_sender: str | None) -> dict[str, Any]:
    """Return a message's values for templates; ``unicode`` is computed only if it is used."""
    return {
        "to": message.to,
        "to_digits": message.to.removeprefix("+"),
        "body": message.body,
        "sender": message.sender or default_sender,
        "reference": message.reference,
        "channel": message.channel,
        "parts": message.parts,
        "country": message.country,
        "media": list(message.media),
        VALIDITY: message.validity,
        VALIDITY_MINUTES: None if message.validity is None else -(-message.validity // 60),
    }


def names_validity(data: Any) -> bool:
    """Whether a template anywhere in this part of a block uses the time after which the provider gives up."""
    if isinstance(data, Mapping):
        return any(map(names_validity, data.values()))
    if isinstance(data, list):
        return any(map(names_validity, data))
    return isinstance(data, str) and any(VALIDITY in inside for inside in _INSIDE.findall(data))


def text_template(source: str, *, only: Sequence[str] = ()) -> Fill:
    """Return a template whose result is text. Raises ``ValueError`` if it cannot work."""
    return _compiled(_TEXT, source, only)


def url_template(source: str, *, only: Sequence[str] = ()) -> Fill:
    """Return a template for a URL; values are percent-encoded."""
    return _compiled(_URL, source, only)


def xml_template(source: str) -> Fill:
    """Return a template for XML; values are escaped, and characters not allowed in XML are removed."""
    fill = _compiled(_XML, source, ())
    return lambda values: fill({key: _for_xml(value) for key, value in values.items()})


def value_template(source: str, *, only: Sequence[str] = ()) -> Fill:
    """Return a template for a value in a body: a single ``{{ … }}`` keeps its type."""
    found = _WHOLE.fullmatch(source)
    if found is None or not _is_expression(found[1]):
        return text_template(source, only=only)
    inside = found[1].strip()
    _check_names(_TEXT, source, only)
    if inside in NAMES and inside != "unicode":
        return itemgetter(inside)  # 40 times as fast as asking Jinja
    expression = _compile(lambda: _TEXT.expression(inside))
    return _with_unicode(inside, expression)


def structure(data: Any, *, only: Sequence[str] = ()) -> Fill:
    """Return a template for a whole body: mappings and lists of templates. Keys and items whose value is None are
    left out."""
    if isinstance(data, Mapping):
        return mapping_of([(str(key), structure(value, only=only)) for key, value in data.items()])
    if isinstance(data, list):
        items = [structure(item, only=only) for item in data]
        return lambda values: [value for fill in items if (value := fill(values)) is not None]
    if isinstance(data, str):
        return value_template(data, only=only)
    return lambda values: data


def mapping_of(entries: Sequence[tuple[str, Fill]]) -> Fill:
    """Return a template for a mapping, without the keys whose value is None."""

    def fill_all(values: Values) -> dict[str, Any]:
        filled = {}
        for key, fill in entries:
            value = fill(values)
            if value is not None:
                filled[key] = value
        return filled

    return fill_all


def _compiled(environment: BoundedEnvironment, source: str, only: Sequence[str]) -> Fill:
    if "{" not in source:
        return lambda values: source
    _check_names(environment, source, only)
    return _with_unicode(source, _compile(lambda: environment.template(source)))


def _compile(make: Callable[[], Fill]) -> Fill:
    """Return the result of ``make`` after trying it once, so that a runaway template is reported when the settings
    are read, not while sending. Raises ``ValueError``."""
    try:
        made = make()
    except TemplateError as error:
        raise _unreadable(error) from None
    except (RecursionError, MemoryError):
        raise ValueError("the template is nested too deeply") from None
    try:
        made(_SAMPLE)
    except NotHere as error:
        raise ValueError(f"the template cannot be used: {error}") from None
    except TooMuchWork as error:
        raise ValueError(f"the template exceeds a limit: {error}") from None
    except (RecursionError, MemoryError):
        raise ValueError("the template does not terminate") from None
    except Exception:
        return made  # it may suit other values
    return made


def _with_unicode(source: str, fill: Fill) -> Fill:
    if "unicode" not in source:
        return fill
    return lambda values: fill({**values, "unicode": not GSM.issuperset(values.get("body", ""))})


def _is_expression(source: str) -> bool:
    """Whether the text is a single expression; ``{{ a }}-{{ b }}`` is not, though it starts and ends like one."""
    try:
        tree = _TEXT.parse("{{" + source + "}}")
    except (TemplateError, RecursionError):
        return True  # the compiler then says what is wrong with it
    return len(tree.body) == 1 and isinstance(tree.body[0], nodes.Output) and len(tree.body[0].nodes) == 1


def _check_names(environment: BoundedEnvironment, source: str, only: Sequence[str]) -> None:
    """Raise ``ValueError`` if the template cannot be parsed or uses an unknown name."""
    known = list(only) or list(NAMES)
    try:
        tree = environment.parse(source)
        used = meta.find_undeclared_variables(tree)
    except TemplateError as error:
        raise _unreadable(error) from None
    except RecursionError:
        raise ValueError("the template is nested too deeply") from None
    for name in sorted(used - set(known)):
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "there are: " + ", ".join(known)
        raise ValueError(f"the template names {name!r}, which there is not", hint)


def _unreadable(error: TemplateError) -> ValueError:
    """Return Jinja's error without what it quotes, which may contain a secret from the environment."""
    said = _GOT.sub("got something else", error.message or "")
    return ValueError(f"the template cannot be read: {said}")


def _for_xml(value: Any) -> Any:
    if isinstance(value, str):
        return _NOT_XML.sub("", value)
    if isinstance(value, list):
        return [_for_xml(item) for item in value]
    return value
