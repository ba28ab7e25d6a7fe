"""A message as the bytes of an email (RFC 5322, MIME), with its envelope.

Headers and parts are put together here from the standard library's encoders: ``EmailMessage`` with ``policy.SMTP``
takes 2.1 ms for 17 kB of HTML, this 0.2 ms (measured). Whatever stands in a value, a header is one line: values with
line ends are refused.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from email.header import Header
from email.mime.base import MIMEBase
from email.utils import formatdate, quote
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from time import time
from typing import Any

from a2pcli.config.values import split_sender
from a2pcli.dataclass import dataclass
from a2pcli.messages import Message
from a2pcli.regular import read_regular

LONGEST_LINE = 990
"""Maximum length of a line in octets; SMTP allows 998."""

_ONE_WORD = 36
"""Octets that fit, as Base64, into one encoded word on a line of 76 after a short name."""

_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NAME = re.compile(r"[!-9;-~]+")
_ADDRESS = re.compile(r"[^\s<>@\x00-\x1f\x7f]+@[^\s<>@\x00-\x1f\x7f]+")


class Unmailable(Exception):
    """The message cannot be an email: a code and a sentence. ``is_changed``: an attachment differs from the plan's."""

    def __init__(self, code: str, detail: str, *, permanent: bool = False, is_changed: bool = False) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.permanent = permanent
        self.is_changed = is_changed


@dataclass(frozen=True, slots=True)
class Email:
    """A message ready for SMTP. ``data`` has CRLF line ends; leading dots are not doubled yet."""

    sender: str
    to: str
    data: bytes
    is_8bit: bool
    is_utf8: bool

    @property
    def size(self) -> int:
        """Return the size in octets, as in ``SIZE``."""
        return len(self.data)


@dataclass(frozen=True, slots=True)
class Defaults:
    """Defaults from the gateway's settings: sender (with display name), bounce address, subject."""

    sender: str | None = None
    return_path: str | None = None
    subject: str | None = None


def message_id(message: Message, sender: str) -> str:
    """Return the Message-ID: our reference at the sender's domain, so that a duplicate can be recognised."""
    return f"<{message.reference}@{sender.rpartition('@')[2]}>"


def email_of(message: Message, defaults: Defaults, *, eight_bit: bool = False) -> Email:
    """Return the email of a message. ``eight_bit``: the server takes octets above 127 in bodies (8BITMIME).

    Raises ``Unmailable`` if it cannot be one.
    """
    content: Mapping[str, Any] = message.content or {}
    name, sender = _sender(message, defaults, content)
    if not _ADDRESS.fullmatch(message.to):
        raise Unmailable("no-address", "not an email address", permanent=True)
    subject = content.get("subject") or defaults.subject
    if not subject:
        raise Unmailable("no-subject", "the message has no subject: the campaign has no email: block")
    try:
        head = "".join(_headers(message, content, name, sender, subject))
        body, is_8bit = _body(message, content, eight_bit)
        is_utf8 = not message.to.isascii() or not sender.isascii()
        data = head.encode("utf-8" if is_utf8 else "ascii") + body
    except UnicodeEncodeError:
        raise Unmailable("not-utf-8", "the message contains characters that cannot be encoded") from None
    return Email(defaults.return_path or sender, message.to, data, is_8bit, is_utf8)


def _sender(message: Message, defaults: Defaults, content: Mapping[str, Any]) -> tuple[str, str]:
    """Return the display name and address of the sender."""
    name, sender = split_sender(message.sender or defaults.sender or "")
    own = split_sender(defaults.sender or "")
    name = content.get("from_name") or name or (own[0] if own[1].lower() == sender.lower() else "")
    if not _ADDRESS.fullmatch(sender):
        raise Unmailable("no-sender", "the message has no sender: set sender: in the campaign or the gateway")
    return name, sender


def _headers(
    message: Message, content: Mapping[str, Any], name: str, sender: str, subject: str
) -> Iterator[str]:
    yield header("From", f"{_display(name)}<{sender}>" if name else sender)
    yield header("To", message.to)
    yield header("Subject", subject)
    yield f"Date: {_date(int(time()))}\r\n"
    yield header("Message-ID", message_id(message, sender))
    if reply_to := content.get("reply_to"):
        yield header("Reply-To", reply_to)
    for own, value in unsubscribe_headers(content).items():
        yield header(own, value)
    for own, value in (content.get("headers") or {}).items():
        yield header(own, value)
    yield "MIME-Version: 1.0\r\n"


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


def unsubscribe_headers(content: Mapping[str, Any]) -> dict[str, str]:
    """Return ``List-Unsubscribe`` (RFC 2369) and, for an https URL, the one-click header (RFC 8058)."""
    leaving = content.get("unsubscribe") or {}
    ways = [f"<{leaving['url']}>"] if leaving.get("url") else []
    ways += [f"<mailto:{leaving['mailto']}>"] if leaving.get("mailto") else []
    found = {"List-Unsubscribe": ", ".join(ways)} if ways else {}
    if leaving.get("url") and leaving.get("one_click"):
        found["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return found


def _display(name: str) -> str:
    """Return a display name as it precedes ``<address>``: quoted, or encoded if it is not ASCII."""
    if name.isascii():
        return f'"{quote(name)}" '
    return Header(name, "utf-8").encode(maxlinelen=0) + " "


def header(name: str, value: str) -> str:
    """Return one header field with its line end. Raises ``Unmailable`` for a value of more than one line."""
    if _FORBIDDEN.search(value) or not _NAME.fullmatch(name):
        raise Unmailable("header", "a header of the message contains a line end or a control character")
    if name in ("To", "From", "Reply-To", "Message-ID"):  # addresses: not ASCII only with SMTPUTF8
        return f"{name}: {value}\r\n"
    if value.isascii() and len(name) + len(value) < LONGEST_LINE:
        return f"{name}: {value}\r\n"
    octets = value.encode()
    if not value.isascii() and len(octets) <= _ONE_WORD and len(name) <= 12:
        # One encoded word (RFC 2047): ``Header`` takes 0.1 ms to come to much the same.
        return f"{name}: =?utf-8?b?{base64.b64encode(octets).decode()}?=\r\n"
    encoded = Header(value, "utf-8", header_name=name, maxlinelen=76).encode(linesep="\r\n")
    return f"{name}: {encoded}\r\n"


def _body(message: Message, content: Mapping[str, Any], eight_bit: bool) -> tuple[bytes, bool]:
    """Return the body with the headers of its MIME parts, and whether it has octets above 127."""
    parts = [_part(message.body, "plain", eight_bit)]
    if html := content.get("html"):
        parts.append(_part(html, "html", eight_bit))
    mark = sha256(message.reference.encode("utf-8", "replace")).hexdigest()[:24]
    body = parts[0] if len(parts) == 1 else _multipart("alternative", f"=_a{mark}", parts)
    if attachments := content.get("attachments"):
        body = _multipart("mixed", f"=_m{mark}", [body, *map(attachment, attachments)])
    return body, eight_bit and not body.isascii()


def _part(text: str, subtype: str, eight_bit: bool) -> bytes:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    data = text.replace("\n", "\r\n").encode()
    short = _has_short_lines(data)
    if data.isascii() and short:
        how, encoded = "7bit", data
    elif eight_bit and short:
        how, encoded = "8bit", data
    else:
        how, encoded = "base64", base64.encodebytes(data).replace(b"\n", b"\r\n")
    charset = "us-ascii" if how == "7bit" else "utf-8"
    head = f"Content-Type: text/{subtype}; charset={charset}\r\nContent-Transfer-Encoding: {how}\r\n\r\n"
    return head.encode("ascii") + encoded + b"\r\n"


def _has_short_lines(data: bytes) -> bool:
    """Whether each line may be sent as it is. Lines end with CRLF."""
    start = 0
    while len(data) - start > LONGEST_LINE:
        end = data.rfind(b"\n", start, start + LONGEST_LINE + 2)
        if end < 0:
            return False
        start = end + 1
    return True


def _multipart(subtype: str, boundary: str, parts: list[bytes]) -> bytes:
    line = f"--{boundary}".encode("ascii")
    head = f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n\r\n'.encode("ascii")
    return head + b"".join(line + b"\r\n" + part + b"\r\n" for part in parts) + line + b"--\r\n"


_KEPT: dict[tuple[str, str], bytes] = {}
"""Encoded attachments by path and digest: all messages of a run have the same ones."""
_MOST_KEPT = 60_000_000


def attachment(one: Mapping[str, Any]) -> bytes:
    """Return a file as a MIME part. Raises ``Unmailable`` if it differs from the plan's."""
    key = (str(one["file"]), str(one["sha256"]))
    if key not in _KEPT:
        made = _attachment(one)
        while _KEPT and sum(map(len, _KEPT.values())) + len(made) > _MOST_KEPT:
            del _KEPT[next(iter(_KEPT))]
        _KEPT[key] = made
    return _KEPT[key]


def checked_attachment(one: Mapping[str, Any]) -> bytes:
    """Return the bytes of an attachment. Raises ``Unmailable`` if they differ from the plan's."""
    name = str(one["name"])
    try:
        data = read_regular(Path(one["file"]), int(one["size"]) + 1)
    except (OSError, ValueError):
        raise Unmailable("attachment", f"the attachment '{name}' cannot be read", is_changed=True) from None
    if sha256(data).hexdigest() != one["sha256"]:
        raise Unmailable("attachment", f"the attachment '{name}' was changed after the plan", is_changed=True)
    return data


def _attachment(one: Mapping[str, Any]) -> bytes:
    name, data = str(one["name"]), checked_attachment(one)
    main, _, sub = str(one["type"]).partition("/")
    part = MIMEBase(main, sub or "octet-stream")
    part.add_header("Content-Disposition", "attachment", filename=name)
    part.add_header("Content-Transfer-Encoding", "base64")
    head = part.as_bytes().partition(b"\n\n")[0].replace(b"MIME-Version: 1.0\n", b"").replace(b"\n", b"\r\n")
    return head + b"\r\n\r\n" + base64.encodebytes(data).replace(b"\n", b"\r\n")
