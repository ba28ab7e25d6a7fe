"""Email addresses: from a cell as people fill it in to one address, or the reason why there is none.

The library ``email-validator`` judges (RFC 5321, 5322, 6531, 5891), without asking DNS. What is around an address is
undone here first, and only where no doubt is left whose address it is: in ``John smith@example.com`` the words may be
one address with a space in it, so the cell is refused.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from a2pcli.addresses.kinds import Address, Kind
from a2pcli.addresses.totals import TOTAL, is_total
from a2pcli.reasons import Reason

LONGEST_CELL = 1_000
"""Characters. An address has at most 254 (RFC 5321 section 4.5.3.1.3 with RFC 3696 erratum 1690)."""
LONGEST = 254
LONGEST_LOCAL = 64
"""Octets before the @ (RFC 5321 section 4.5.3.1.1)."""

PLAIN_LOCAL = r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*"
"""What before an @ is right for sure; RE2 reads it too."""
PLAIN_DOMAIN = r"[A-Za-z0-9.-]+"

_PLAIN = re.compile(f"({PLAIN_LOCAL})@({PLAIN_DOMAIN})", re.ASCII)
_USUAL_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", re.ASCII)
_SPECIAL = ("arpa", "invalid", "local", "localhost", "onion", "test")
_FORMULA = re.compile(r"=\s*(?:HYPERLINK\()?\"(?:mailto:)?([^\"]*)\"(?:\s*[,;].*)?\)?\Z", re.IGNORECASE)
_SCHEME = re.compile(r"(?:mailto|e-?mail|smtp)\s*:\s*", re.IGNORECASE)
_NAMED = re.compile(r"(?P<name>[^<>]*)<\s*(?P<address>[^<>\s]+)\s*>")
_SEPARATORS = re.compile(r"[\s,;|]+")
_AT_WRITTEN = re.compile(r"[\[({]\s*at\s*[\])}]|\s(?:at|arroba|chez)\s", re.IGNORECASE)
_CELL_ERROR = re.compile(r"#+\Z|#(?:N/A|REF!|VALUE!|NUM!|NAME\?|DIV/0!|NULL!)\Z", re.IGNORECASE)
_QUOTES = "'\"`´‘’‚‛“”„«»"
_NOTHING_AROUND = " \t\r\n,;:|" + _QUOTES
_FULL_STOPS = dict.fromkeys(map(ord, "\u3002\uff61"), ".")


def read_email(cell: str, *, allow_test: bool = False) -> Address:
    """Judge one cell. Never raises, whatever the cell holds.

    ``allow_test`` accepts domains under ``.test``, which RFC 6761 keeps for tests: they reach nobody.

    >>> read_email("Anna <Anna@Example.com>").address
    'anna@example.com'
    """
    plain = _PLAIN.fullmatch(cell)
    if plain and cell[-1] != ".":
        return _judged(plain[1], plain[2], allow_test, ())
    if len(cell) > LONGEST_CELL:
        return _refused("the cell is too long for an email address")
    text = _visible(cell).strip(" \t\r\n,;:|")
    if not text:
        return Address(Kind.EMAIL, None, Reason.MISSING_ADDRESS)
    if _CELL_ERROR.match(text):
        return _refused("a spreadsheet error, not an address")
    text, repairs = _unwrapped(text)
    found = _alone(text)
    if isinstance(found, Address):
        return found
    address, more = found
    local, _, domain = address.rpartition("@")
    return _judged(local, domain, allow_test, (*repairs, *more))


def _refused(detail: str, reason: Reason = Reason.INVALID_ADDRESS) -> Address:
    return Address(Kind.EMAIL, None, reason, detail)


def _visible(cell: str) -> str:
    """Without what nobody sees; full-width signs as ASCII, spaces of any kind as spaces."""
    if cell.isascii() and cell.isprintable():
        return cell
    return "".join(map(_plain_character, cell.translate(_FULL_STOPS)))


def _plain_character(character: str) -> str:
    if "\uff01" <= character <= "\uff5e":
        return chr(ord(character) - 0xFEE0)
    category = unicodedata.category(character)
    if character in "\t\r\n\x0b\x0c\x85" or category in ("Zs", "Zl", "Zp"):
        return " "
    return "" if category in ("Cf", "Cc") else character


def _unwrapped(text: str) -> tuple[str, tuple[str, ...]]:
    """Without the formula, quotation marks and URI scheme around it, and the names of the repairs."""
    repairs: list[str] = []
    formula = _FORMULA.match(text)
    if formula:
        text = formula[1].strip()
        repairs.append("formula-unwrapped")
    bare = text.strip(_NOTHING_AROUND)
    if len(bare) < len(text) and "<" not in text:
        text = bare
        repairs.append("quotes-dropped")
    scheme = _SCHEME.match(text)
    if scheme:
        # RFC 6068: percent-encoded, and what follows a ? is not the address.
        text = unquote(text[scheme.end() :].partition("?")[0]).strip()
        repairs.append("scheme-dropped")
    return text, tuple(repairs)


def _alone(text: str) -> tuple[str, tuple[str, ...]] | Address:
    """The one address in a text with what was dropped beside it, or why there is not exactly one."""
    named = _NAMED.fullmatch(text.strip(" ,;"))
    if named:
        address = named["address"].strip(_NOTHING_AROUND)
        beside = [word for word in _words(named["name"]) if word.casefold() != address.casefold()]
        if any("@" in word for word in beside):
            return _refused("the name beside the address is another address", Reason.AMBIGUOUS_ADDRESS)
        return _without_full_stop(_SCHEME.sub("", address), ("display-name-dropped",))
    if "@" not in text:
        if is_total("".join(filter(str.isalpha, text))):
            return _refused(TOTAL)
        written = _AT_WRITTEN.search(text)
        return _refused("the @ is written as a word: write @" if written else "no @ in it")
    if '"@' in text:
        return _refused("quotation marks before the @ are not supported")
    words = _words(text.replace("/", " ") if text.count("@") > 1 else text)
    if len(words) < 2:
        return _without_full_stop(text.strip(_NOTHING_AROUND + "<>"), ())
    addresses = {_compared(word) for word in words if "@" in word.strip("@")}
    if len(addresses) > 1:
        return _refused(f"{len(addresses)} addresses", Reason.AMBIGUOUS_ADDRESS)
    if any("@" not in word.strip("@") for word in words):
        return _refused("more than an address: write only the address, or Name <address>")
    return _without_full_stop(words[0], ("repeated-dropped",))


def _compared(word: str) -> str:
    """One address of several in a cell, as it is compared with the others."""
    local, _, domain = word.rstrip(".").rpartition("@")
    return f"{folded(local)}@{domain_name(domain, True)[0] or domain.lower()}"


def _words(text: str) -> list[str]:
    stripped = (word.strip(_NOTHING_AROUND + "<>") for word in _SEPARATORS.split(text))
    return [word for word in stripped if word]


def _without_full_stop(address: str, repairs: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The end of a sentence, or of a name in DNS, is no part of an address."""
    if address.endswith(".") and not address.endswith(".."):
        return address[:-1], (*repairs, "full-stop-dropped")
    return address, repairs


def _judged(local: str, domain: str, allow_test: bool, repairs: tuple[str, ...]) -> Address:
    """The address of these two parts, or why it is none."""
    wrong = None if _PLAIN.fullmatch(f"{local}@x") and len(local) <= LONGEST_LOCAL else _local_wrong(local)
    if wrong is not None:
        return _refused(wrong)
    name, wrong = domain_name(domain, allow_test)
    if name is None:
        return _refused(wrong)
    written = unicodedata.normalize("NFC", local)
    spelling = f"{written}@{name}"
    address = f"{folded(written)}@{name}"
    if max(len(one.encode("utf-8", "replace")) for one in (spelling, address, f"{local}@{domain}")) > LONGEST:
        return _refused(TOO_LONG)
    return Address(
        Kind.EMAIL,
        address,
        spelling=None if spelling == address else spelling,
        repairs=tuple(dict.fromkeys(repairs)),
    )


TOO_LONG = f"longer than {LONGEST} bytes"


def folded(local: str) -> str:
    """The part before the @ as it is compared: in lower case. No provider tells ``Anna`` from ``anna``, though RFC 5321
    lets them; who said no as the one must not be messaged as the other."""
    return unicodedata.normalize("NFC", local.lower())


@lru_cache(maxsize=1 << 16)
def domain_name(domain: str, allow_test: bool) -> tuple[str | None, str]:
    """A domain as DNS writes it, in lower case and ASCII; None and why where it is none that can have mailboxes."""
    lower = domain.lower()
    usual = len(lower) < 200 and "--" not in lower and _USUAL_DOMAIN.fullmatch(lower)
    if usual and lower.rpartition(".")[2] not in _SPECIAL:
        return lower, ""
    found = _library(f"a@{domain}", allow_test)
    return (None, found) if isinstance(found, str) else (found.ascii_domain.lower(), "")


def domain_as_read(domain: str) -> str:
    """A domain as people write and read it: ``münchen.de`` for ``xn--mnchen-3ya.de``."""
    found = _library(f"a@{domain}", True) if "xn--" in domain else domain
    return domain if isinstance(found, str) else str(found.domain)


@lru_cache(maxsize=1 << 12)
def _local_wrong(local: str) -> str | None:
    found = _library(f"{local}@example.com", False)
    return found if isinstance(found, str) else None


def _library(address: str, allow_test: bool) -> Any:
    """What ``email-validator`` makes of an address; a sentence where it refuses it."""
    from email_validator import EmailNotValidError, validate_email

    try:
        return validate_email(address, check_deliverability=False, strict=True, test_environment=allow_test)
    except EmailNotValidError as error:
        said = str(error).rstrip(".")
        return said[:1].lower() + said[1:]
