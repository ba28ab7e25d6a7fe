"""Callbacks of the simulated provider: it calls a URL with receipts, and with replies of the people it sent to.

Who replies, what and when follows from the seed, as everything else. Nobody replies to a sender's name, to a message
that did not arrive, or to an answer, unless the settings say so.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from a2pcli.dataclass import dataclass
from a2pcli.gateways.callbacks import Callback, CallbackRequest, inside
from a2pcli.gateways.lists import joined
from a2pcli.gateways.simulator_list import read_receipt, read_reply
from a2pcli.rules.senders import SenderKind, kind_of

if TYPE_CHECKING:
    import httpx

    from a2pcli.gateways.simulator_settings import Callbacks
    from a2pcli.messages import Message

MOST = 100
"""Receipts and replies of one request."""
AGAIN, LONGEST = 0.5, 30.0
"""Seconds until a request is made again that was not answered with 2xx; at most, whatever it was told."""
TIMEOUT = 10.0
ANSWERS = "a-"
"""Begins the references of messages that answer a reply."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody replies, ``seconds`` after the message arrived."""

    text: str
    seconds: float


class Reading:
    """Reads what ``Caller`` calls with. It is not signed: the secret stands in the URL."""

    signs = False
    callback_answer = b""
    callback_secret: str | None = None

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Return the receipts and replies of a request."""
        receipts, replies = inside(request.json, "receipts"), inside(request.json, "replies")
        return Callback(
            joined(map(read_receipt, _objects(receipts))), joined(map(read_reply, _objects(replies)))
        )

    def is_genuine(self, request: CallbackRequest, secret: str, now: float | None = None) -> bool:
        """Return False: there is no signature."""
        return False


def _objects(found: object) -> list[Mapping[str, Any]]:
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def reply_to(message: Message, settings: Callbacks, seed: str, row: str) -> Said | None:
    """Return what the recipient of a message replies; None for nothing."""
    if message.sender is not None and kind_of(message.sender) is SenderKind.NAME:
        return None
    is_answer = message.reference.startswith(ANSWERS)
    key = f"{seed}|reply|{message.to}|{message.body if is_answer else row}"
    digest = blake2b(key.encode(errors="replace"), digest_size=24).digest()
    chance, pick, pace = (int.from_bytes(digest[at : at + 8]) / 2**64 for at in (0, 8, 16))
    seconds = settings.reply_after * (0.5 + pace)
    for share, texts in settings.shares if not is_answer else ():
        if chance < share:
            return Said(texts[int(pick * len(texts))], seconds)
        chance -= share
    for one in settings.answers:
        if one.found_in(message.body):
            return Said(one.texts[int(pick * len(one.texts))], seconds) if chance < one.share else None
    return None


class Caller:
    """Calls the URL with receipts and replies when they are due, and again until they are taken."""

    def __init__(self, name: str, settings: Callbacks) -> None:
        self._name, self._settings = name, settings
        self._due: list[tuple[float, int, str, dict[str, Any]]] = []
        self._number = 0
        self._sooner = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._busy = 0
        self._troubles: set[str] = set()

    def open(self) -> None:
        """Start calling."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def tell(self, kind: str, said: Mapping[str, Any], seconds: float) -> None:
        """Call with one of ``receipts`` or ``replies`` in this many seconds."""
        due = asyncio.get_running_loop().time() + seconds
        at = datetime.now(UTC) + timedelta(seconds=seconds)
        self._number += 1
        told = {"at": at.isoformat(timespec="milliseconds"), **said}
        heapq.heappush(self._due, (due, self._number, kind, told))
        self._sooner.set()

    async def linger(self) -> None:
        """Wait until everything is told, at most as long as the settings say."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._settings.linger
        while (self._due or self._busy) and loop.time() < until:  # noqa: ASYNC110 - of what is due, not of an event
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Stop calling. What is still due is not told; the lists have it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if left := len(self._due) + self._busy:
            log.warning(
                "gateway %s: %d callbacks were not made: `a2pcli receipts pull` reads the receipts",
                self._name,
                left,
            )
        self._due.clear()
        self._busy = 0

    async def _run(self) -> None:
        import httpx

        loop = asyncio.get_running_loop()
        # The listener is on this machine or in this network: no proxy of the environment, no redirects.
        async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as client:
            while True:
                due: list[tuple[str, dict[str, Any]]] = []
                while self._due and self._due[0][0] <= loop.time() and len(due) < MOST:
                    due.append(heapq.heappop(self._due)[2:4])
                if due:
                    self._busy = len(due)
                    await self._call(client, due)
                    self._busy = 0
                    continue
                self._sooner.clear()
                wait = max(0.01, self._due[0][0] - loop.time()) if self._due else None
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._sooner.wait()

    async def _call(self, client: httpx.AsyncClient, due: Sequence[tuple[str, dict[str, Any]]]) -> None:
        import httpx

        told = {kind: [said for one, said in due if one == kind] for kind in ("receipts", "replies")}
        while True:
            wait = AGAIN
            try:
                answer = await client.post(self._settings.url, json=told)
            except httpx.HTTPError as error:
                self._trouble(f"cannot be called ({type(error).__name__})")
            else:
                if answer.is_success:
                    self._troubles.clear()
                    return
                self._trouble(f"answers {answer.status_code}")
                with suppress(ValueError):
                    wait = float(answer.headers.get("retry-after", ""))
            await asyncio.sleep(min(max(wait, AGAIN), LONGEST))

    def _trouble(self, why: str) -> None:
        """Say what is wrong, once until it is over. The URL holds a secret, so it is not named."""
        if why not in self._troubles:
            self._troubles.add(why)
            log.warning(
                "gateway %s: its `callbacks` URL %s; callbacks are made again until it takes them",
                self._name,
                why,
            )
