"""A provider that is not there: delays, errors, outages and receipts as they happen, for rehearsals.

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
from typing import Annotated, Any, BinaryIO, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from a2pcli.channels import OFFERED
from a2pcli.errors import GatewayUnusable
from a2pcli.gateways.base import Capabilities, Health
from a2pcli.gateways.outbox import make_private, private_folder
from a2pcli.gateways.outbox_lines import Findings, findings
from a2pcli.gateways.settings import GatewayBlock, read_block
from a2pcli.messages import Cause, Message, Outcome, Verdict

UNDELIVERED = "sim-unreachable"
"""The code of receipts of messages that were not delivered."""

_P95 = NormalDist().inv_cdf(0.95)


def _share(value: Any) -> Any:
    """``2%`` or ``0.02`` as a number from 0 to 1."""
    if isinstance(value, str) and value.strip().endswith("%"):
        number = value.strip()[:-1].strip()
        try:
            return float(number) / 100
        except ValueError:
            raise ValueError("a share, like 2%") from None
    return value


Share = Annotated[float, BeforeValidator(_share), Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Latency(_Part):
    """How long an answer takes: log-normal, given by two of its points, in seconds."""

    median: float = Field(0.05, ge=0, le=60, description="Half of the answers are faster, in seconds")
    p95: float = Field(0.2, ge=0, le=60, description="19 of 20 answers are faster, in seconds")


class Mix(_Part):
    """Which share of the attempts ends how; the rest is accepted."""

    temporary: Share = Field(0.0, description="Not accepted, can be retried")
    rate_limited: Share = Field(0.0, description="429 with Retry-After")
    unreachable: Share = Field(0.0, description="No connection")
    permanent: Share = Field(0.0, description="No such number")
    content: Share = Field(0.0, description="The text is rejected")
    opted_out: Share = Field(0.0, description="The person opted out with the provider")
    unknown: Share = Field(0.0, description="No answer; half of them were accepted anyway")

    @model_validator(mode="after")
    def _at_most_all(self) -> Mix:
        if sum(self.model_dump().values()) > 1 + 1e-9:
            raise ValueError("the shares add up to more than 100%")
        return self


class Receipts(_Part):
    """What becomes of accepted messages; written as JSON lines the moment they are accepted."""

    file: Path = Field(description="The file, relative to the settings file's folder")
    undelivered: Share = Field(0.03, description="Share that is not delivered")
    silent: Share = Field(0.01, description="Share without a receipt")
    delay: float = Field(5.0, ge=0, description="Median seconds until the receipt")


class Outage(_Part):
    """A time without an answer from anybody."""

    after: int = Field(ge=0, description="Messages before the outage starts")
    seconds: float = Field(gt=0, description="Duration of the outage in seconds")


class SimulatorBlock(GatewayBlock):
    """Settings of the simulator."""

    seed: str = Field("1", description="Random seed: the same seed gives the same results")
    batch: int = Field(1, ge=1, le=1000, description="Messages in one request")
    latency: Latency = Field(default_factory=Latency, description="How long answers take")
    mix: Mix = Field(default_factory=Mix, description="Shares of the results")
    retry_after: float = Field(1.0, ge=0, description="Seconds that a rate-limited answer asks to wait")
    account_stops_after: int | None = Field(
        None, ge=0, description="Messages until the account is out of credit"
    )
    reachable: Share = Field(
        1.0, description="Share of numbers that `contacts reach` is told the channel reaches"
    )
    down: bool = Field(False, description="Unreachable from the start")
    outages: list[Outage] = Field(default_factory=list, description="Times without an answer")
    receipts: Receipts | None = Field(None, description="Where and how receipts are written")


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
        self.capabilities = Capabilities(
            channels=frozenset(OFFERED),
            batch=block.batch,
            concurrency=block.concurrency or 100,
            durable_lookup=block.receipts is not None,
            receipts=block.receipts is not None,
            delivers=False,
            instead="simulated",
        )
        self._ends = [(label, share) for label, share in block.mix.model_dump().items() if share]
        self._attempts: dict[str, int] = {}
        self._unsure: dict[str, Outcome] = {}  # taken, though nobody was told
        self._count = 0
        self._down_until = 0.0
        self._outages = sorted(block.outages, key=lambda outage: outage.after)
        self._file: Any = None

    async def open(self) -> None:
        """Open the receipts file."""
        if self.receipts is not None and self._file is None:
            try:
                self._file = _opened(self.receipts)
            except OSError as error:
                why = f"gateway {self.name}: cannot write {self.receipts}: {error.strerror}"
                raise GatewayUnusable(why) from error

    async def close(self) -> None:
        """Close the receipts file; safe to call twice."""
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
                outcome, seconds = self._happen(message.to, message.reference)
            except OSError:
                outcome, seconds = _NO_RECEIPTS, 0.0
            outcomes.append(outcome)
            longest = max(longest, seconds)
        if longest > 0:
            await asyncio.sleep(longest)
        return outcomes

    async def reachable(self, numbers: Sequence[str]) -> Mapping[str, bool]:
        """Whether the channel reaches each number, as the seed determines."""
        if self._is_down():
            return {}
        return {one: self._chance(one) < self._block.reachable for one in numbers}

    def _chance(self, number: str) -> float:
        """A number's place in [0, 1), the same for the same seed."""
        digest = blake2b(f"{self._block.seed}|reachable|{number}".encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64

    async def lookup(self, references: Sequence[str]) -> Mapping[str, Outcome]:
        """With a receipts file, whether it holds the reference; without, what this process left unknown."""
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
        """Well, unless the settings say that it is down."""
        if self._block.down:
            return Health(False, "simulated: no connection")
        return Health(True, "simulated; nothing is sent")

    def _is_down(self) -> bool:
        if self._block.down:
            return True
        if self._outages and self._count >= self._outages[0].after:
            self._down_until = monotonic() + self._outages.pop(0).seconds
        return monotonic() < self._down_until

    def _happen(self, to: str, reference: str) -> tuple[Outcome, float]:
        """What becomes of this attempt, and after how many seconds it is known."""
        block = self._block
        if block.account_stops_after is not None and self._count >= block.account_stops_after:
            return _NO_CREDIT, 0.0
        self._count += 1
        attempt = self._attempts.get(reference, 0) + 1
        chance, pace, coin, fate = _draws(f"{block.seed}|{to}|{_row(reference)}|{attempt}")
        label = self._label(chance)
        seconds = _latency(block.latency, pace)
        if label == "accepted":
            self._attempts.pop(reference, None)
            return self._take(reference, fate, pace), seconds
        outcome = _ENDS[label]
        if outcome.verdict is Verdict.REJECTED:
            self._attempts.pop(reference, None)
        else:
            self._attempts[reference] = attempt
        if label == "unknown" and coin < 0.5:
            self._unsure[reference] = self._take(reference, fate, pace)
        elif label == "rate_limited":
            outcome = replace(outcome, retry_after=block.retry_after)
        return outcome, seconds

    def _label(self, chance: float) -> str:
        for label, share in self._ends:
            if chance < share:
                return label
            chance -= share
        return "accepted"

    def _take(self, reference: str, fate: float, pace: float) -> Outcome:
        identifier = _identifier(reference)
        taken = Outcome(Verdict.ACCEPTED, identifier)
        receipts = self._block.receipts
        if receipts is None or self._file is None:
            return taken
        now = datetime.now(UTC)
        lines = [(now, "accepted")]
        if fate >= receipts.silent:
            state = "undelivered" if fate < receipts.silent + receipts.undelivered else "delivered"
            lines.append((now + timedelta(seconds=receipts.delay * (0.5 + pace)), state))
        self._file.write(
            b"".join(
                json.dumps(
                    {
                        "reference": reference,
                        "gateway_id": identifier,
                        "state": state,
                        "at": at.isoformat(timespec="milliseconds"),
                        **({"code": UNDELIVERED} if state == "undelivered" else {}),
                    }
                ).encode()
                + b"\n"
                for at, state in lines
            )
        )
        return taken


def _row(reference: str) -> str:
    """The row in its plan, which ends the reference; the id of the run before it is another one each time."""
    return reference.rpartition("-")[2]


def _draws(key: str) -> tuple[float, float, float, float]:
    """Four numbers in [0, 1) that depend on the key alone."""
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
    """What the receipts file says about the references; None where there is none."""
    try:
        with path.open("rb") as file:
            return findings(file, wanted)
    except OSError:
        return None
