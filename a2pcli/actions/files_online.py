"""Requests the pictures and files of messages: whether they exist, their type and their size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from a2pcli.content.mms import MOST_BYTES, SURE_BYTES, TYPES
from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem
from a2pcli.message_content import size_text

if TYPE_CHECKING:
    import httpx

MOST = 20
"""Files that are asked for."""
TIMEOUT = 10.0
LARGEST = {"telegram": 5_000_000, "messenger": 8_000_000, "viber": 1_000_000, "mms": MOST_BYTES}
"""Bytes that a channel takes of one picture or file by URL."""
_NO_HEAD = (405, 501)
_WORDS = {"mms": "an MMS", "rcs": "RCS", "whatsapp": "WhatsApp"}


@dataclass(frozen=True, slots=True)
class _Found:
    """What a server said of one file: sentences about what is wrong with it, and its size, if it was said."""

    wrong: tuple[str, ...]
    size: int | None = None


def unreachable(
    files: Mapping[tuple[str, str], Problem], together: Mapping[tuple[str, ...], Problem] | None = None
) -> list[Problem]:
    """A warning for each of the first files (by channel and URL) that cannot be fetched, or is none that the channel
    takes. Each is asked for with HEAD, without a body; redirects are followed, as gateways do. ``together`` has the
    files of one MMS, whose sizes are added up."""
    import httpx

    some = dict(list(files.items())[:MOST])
    if not some:
        return []
    with (
        httpx.Client(follow_redirects=True, timeout=TIMEOUT, max_redirects=5) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        found = dict(zip(some, pool.map(partial(_asked, client), some), strict=True))
    problems = [
        replace(some[file], message=message, hint=file[1], code="media-online")
        for file, one in found.items()
        for message in one.wrong
    ]
    return problems + list(_sums(found, together or {}))


def _sums(
    found: Mapping[tuple[str, str], _Found], together: Mapping[tuple[str, ...], Problem]
) -> Iterator[Problem]:
    """A warning for the first message whose files are too large in all, though none of them is so by itself."""
    for urls, at in together.items():
        all_of_it = [found.get(("mms", url), _Found(())).size for url in urls]
        sizes = [size or 0 for size in all_of_it]
        if max(sizes) <= SURE_BYTES < sum(sizes):
            what = f"the files of one message have {size_text(sum(sizes))}"
            limit = f"many carriers take no more than {size_text(SURE_BYTES)}"
            if sum(sizes) > MOST_BYTES:
                limit = f"an MMS takes at most {size_text(MOST_BYTES)}"
            yield replace(at, message=f"{what}: {limit}", hint=urls[0], code="media-online")
            return


def _asked(client: httpx.Client, file: tuple[str, str]) -> _Found:
    import httpx

    channel, url = file
    try:
        answer = client.head(url)
        if answer.status_code in _NO_HEAD:
            with client.stream("GET", url) as answer:
                return _judged(answer, channel)
        return _judged(answer, channel)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return _Found((f"the file cannot be fetched: {_why(error)}",))


def _why(error: Exception) -> str:
    """The error in words."""
    import httpx

    if isinstance(error, httpx.TimeoutException):
        return f"the server does not answer within {TIMEOUT:.0f} seconds"
    if isinstance(error, httpx.TooManyRedirects):
        return "the server redirects again and again"
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return "this is not a URL of a file on the web"
    if isinstance(error, httpx.ConnectError):
        return "there is no connection to the server, or its certificate is not valid"
    return "the connection broke, or the answer is not HTTP"


def _shows(channel: str, kind: str) -> bool:
    """Whether the channel shows files of this type; RCS has videos in cards, too."""
    if channel == "mms":
        return kind in TYPES
    return kind.startswith(("image/", "video/") if channel == "rcs" else "image/")


def _judged(answer: httpx.Response, channel: str) -> _Found:
    if answer.status_code != 200:
        return _Found((f"the file cannot be fetched: the server answers {answer.status_code}",))
    wrong = []
    by = _WORDS.get(channel, channel.capitalize())
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not _shows(channel, kind):
        wrong.append(f"the server calls the file {kind or 'nothing'}, which {by} does not show")
    length = answer.headers.get("content-length", "")
    size = int(length) if length.isdigit() else None
    if size is not None and channel in LARGEST:
        if size > (most := LARGEST[channel]):
            wrong.append(f"the file has {size_text(size)}; {by} takes at most {size_text(most)}")
        elif channel == "mms" and size > SURE_BYTES:
            wrong.append(
                f"the file has {size_text(size)}: many carriers take no more than {size_text(SURE_BYTES)}"
            )
    return _Found(tuple(wrong), size)
