"""URLs in messages: what a person opens with a tap, or a gateway fetches, must be a web address and nothing else."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from a2pcli.content.unfit import Unfit

LONGEST = 2_000
_UNWANTED = re.compile(r"[\x00-\x20\x7f\"'<>\\^`{|}]")
_ASCII = "".join(map(chr, range(0x21, 0x7F)))


def web_address(text: str, what: str) -> str:
    """The URL, its letters beyond ASCII percent-encoded. ``what`` is what a reason calls it: ``telegram.photo``.

    Only ``https://`` and ``http://``, with a host and no user: whatever a cell holds, it opens nothing else. Raises
    ``Unfit``.
    """
    typed = text.strip()
    try:
        parts = urlsplit(typed)
        port_is_right = parts.port != 0
    except ValueError:
        raise Unfit(f"'{what}' is not a URL") from None
    if parts.scheme not in ("https", "http"):
        raise Unfit(f"'{what}' is not a URL that starts with https:// or http://")
    if not port_is_right or _UNWANTED.search(typed) or not (parts.hostname and parts.netloc.isascii()):
        raise Unfit(f"'{what}' is not a URL")
    if "@" in parts.netloc:
        raise Unfit(f"'{what}' is a URL with a user name")
    if len(typed) > LONGEST:
        raise Unfit(f"'{what}' is longer than {LONGEST:,} characters")
    return quote(typed, safe=_ASCII)
