"""Certificates that signatures of SNS are checked with: fetched from Amazon once, and kept in files for hosts and times
without a way there.

A request that names a certificate is not known to be Amazon's yet, so only Amazon's own addresses are asked, one at a
time, and what could not be fetched is not asked for again at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

LONGEST = 16_384
"""Bytes of a certificate."""

MOST = 64
"""Certificates that are kept in memory: SNS has one a region, and changes it now and then."""

AGAIN_AFTER = 30.0
"""Seconds after which one that could not be fetched is asked for again."""

TIMEOUT = 5.0

Fetch = Callable[[str], Awaitable[bytes]]


class Certificates:
    """Certificates by URL: those in ``folder`` (``sns.eu-west-1.amazonaws.com-SimpleNotificationService-….pem``) and
    those that were fetched, which are written there."""

    def __init__(
        self, folder: Path, fetch: Fetch | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder, self._fetch, self._now = folder, fetch or _fetched, now
        self._known: dict[str, str] = {}
        self._failed: dict[str, float] = {}
        self._one_at_a_time = asyncio.Lock()

    @property
    def known(self) -> Mapping[str, str]:
        """The certificates by URL, as PEM."""
        return self._known

    async def have(self, url: str) -> bool:
        """Return whether the certificate of this URL, which must be one of Amazon's, is known now."""
        if url in self._known:
            return True
        async with self._one_at_a_time:
            if url in self._known:
                return True
            if self._now() - self._failed.get(url, -AGAIN_AFTER) < AGAIN_AFTER:
                return False
            found = self._from_file(url) or await self._from_amazon(url)
            if found is None:
                self._failed = dict(list(self._failed.items())[-MOST:]) | {url: self._now()}
                return False
            while len(self._known) >= MOST:
                self._known.pop(next(iter(self._known)))
            self._known[url] = found
            return True

    def _path(self, url: str) -> Path:
        parts = urlsplit(url)
        return self._folder / f"{parts.hostname}-{parts.path.rpartition('/')[2]}"

    def _from_file(self, url: str) -> str | None:
        try:
            text = self._path(url).read_text("ascii")
        except (OSError, ValueError):
            return None
        return text if _is_certificate(text) else None

    async def _from_amazon(self, url: str) -> str | None:
        try:
            text = (await self._fetch(url)).decode("ascii")
        except Exception:  # whatever keeps it from coming, the request is to be sent again later
            return None
        if not _is_certificate(text):
            return None
        path = self._path(url)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "ascii")
        except OSError:
            pass  # it is known until the stop
        return text


def _is_certificate(text: str) -> bool:
    from cryptography.x509 import load_pem_x509_certificate

    try:
        load_pem_x509_certificate(text.encode())
    except ValueError:
        return False
    return True


async def _fetched(url: str) -> bytes:
    import httpx

    async with (
        httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False) as client,
        client.stream("GET", url) as said,
    ):
        said.raise_for_status()
        data = b""
        async for some in said.aiter_bytes():
            data += some
            if len(data) > LONGEST:
                raise ValueError("too long for a certificate")
        return data
