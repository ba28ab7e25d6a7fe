"""MMS: the content of a message, of the rendered ``mms:`` block; and what files phones and carriers take.

Types: the 3GPP MMS profile (TS 26.140) and what the gateways document. Sizes: gateways take 5 MB in all; carriers of
the US deliver 600 kB to any phone, and more only to some.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from mimetypes import guess_type
from typing import Any
from urllib.parse import urlsplit

from a2pcli.content.fitness import Unfit, web_address, within
from a2pcli.message_content import size_text
from a2pcli.reasons import Reason

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
        content["subject"] = within(" ".join(subject.split()), LONGEST_SUBJECT, "'mms.subject'")
    media = [_file(one) for one in block.get("media") or () if one["url"]]
    if len(media) > MOST_FILES:
        raise Unfit(f"'mms.media' has more than {MOST_FILES} files")
    if media:
        total = sum(one.get("size") or 0 for one in media)
        if total > MOST_BYTES:
            limit = size_text(MOST_BYTES)
            raise Unfit(
                f"the files of 'mms.media' have {size_text(total)}; an MMS has at most {limit}",
                Reason.TOO_LONG,
            )
        content["media"] = media
    return content or None, None


def doubtful_files(files: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str | None, str, str]]:
    """What is worth a look of one message's files: the URL (None for all of them), a sentence, and what to do."""
    for one in files:
        type = one.get("type")
        if type is None:
            yield (
                one["url"],
                "the end of the URL does not tell what kind of file it is",
                "add its type: image/jpeg",
            )
        elif type not in TYPES:
            yield one["url"], f"phones do not show {type} in an MMS", "use a picture (JPEG, PNG, GIF)"
    total = sum(one.get("size") or 0 for one in files)
    if total > SURE_BYTES:
        words = f"the files have {size_text(total)}: many carriers and phones take no more than {size_text(SURE_BYTES)}"
        yield None, words, "make them smaller"


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
