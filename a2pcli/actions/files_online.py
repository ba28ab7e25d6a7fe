"""Requests the pictures and files of messages: whether they exist, their type and their size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from a2pcli.content.mms import MOST_BYTES, SURE_BYTES, TYPES
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


def unreachable(files: Mapping[tuple[str, str], Problem]) -> list[Problem]:
    """A warning for each of the first files (by channel and URL) that cannot be fetched, or is none that the channel
    takes. Each is asked for with HEAD, without a body; redirects are followed, as gateways do."""
    import httpx

    some = dict(list(files.items())[:MOST])
    if not some:
        return []
    with (
        httpx.Client(follow_redirects=True, timeout=TIMEOUT, max_redirects=5) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        found = pool.map(partial(_asked, client), some)
        return [
            replace(some[file], message=message, hint=file[1], code="media-online")
            for file, messages in zip(some, found, strict=True)
            for message in messages
        ]


def _asked(client: httpx.Client, file: tuple[str, str]) -> list[str]:
    import httpx

    channel, url = file

    try:
        answer = client.head(url)
        if answer.status_code in _NO_HEAD:
            with client.stream("GET", url) as answer:
                return list(_judged(answer, channel))
        return list(_judged(answer, channel))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return [f"the file cannot be fetched ({type(error).__name__})"]


def _judged(answer: httpx.Response, channel: str) -> Iterator[str]:
    if answer.status_code != 200:
        yield f"the file cannot be fetched: the server answers {answer.status_code}"
        return
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_right = kind in TYPES if channel == "mms" else kind.startswith("image/")
    if not is_right:
        yield f"the server calls the file {kind or 'nothing'}, which {channel} does not show"
    size = answer.headers.get("content-length", "")
    if size.isdigit() and channel in LARGEST:
        most = LARGEST[channel]
        if int(size) > most:
            yield f"the file has {size_text(int(size))}; {channel} takes at most {size_text(most)}"
        elif channel == "mms" and int(size) > SURE_BYTES:
            yield f"the file has {size_text(int(size))}: many carriers take no more than {size_text(SURE_BYTES)}"
