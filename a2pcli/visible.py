"""Characters that must not reach a person's screen as they are, and what stands there instead.

Terminals obey control characters; marks of direction make a text look like another; what has no shape hides in
names. All of that comes in contact files, campaigns and providers' answers. The set is complete by Unicode category:
controls (Cc), formats that are not seen (Cf), line and paragraph separators (Zl, Zp), halves of pairs (Cs), private use
(Co) and noncharacters. What stays: line ends and tabs, signs of scripts that are seen though their category is Cf, and
the joiners within emoji and within words of scripts that are written with them.
"""

from __future__ import annotations

import re
from functools import cache

_CONTROLS = "\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f"
_HIDDEN = (
    "\\xad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff0-\\ufffb"
    "\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a\\U000e0000-\\U000e00ff\\U000e01f0-\\U000e0fff"
)
_NO_TEXT = "\\ud800-\\udfff\\ue000-\\uf8ff\\ufdd0-\\ufdef\\ufffe\\uffff\\U000f0000-\\U0010ffff" + "".join(
    f"\\U{plane:04x}fffe\\U{plane:04x}ffff" for plane in range(1, 0xF)
)


@cache
def unseen() -> re.Pattern[str]:
    """One character that must not be shown as it is. Compiled when it is first needed, which takes milliseconds."""
    return re.compile(f"[{_CONTROLS}{_HIDDEN}{_NO_TEXT}]")


@cache
def control() -> re.Pattern[str]:
    """One that a program acts on: a terminal, or a reader of lines."""
    return re.compile(f"[{_CONTROLS}\\u2028\\u2029]")


_JOINERS = "\u200c\u200d"
_FLAG = "\U0001f3f4[\U000e0020-\U000e007e]{1,8}\U000e007f"
"""A flag of a part of a country (Scotland), which is written with tags that are seen nowhere else."""


def shown(text: str) -> str:
    """The text as a person may see it: each of those characters as a sign, so that it is seen that it was there."""
    if _is_plain(text):
        return text
    flags = _flags(text)
    return unseen().sub(lambda found: _sign(found, flags), text)


def escaped(text: str) -> str:
    """The same with each of those characters as its code: ``\\x1b``, ``\\u202e``."""
    flags = _flags(text)
    return unseen().sub(lambda found: _code(found[0]) if _sign(found, flags) != found[0] else found[0], text)


def json_text(text: str) -> str:
    """A JSON document without those characters: as escapes, by which the data stays what it is."""
    return text if _is_plain(text) else unseen().sub(_escape, text)


def without_controls(text: str) -> str:
    """A cell of CSV, which knows no escapes: signs for what programs act on. Line ends and the rest stay."""
    return control().sub(lambda found: found[0] if found[0] == "\r" else _plain_sign(found[0]), text)


def _is_plain(text: str) -> bool:
    """Whether there is surely nothing to do; quick, and true of nearly everything."""
    return text.isprintable() or text.replace("\n", "").replace("\t", "").isprintable()


def _flags(text: str) -> set[int]:
    """The places of characters that belong to flags."""
    return {at for found in re.finditer(_FLAG, text) for at in range(*found.span())}


def _sign(found: re.Match[str], flags: set[int]) -> str:
    character, at = found[0], found.start()
    if at in flags or (character in _JOINERS and _joins(found.string, at)):
        return character
    return _plain_sign(character)


def _plain_sign(character: str) -> str:
    """``␛`` for ESC, as Unicode has signs for the oldest; ``�`` for the others."""
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"


def _joins(text: str, at: int) -> bool:
    """Whether a joiner stands between two characters that are joined: emoji, or letters without upper case."""
    if at == 0 or at + 1 == len(text):
        return False
    from unicodedata import category

    before, after = category(text[at - 1]), category(text[at + 1])
    return before in ("Lo", "Mn", "Mc", "So", "Sk") and after in ("Lo", "So", "Mn", "Mc")


def _code(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
