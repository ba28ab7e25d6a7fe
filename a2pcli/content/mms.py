"""MMS: the content of a message, of the rendered ``mms:`` block; and what files phones and carriers take.

Types: the 3GPP MMS profile (TS 26.140) and what the gateways document. Sizes: gateways take 5 MB in all; carriers of
the US deliver 600 kB to any phone, and more only to some.
"""

from __future__ import annotations

from collections.abc import Mapping
from mimetypes import guess_type
from typing import Any
from urllib.parse import urlsplit

from a2pcli.content.lengths import within
from a2pcli.content.links import web_address
from a2pcli.content.unfit import Unfit

MOST_FILES = 10
LONGEST_SUBJECT = 40
"""Characters (OMA MMS Conformance Document)."""
MOST_BYTES = 5_000_000
SURE_BYTES = 600_000
_KINDS = {
    "image": "jpeg jpg png gif webp bmp heic",
    "audio": "mpeg mp3 mp4 ogg amr 3gpp wav x-wav aac",
    "video": "mp4 3gpp 3gpp2 mpeg quicktime h264 webm",
    "text": "plain vcard x-vcard calendar",
    "application": "pdf smil",
}
TYPES = frozenset(f"{kind}/{one}" for kind, names in _KINDS.items() for one in names.split())


def type_of(url: str) -> str | None:
    """The media type by the end of the URL's path; None where it has none that is known."""
    return guess_type(urlsplit(url).path)[0]


def made(
    block: Mapping[str, Any], body: str, given: Mapping[str, Any]
) -> tuple[Mapping[str, Any] | None, None]:
    """``{subject?, media?: [{url, type?, size?}]}``. A file whose URL came out empty is not there."""
    content: dict[str, Any] = {}
    if subject := block.get("subject"):
        content["subject"] = within(" ".join(subject.split()), LONGEST_SUBJECT, "the subject of an MMS")
    media = [_file(one) for one in block.get("media") or () if one["url"]]
    if len(media) > MOST_FILES:
        raise Unfit(f"'mms.media' has more than {MOST_FILES} files")
    if media:
        content["media"] = media
    return content or None, None


def _file(one: Mapping[str, Any]) -> dict[str, Any]:
    url = web_address(one["url"], "mms.media")
    type = one.get("type") or type_of(url)
    if type is not None and type not in TYPES:
        raise Unfit(f"phones do not show {type} in an MMS")
    found: dict[str, Any] = {"url": url}
    if type is not None:
        found["type"] = type
    if one.get("size") is not None:
        found["size"] = one["size"]
    return found
