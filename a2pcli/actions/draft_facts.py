"""What a draft must keep of a campaign's text: its links and numbers, and what its placeholders do.

A draft is compared as people see it: full-width letters are plain ones, and what cannot be seen is not there.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterator

from jinja2 import Environment, TemplateSyntaxError, nodes

from a2pcli.rules.reply_text import visible

LONGEST_SHOWN = 80
_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_FIRST_TAG, _TAGS = 0xE000, 6400
"""Placeholders are compared as one letter each, of Unicode's private use."""
_LABEL = "[\\w\ue000-\uf8ff-]{1,63}"
_LINK = re.compile(
    rf"(?:https?://|www\.)\S+|[\w.+\ue000-\uf8ff-]{{1,64}}@(?:{_LABEL}\.){{1,8}}{_LABEL}"
    rf"|(?<![\w.-])(?:{_LABEL}\.){{1,8}}(?P<domain>[^\W\d_]{{2,24}}|[\ue000-\uf8ff])(?!\w)(?:[/?#:]\S*)?"
)
_SCHEME = re.compile(r"https?://|www\.", re.IGNORECASE)
_HOST = re.compile(r"^(?:https?://)?[^/?#]*", re.IGNORECASE)
_PHONE = re.compile(r"(?:\+|\(?0)\d[\d ()-]{5,}\d|\(?\d{3}\)?[ -]\d{3}[ -]\d{4}(?!\d)")
_NUMBER = re.compile(r"\d+(?:[.,:/\u2044]\d+)*")
_BIDIRECTIONAL = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_ALWAYS = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Filter, nodes.Const)
_WORDS: dict[type[nodes.Node], str] = {
    nodes.For: "a loop",
    nodes.If: "a condition",
    nodes.CondExpr: "a condition",
    nodes.Assign: "a variable",
    nodes.AssignBlock: "a variable",
    nodes.With: "a variable",
    nodes.Include: "another file",
    nodes.Import: "another file",
    nodes.FromImport: "another file",
    nodes.Extends: "another file",
    nodes.Call: "a call",
    nodes.Getattr: "a part of a value",
    nodes.Getitem: "a part of a value",
}


def changed(text: str, draft: str) -> str | None:
    """What a draft invents or loses; None if it keeps the facts."""
    if hidden := sorted(set(_hidden(draft)) - set(_hidden(text))):
        return f"it has a character that cannot be seen: U+{ord(hidden[0]):04X}"
    if does := _does(draft) - _does(text):
        return f"its placeholders have {sorted(does)[0]}, which those of the text do not have"
    if values := sorted(_values(draft) - _values(text, all=True)):
        return f"its placeholders have a value that those of the text do not have: {values[0]}"
    before, after = _Facts(text), _Facts(draft)
    if more := sorted(after.links - before.links):
        return f"it has a link that the text does not have: {_shown(more[0], draft)}"
    if lost := sorted(before.links - after.links):
        return f"it has lost a link: {_shown(lost[0], text)}"
    if invented := sorted(after.numbers - before.numbers):
        return f"it has a number that the text does not have: {invented[0]}"
    return None


def lost_facts(text: str, draft: str, columns: frozenset[str]) -> list[str]:
    """Numbers and columns of the text that a draft does not have."""
    names = sorted(_used(text, columns) - _used(draft, columns))
    numbers = sorted(_Facts(text).numbers - _Facts(draft).numbers)
    return [*numbers, *(f"{{{{ {name} }}}}" for name in names)]


def _used(text: str, columns: frozenset[str]) -> set[str]:
    """The columns that a template names."""
    return {word for tag in _TAG.findall(text) for word in re.findall(r"\w+", tag) if word in columns}


class _Facts:
    """The links and numbers of a text."""

    def __init__(self, text: str) -> None:
        seen = visible(_TAG.sub(_as_letter, text)).replace("\u3002", ".")
        rest = _SCHEME.sub(lambda one: one[0].lower(), seen)
        found = {link: _plain(link) for link in _links(rest)}
        self.links = frozenset(found.values()) - {""}
        for link in sorted(found, key=len, reverse=True):
            rest = rest.replace(link, " ")
        phones = {re.sub(r"[^\d+]", "", one) for one in _PHONE.findall(rest)}
        self.numbers = frozenset(phones | set(_NUMBER.findall(_PHONE.sub(" ", rest))))


def _as_letter(found: re.Match[str]) -> str:
    """One letter for a placeholder, the same for the same placeholder; nothing for a comment."""
    tag = "".join(found[0].split())
    if tag.startswith("{{"):
        return chr(_FIRST_TAG + zlib.crc32(tag.encode(errors="replace")) % _TAGS)
    return "" if tag.startswith("{#") else " "


def _shown(link: str, text: str) -> str:
    """A link of a text to show, with its placeholders, and dots for what is too long."""
    tags = {_as_letter(found): found[0] for found in _TAG.finditer(text) if found[0].startswith("{{")}
    text = "".join(tags.get(char, char) for char in link)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _links(text: str) -> Iterator[str]:
    for found in _LINK.finditer(text):
        ending = found["domain"]  # "tea.Reply" is no domain, but a space that is missing
        if ending is None or ending.islower() or ending.isupper() or ord(ending[0]) >= _FIRST_TAG:
            yield found[0]


def _plain(link: str) -> str:
    """A link to compare: its host in small letters, without punctuation after it."""
    link = link.rstrip(".,;:!?)'\"")
    return _HOST.sub(lambda host: host[0].lower(), link, count=1)


def _hidden(text: str) -> Iterator[str]:
    for char in text:
        if char in _BIDIRECTIONAL or (
            unicodedata.category(char) in ("Cc", "Cs", "Cn", "Co") and char not in "\n\t"
        ):
            yield char


def _does(text: str) -> set[str]:
    """What the placeholders of a text do beside naming columns, with filters."""
    tree = _tree(text)
    found = [] if tree is None else [one for one in tree.find_all(nodes.Node) if _is_work(one)]
    return {_WORDS.get(type(one), "a calculation") for one in found}


def _is_work(node: nodes.Node) -> bool:
    return isinstance(node, (nodes.Stmt, nodes.Expr)) and not isinstance(node, _ALWAYS)


def _values(text: str, *, all: bool = False) -> set[str]:
    """The values that are written in placeholders; without ``all`` not words that stand for a missing value."""
    tree = _tree(text)
    if tree is None:
        return set()
    found = {str(one.value) for one in tree.find_all(nodes.Const)}
    if all:
        return found
    stand_ins = {
        str(value.value)
        for one in tree.find_all(nodes.Filter)
        if one.name in ("default", "d")
        for value in one.args
        if isinstance(value, nodes.Const)
    }
    return {one for one in found if one not in stand_ins or not one.replace(" ", "").isalpha()}


def _tree(text: str) -> nodes.Template | None:
    """A template's tree; None if it is none, which the check of the campaign tells."""
    try:
        return Environment().parse(text)
    except (TemplateSyntaxError, RecursionError, ValueError):
        return None
