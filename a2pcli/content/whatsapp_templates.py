"""WhatsApp templates as the account has them: what they say, what has to be filled in; kept in a file of the project.

``a2pcli templates sync`` writes the file (``templates.GATEWAY.yaml``); plans only read it. A template is approved by
WhatsApp: its text is fixed, and a campaign gives the values of its placeholders, ``{{1}}`` or ``{{first_name}}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem
from a2pcli.regular import read_regular

PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
MEDIA = ("image", "video", "document")
HEADERS = ("text", *MEDIA, "location")
CATEGORIES = ("marketing", "utility", "authentication")
OTHER = "other"
"""A category that WhatsApp does not document; ``beyond`` names it, so that no campaign sends such a template."""
APPROVED = "approved"
LARGEST = 32_000_000
"""Bytes of a file of templates; an account has at most 6,000."""

_WITH_VALUES = {"copy_code": "copy_code", "otp": "url"}
"""Types of buttons that always need a value, and what they are called when they are sent."""


@dataclass(frozen=True, slots=True)
class TemplateButton:
    """A button of a template. ``url`` is that of a link, with or without a placeholder at its end."""

    type: str
    text: str = ""
    url: str = ""

    @property
    def wants(self) -> str | None:
        """As what a value is sent, where it needs one: ``url`` or ``copy_code``."""
        if self.type == "url":
            return "url" if PLACEHOLDER.search(self.url) else None
        return _WITH_VALUES.get(self.type)

    @property
    def takes(self) -> str | None:
        """As what a value is sent, where it can have one."""
        return "quick_reply" if self.type == "quick_reply" else self.wants


@dataclass(frozen=True, slots=True)
class WhatsAppTemplate:
    """A template in one language. ``status`` and ``category`` are in lower case, as WhatsApp calls them.

    ``header`` is one of ``HEADERS``, or empty. ``id`` is what the gateway calls the template, where that is not its
    name (Twilio's ContentSid).
    """

    name: str
    language: str
    category: str
    status: str
    body: str
    header: str = ""
    header_text: str = ""
    footer: str = ""
    buttons: tuple[TemplateButton, ...] = ()
    id: str = ""
    beyond: str = ""
    """What it has that a campaign cannot fill in (``carousel``); empty for nothing."""

    @property
    def unusable(self) -> str:
        """Why it cannot be sent now: its status, or what no campaign can fill in. Empty where it can."""
        return self.status if self.status != APPROVED else self.beyond and f"with {self.beyond}"

    @property
    def key(self) -> tuple[str, str]:
        """Its name and language."""
        return self.name, self.language

    @property
    def body_places(self) -> tuple[str, ...]:
        """The names of the body's placeholders, or their numbers, each once in their order."""
        return _in_order(PLACEHOLDER.findall(self.body))

    @property
    def header_places(self) -> tuple[str, ...]:
        """Those of a text in the header: one at most."""
        return _in_order(PLACEHOLDER.findall(self.header_text))

    @property
    def text(self) -> str:
        """Header, body and footer as a person reads them, with their placeholders."""
        return "\n\n".join(one for one in (self.header_text, self.body, self.footer) if one)


def filled_text(text: str, values: Mapping[str, str]) -> str:
    """The text with values in place of its placeholders; those without a value stay.

    >>> filled_text("Hi {{1}}, {{ name }}!", {"1": "Anna"})
    'Hi Anna, {{ name }}!'
    """
    return PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)


@dataclass(frozen=True, slots=True)
class TemplatesFile:
    """The templates of one gateway. ``by_key`` is by name and language; ``fetched`` is None in a file that was not
    fetched but written by hand."""

    path: Path
    gateway: str
    fetched: datetime | None
    by_key: Mapping[tuple[str, str], WhatsAppTemplate]

    def languages(self, name: str) -> list[str]:
        """The languages in which there is a template of this name."""
        return sorted(language for one, language in self.by_key if one == name)


def file_name(gateway: str) -> str:
    """The name of the file with a gateway's templates."""
    return f"templates.{gateway}.yaml"


def file_text(gateway: str, fetched: datetime, templates: Iterable[WhatsAppTemplate]) -> str:
    """The file, sorted so that two of them compare line by line."""
    ordered = sorted(templates, key=lambda one: one.key)
    moment = fetched.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    data = {"gateway": gateway, "fetched": moment, "templates": [dict(_items(one)) for one in ordered]}
    head = f"# WhatsApp templates of this account. To renew them: a2pcli templates sync {gateway}\n"
    return head + yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)


def read_templates_file(path: Path) -> TemplatesFile:
    """Read such a file. Raises ``InvalidInput`` with the line of what is wrong with it."""
    try:
        text = read_regular(path, LARGEST).decode("utf-8-sig")
        data = yaml.load(text, Loader=_Loader)
    except UnicodeDecodeError:
        raise _wrong(path, "it is not UTF-8") from None
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise _wrong(path, "it is no YAML", mark.line + 1 if mark else None) from None
    found: dict[tuple[str, str], WhatsAppTemplate] = {}
    try:
        top = _mapping(data)
        fetched = _moment(top)
        entries = top.get("templates")
        if not isinstance(entries, list):
            raise _Wrong("it has no list of templates")
    except _Wrong as error:
        raise _wrong(path, str(error)) from None
    for place, entry in enumerate(entries):
        try:
            one = _template(_mapping(entry))
            if one.key in found:
                raise _Wrong(f"the template {one.name} in {one.language} is there twice")
        except _Wrong as error:
            raise _wrong(path, str(error), _line_of(text, place)) from None
        found[one.key] = one
    return TemplatesFile(path, str(top.get("gateway") or ""), fetched, found)


class _Wrong(Exception):
    """What is wrong with a file, in words."""


def _wrong(path: Path, why: str, line: int | None = None) -> InvalidInput:
    hint = "fetch it again: a2pcli templates sync GATEWAY"
    message = f"the template file cannot be used: {why}"
    return InvalidInput(Problem(message, str(path), line, 1 if line else None, hint, code="templates-file"))


def _mapping(data: Any) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise _Wrong("a mapping was expected")
    return data


def _moment(top: Mapping[str, Any]) -> datetime | None:
    if top.get("fetched") is None:
        return None
    try:
        found = datetime.fromisoformat(str(top["fetched"]))
    except ValueError:
        raise _Wrong("'fetched' is not a moment") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _template(entry: Mapping[str, Any]) -> WhatsAppTemplate:
    header = entry.get("header") or {}
    header = header if isinstance(header, dict) else {"type": header}
    kind = _text(header, "type", needed=False).lower()
    if kind and kind not in HEADERS:
        raise _Wrong(f"'header' is none of {', '.join(HEADERS)}")
    category = _text(entry, "category").lower()
    if category not in (*CATEGORIES, OTHER):
        raise _Wrong(f"'category' is none of {', '.join(CATEGORIES)}")
    buttons = entry.get("buttons") or []
    if not isinstance(buttons, list):
        raise _Wrong("'buttons' is not a list")
    return WhatsAppTemplate(
        name=_text(entry, "name"),
        language=_text(entry, "language"),
        category=category,
        status=_text(entry, "status").lower(),
        body=_text(entry, "body"),
        header=kind,
        header_text=_text(header, "text", needed=kind == "text"),
        footer=_text(entry, "footer", needed=False),
        buttons=tuple(map(_button, buttons)),
        id=_text(entry, "id", needed=False),
        beyond=_text(entry, "beyond", needed=False),
    )


def _button(data: Any) -> TemplateButton:
    one = _mapping(data)
    return TemplateButton(
        _text(one, "type").lower(), _text(one, "text", needed=False), _text(one, "url", needed=False)
    )


def _text(data: Mapping[str, Any], key: str, *, needed: bool = True) -> str:
    value = data.get(key)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or (needed and not value):
        raise _Wrong(f"'{key}' is missing" if value is None else f"'{key}' is no text")
    return value


def _line_of(text: str, place: int) -> int | None:
    """The line of an entry; asked only where one is wrong."""
    root = yaml.compose(text, Loader=_Loader)
    for key, value in getattr(root, "value", ()):
        if key.value == "templates" and place < len(value.value):
            line: int = value.value[place].start_mark.line
            return line + 1
    return None


def _items(one: WhatsAppTemplate) -> Iterator[tuple[str, Any]]:
    yield from (("name", one.name), ("language", one.language))
    yield from (("category", one.category), ("status", one.status))
    if one.id:
        yield "id", one.id
    if one.beyond:
        yield "beyond", one.beyond
    if one.header:
        yield "header", {"type": one.header, **({"text": one.header_text} if one.header_text else {})}
    yield "body", one.body
    if one.footer:
        yield "footer", one.footer
    if one.buttons:
        yield "buttons", [
            {key: value for key, value in (("type", button.type), ("text", button.text), ("url", button.url)) if value}
            for button in one.buttons
        ]  # fmt: skip


def _in_order(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class _Dumper(yaml.SafeDumper):
    """Texts of several lines stand as they are read."""


def _lines(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _lines)
