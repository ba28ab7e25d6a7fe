"""Requests as JSON; and answers decoded, whatever character set they declare and use."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

from pydantic_core import from_json, to_json

from a2pcli.gateways.base import HttpResponse

_DECLARED = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9._:\-]{1,40})", re.IGNORECASE | re.ASCII)
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, which begins the same way
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Python codecs that are not character sets, or are very slow.
_NOT_A_CHARSET = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"})


def json_bytes(data: Any) -> bytes:
    """Data as compact JSON in UTF-8. Raises ``ValueError`` for what cannot be written."""
    return to_json(data, inf_nan_mode="constants")


def json_of(response: HttpResponse) -> Any:
    """Return the answer's JSON; None if it is not JSON."""
    body = response.body
    if body[:1] in (b"{", b"[") and b"\0" not in body[:16]:  # the usual case: UTF-8 without a byte order mark
        try:  # ten times as fast as the standard library, which also takes lone surrogates and deep nesting
            return from_json(body, cache_strings="keys")
        except ValueError:
            pass
    for text in _readings(response):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            continue
    return None


def text_of(response: HttpResponse, most: int) -> str:
    """Return the first ``most`` bytes of the answer as text."""
    return next(iter(_readings(response, most)))


def _readings(response: HttpResponse, most: int | None = None) -> list[str]:
    """Return the possible readings of the body, most likely first.

    A byte order mark decides; valid UTF-8 is UTF-8, whatever the header says (RFC 8259 allows nothing else for JSON);
    then the header; then ISO-8859-1, which accepts all bytes. Two-byte sets without a mark would pass for UTF-8 full
    of NULs, so for them the header or the NULs come first.
    """
    body = response.body if most is None else response.body[:most]
    names: list[str] = [name for mark, name in _MARKS if body.startswith(mark)][:1]
    declared = _declared(response)
    if declared is not None and declared.startswith(("utf-16", "utf-32")):
        names.append(declared)
    if b"\0" in body[:16]:
        names += [json.detect_encoding(body)]
    names += ["utf-8", *([declared] if declared else [])]
    texts = []
    for name in dict.fromkeys(names):
        try:
            texts.append(_decoded(body, name, is_cut=len(body) < len(response.body)))
        except (UnicodeError, LookupError, ValueError):
            continue
    return [*texts, body.decode("latin-1")]


def _decoded(body: bytes, name: str, *, is_cut: bool) -> str:
    """Decode the bytes; if they were cut off, ignore an incomplete last character."""
    return codecs.getincrementaldecoder(name)().decode(body, final=not is_cut)


def _declared(response: HttpResponse) -> str | None:
    """Return the character set that the header names, if it exists."""
    found = _DECLARED.search(response.headers.get("content-type", ""))
    if found is None:
        return None
    try:
        codec = codecs.lookup(found[1])
        b"".decode(codec.name)  # refuses codecs that are not text: hex, zip
    except (LookupError, ValueError):
        return None
    return None if codec.name.replace("-", "_") in _NOT_A_CHARSET else codec.name
