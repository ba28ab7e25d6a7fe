"""A simulated provider for rehearsals, with realistic delays, errors, outages and receipts.

What happens to a message depends on the seed, the recipient, the message's row in its plan and which attempt it is,
and on nothing else. The id of the run is left out: the same rehearsal twice gives the same errors to the same people.
Only outages and the account's stop count messages as they come.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from statistics import NormalDist
from time import monotonic
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from a2pcli.channels import OFFERED
from a2pcli.errors import GatewayUnusable
from a2pcli.gateways.base import Capabilities, Health, Keep
from a2pcli.gateways.lists import Listed, ListPage, Span
from a2pcli.gateways.outbox import make_private, private_folder
from a2pcli.gateways.outbox_lines import Findings, findings
from a2pcli.gateways.settings import read_block
from a2pcli.gateways.simulator_later import Later
from a2pcli.gateways.simulator_settings import Latency as Latency
from a2pcli.gateways.simulator_settings import SimulatorBlock as SimulatorBlock
from a2pcli.messages import Cause, Message, Outcome, Verdict

if TYPE_CHECKING:
    from a2pcli.gateways.simulator_callbacks import Caller, Reading

UNDELIVERED = "sim-unreachable"
"""The code of receipts of messages that were not delivered."""

_P95 = NormalDist().inv_cdf(0.95)


_ENDS: dict[str, Outcome] = {
    "temporary": Outcome(
        Verdict.NOT_SENT, cause=Cause.TEMPORARY, code="sim-503", detail="simulated: try again"
    ),
    "rate_limited": Outcome(Verdict.NOT_SENT, cause=Cause.RATE, code="sim-429", detail="simulated: too fast"),
    "unreachable": Outcome(
        Verdict.NOT_SENT, cause=Cause.UNREACHABLE, code="sim-connect", detail="simulated: no connection"
    ),
    "permanent": Outcome(
        Verdict.REJECTED, cause=Cause.PERMANENT, code="sim-invalid", detail="simulated: no such number"
    ),
    "content": Outcome(
        Verdict.REJECTED, cause=Cause.CONTENT, code="sim-content", detail="simulated: the text is rejected"
    ),
    "opted_out": Outcome(
        Verdict.REJECTED, cause=Cause.OPTED_OUT, code="sim-optout", detail="simulated: opted out"
    ),
    "unknown": Outcome(
        Verdict.UNKNOWN,
        cause=Cause.AMBIGUOUS,
        code="sim-timeout",
        detail="simulated: no answer within the timeout",
    ),
    "country": Outcome(
        Verdict.REJECTED, cause=Cause.COUNTRY, code="sim-country", detail="simulated: not to this country"
    ),
}
_NO_CREDIT = Outcome(Verdict.NOT_SENT, cause=Cause.CREDIT, code="sim-402", detail="simulated: no credit left")
_NO_RECEIPTS = Outcome(
    Verdict.NOT_SENT, cause=Cause.UNREACHABLE, code="sim-file", detail="the receipts file cannot be written"
)


class SimulatorGateway:
    """Behaves like a provider; sends nothing."""

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self._block = block = read_block(SimulatorBlock, name, settings)
        self.name = name
        self.receipts = block.folder / block.receipts.file if block.receipts else None
        live = block.receipts is not None and block.receipts.live
        self.capabilities = Capabilities(
            channels=frozenset(OFFERED),
            batch=block.batch,
            concurrency=block.concurrency or 100,
            durable_lookup=block.receipts is not None,
            receipts=block.receipts is not None,
            delivers=False,
            instead="simulated",
            revokes=live and block.revocations is not None,
            expires=live and block.expires,
        )
        self._replies = block.folder / block.replies if block.replies else None
        files = {Listed.RECEIPTS: self.receipts, Listed.REPLIES: self._replies}
        self.lists = frozenset(listed for listed, file in files.items() if file is not None)
        self.later = Later(self._write_receipt) if live else None
        self._caller: Caller | None = None
        self.provider: Reading | None = None
        """Reads its callbacks; None without any."""
        if block.callbacks is not None:
            from a2pcli.gateways.simulator_callbacks import Caller, Reading

            self._caller, self.provider = Caller(name, block.callbacks), Reading()
        self._ends = [(label, share) for label, share in block.mix.model_dump().items() if share]
        self._attempts: dict[str, int] = {}
        self._unsure: dict[str, Outcome] = {}  # accepted, although the outcome was unknown
        self._count = 0
        self._down_until = 0.0
        self._outages = sorted(block.outages, key=lambda outage: outage.after)
        self._file: Any = None

    async def open(self) -> None:
        """Open the receipts file."""
        if self.receipts is not None and self._file is None:
            try:
                self._file = _opened(self.receipts)
                if self.later is not None:
                    self.later.open()
                if self._caller is not None:
                    self._caller.open()
            except OSError as error:
                why = f"gateway {self.name}: cannot write {self.receipts}: {error.strerror}"
                raise GatewayUnusable(why) from error

    async def close(self) -> None:
        """Close the receipts file; safe to call twice."""
        if self.later is not None:
            await self.later.close()
        if self._caller is not None:
            await self._caller.close()
        if self._file is not None:
            self._file.close()
            self._file = None

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        """Wait for the simulated latency, then return the outcomes that the seed determines."""
        if self._is_down():
            return [_ENDS["unreachable"]] * len(batch)
        outcomes = []
        longest = 0.0
        for message in batch:
            try:
                outcome, seconds = self._happen(message)
            except OSError:
                outcome, seconds = _NO_RECEIPTS, 0.0
            outcomes.append(outcome)
            longest = max(longest, seconds)
        if longest > 0:
            await asyncio.sleep(longest)
        return outcomes

    async def listed(self, listed: Listed, span: Span, page: str | None) -> ListPage:
        """Return a page of the receipts or replies file. Raises ``ValueError`` where it cannot be read."""
        from a2pcli.gateways.simulator_list import listed_lines

        return listed_lines(listed, self.receipts if listed is Listed.RECEIPTS else self._replies, span, page)

    async def reachable(self, numbers: Sequence[str]) -> Mapping[str, bool]:
        """Return whether the channel reaches each number, as the seed determines."""
        if self._is_down():
            return {}
        return {one: self._chance(one) < self._block.reachable for one in numbers}

    def _chance(self, number: str) -> float:
        """Return a number's position in [0, 1), determined by the seed."""
        digest = blake2b(f"{self._block.seed}|reachable|{number}".encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64

    async def lookup(self, references: Sequence[str]) -> Mapping[str, Outcome]:
        """Look the references up in the receipts file; without one, return what this process left unknown."""
        if self.receipts is None:
            return {one: self._unsure[one] for one in references if one in self._unsure}
        found = await asyncio.to_thread(_recorded, self.receipts, set(references))
        if found is None:
            return {}
        absent = Outcome(Verdict.NOT_SENT, cause=Cause.TEMPORARY, code="not-found", detail="never arrived")
        told = [one for one in references if one in found.whole or not found.may_be_torn(one)]
        return {
            one: Outcome(Verdict.ACCEPTED, _identifier(one)) if one in found.whole else absent for one in told
        }

    async def check(self) -> Health:
        """Return a healthy result, unless the settings say that it is down."""
        if self._block.down:
            return Health(False, "simulated: no connection")
        return Health(True, "simulated; nothing is sent")

    def _is_down(self) -> bool:
        if self._block.down:
            return True
        if self._outages and self._count >= self._outages[0].after:
            self._down_until = monotonic() + self._outages.pop(0).seconds
        return monotonic() < self._down_until

    def _happen(self, message: Message) -> tuple[Outcome, float]:
        """Return the outcome of this attempt, and the seconds until it is known."""
        block, reference = self._block, message.reference
        if block.account_stops_after is not None and self._count >= block.account_stops_after:
            return _NO_CREDIT, 0.0
        self._count += 1
        attempt = self._attempts.get(reference, 0) + 1
        chance, pace, coin, fate = _draws(f"{block.seed}|{message.to}|{_row(reference)}|{attempt}")
        label = self._label(chance)
        seconds = _latency(block.latency, pace)
        if label == "accepted":
            self._attempts.pop(reference, None)
            return self._take(message, fate, pace), seconds
        outcome = _ENDS[label]
        if outcome.verdict is Verdict.REJECTED:
            self._attempts.pop(reference, None)
        else:
            self._attempts[reference] = attempt
        if label == "unknown" and coin < 0.5:
            self._unsure[reference] = self._take(message, fate, pace)
        elif label == "rate_limited":
            outcome = replace(outcome, retry_after=block.retry_after)
        return outcome, seconds

    def _label(self, chance: float) -> str:
        for label, share in self._ends:
            if chance < share:
                return label
            chance -= share
        return "accepted"

    @property
    def keep(self) -> Keep | None:
        """Receives the receipts sent on the connection."""
        return None if self.later is None else self.later.keep

    @keep.setter
    def keep(self, keep: Keep | None) -> None:
        if self.later is not None:
            self.later.keep = keep

    def spellings(self, gateway_id: str) -> tuple[Sequence[str], Sequence[str]]:
        """Return the id: it is always written in the same way."""
        return (gateway_id,), ()

    async def linger(self) -> None:
        """Wait for receipts and replies that are due, as long as the settings say."""
        if self._caller is not None:
            await self._caller.linger()
        if self.later is not None and self._block.receipts is not None:
            await self.later.linger(self._block.receipts.linger)

    async def revoke(self, to: str, reference: str) -> bool | None:
        """Revoke a message, as the seed determines; None for no clear answer."""
        shares = self._block.revocations
        if self.later is None or shares is None:
            return False
        chance, luck, *_ = _draws(f"{self._block.seed}|revoke|{to}|{_row(reference)}")
        if chance < shares.unclear:
            return None
        if chance < shares.unclear + shares.refused:
            return False
        return self.later.revoke(reference, lost=luck < shares.lost)

    def _take(self, message: Message, fate: float, pace: float) -> Outcome:
        reference = message.reference
        identifier = _identifier(reference)
        taken = Outcome(Verdict.ACCEPTED, identifier)
        receipts = self._block.receipts
        if receipts is None or self._file is None:
            return taken
        if self.later is not None:
            self._take_for_later(self.later, reference, fate, receipts.delay * (0.5 + pace), message.validity)
            return taken
        now, seconds = datetime.now(UTC), receipts.delay * (0.5 + pace)
        lines = [_line(reference, "accepted", now)]
        state = (
            "undelivered" if receipts.silent <= fate < receipts.silent + receipts.undelivered else "delivered"
        )
        if fate >= receipts.silent:
            lines.append(_line(reference, state, now + timedelta(seconds=seconds)))
        self._file.write(b"".join(lines))
        if self._caller is not None:
            if fate >= receipts.silent:
                self._caller.tell("receipts", _receipt(reference, state), seconds)
            if state == "delivered":
                self._let_reply(self._caller, message, seconds)
        return taken

    def _let_reply(self, caller: Caller, message: Message, seconds: float) -> None:
        """Have the recipient of a message reply some time after it arrived, if they do."""
        from a2pcli.gateways.simulator_callbacks import reply_to

        assert self._block.callbacks is not None
        said = reply_to(message, self._block.callbacks, self._block.seed, _row(message.reference))
        if said is None:
            return
        reply = {
            "id": "reply-" + _identifier(message.reference),
            "from": message.to,
            "to": message.sender or self._block.sender or "",
            "text": said.text,
        }
        caller.tell("replies", reply, seconds + said.seconds)

    def _take_for_later(
        self, later: Later, reference: str, fate: float, seconds: float, validity: int | None
    ) -> None:
        receipts = self._block.receipts
        assert receipts is not None
        self._write_receipt(reference, "accepted", datetime.now(UTC))
        state = "undelivered" if fate >= 1 - receipts.undelivered else "delivered"
        if self._block.expires and validity is not None and seconds > validity:
            state, seconds = "expired", float(validity)
        later.take(reference, _identifier(reference), state, seconds, told=fate >= receipts.silent)

    def _write_receipt(self, reference: str, state: str, at: datetime) -> None:
        self._file.write(_line(reference, state, at))


def _line(reference: str, state: str, at: datetime) -> bytes:
    """Return a line of the receipts file."""
    found = {**_receipt(reference, state), "at": at.isoformat(timespec="milliseconds")}
    return json.dumps(found).encode() + b"\n"


def _receipt(reference: str, state: str) -> dict[str, str]:
    found = {"reference": reference, "gateway_id": _identifier(reference), "state": state}
    return found | ({"code": UNDELIVERED} if state == "undelivered" else {})


def _row(reference: str) -> str:
    """Return the row at the end of the reference; the run's id before it differs in each run."""
    return reference.rpartition("-")[2]


def _draws(key: str) -> tuple[float, float, float, float]:
    """Return four numbers in [0, 1) that depend only on the key."""
    digest = blake2b(key.encode(errors="replace"), digest_size=32).digest()
    first, second, third, fourth = (int.from_bytes(digest[at : at + 8]) / 2**64 for at in (0, 8, 16, 24))
    return first, second, third, fourth


def _latency(latency: Latency, chance: float) -> float:
    if latency.median <= 0 or latency.p95 <= latency.median:
        return latency.median
    spread = math.log(latency.p95 / latency.median) / _P95
    return latency.median * math.exp(spread * NormalDist().inv_cdf(min(max(chance, 1e-9), 1 - 1e-9)))


def _opened(path: Path) -> BinaryIO:
    private_folder(path.parent)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    make_private(descriptor)
    return cast(BinaryIO, os.fdopen(descriptor, "ab", buffering=0))


def _identifier(reference: str) -> str:
    return "sim-" + blake2b(reference.encode(errors="replace"), digest_size=8).hexdigest()


def _recorded(path: Path, wanted: set[str]) -> Findings | None:
    """Return what the receipts file says about the references; None if it does not exist."""
    try:
        with path.open("rb") as file:
            return findings(file, wanted)
    except OSError:
        return None
