"""The SMPP gateway: submits each message in parts on a bound connection, and makes one outcome of the answers."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from a2pcli.contacts.receipt_file import Receipt
from a2pcli.errors import InvalidInput
from a2pcli.gateways.base import Capabilities, Health, Keep, Submitted
from a2pcli.gateways.codes import Code, load_codes, outcome_of
from a2pcli.gateways.settings import block_problem, read_block
from a2pcli.gateways.smpp import pdu
from a2pcli.gateways.smpp.asking import Asker
from a2pcli.gateways.smpp.inbound import AS_RECEIVED, Inbound
from a2pcli.gateways.smpp.link import Link, NotBound, Route
from a2pcli.gateways.smpp.session import Answer, Listener, Session
from a2pcli.gateways.smpp.settings import LONGEST_VALIDITY, SmppBlock
from a2pcli.gateways.smpp.writing import Part, Unwritable, Writer
from a2pcli.messages import Cause, Message, Outcome, Verdict

log = logging.getLogger(__name__)

REST_WITHIN = 60.0
"""Seconds for which the remaining parts of a message are tried again once one was taken; a submit has 120."""
REST_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each such try; the last is used for all later ones."""

_UNLISTED = Code(
    "temporary", "the operator refused it with a status of its own (setting `errors` says what it means)"
)


class SmppGateway:
    """A direct connection to an operator."""

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self.name = name
        self._block = block = read_block(SmppBlock, name, settings)
        self.capabilities = Capabilities(
            channels=frozenset({"sms"}),
            concurrency=min(block.concurrency or block.window * block.connections, 10_000),
            receipts=block.bind != "transmitter" and block.receipts.request != "none",
            expires=True,
            longest_validity=LONGEST_VALIDITY,
            finds_by_id=True,
            revokes=True,
        )
        self.leaving: Callable[[Sequence[Message]], None] = lambda _batch: None
        self._codes: dict[int, Code] = {int(code, 0): known for code, known in load_codes("smpp").items()}
        for code, meaning in block.errors.items():
            self._codes[code] = Code(meaning, f"the settings say of this status: {meaning}")
        self._writer = Writer(block, random.randrange(256))
        self._inbound = Inbound(block)
        self._links: list[Link] = []
        self._is_open = False
        self._canceller = self._asker()

    @property
    def keep(self) -> Keep | None:
        """Return the function that stores receipts and replies."""
        return self._inbound.keep

    @keep.setter
    def keep(self, keep: Keep | None) -> None:
        self._inbound.keep = keep

    async def open(self) -> None:
        """Read the roots of trust. Connections are made when the first message wants one."""
        if self._is_open:
            return
        block = self._block
        route = Route(block.host, block.port, self._roots(), block.server_name)
        kinds = ["transceiver"] if block.bind == "transceiver" else ["transmitter"]
        if block.bind == "separate":
            kinds.append("receiver")
        self._links = [
            Link(self.name, block, kind, route, self._session, self._meaning)
            for kind in kinds
            for _ in range(block.connections if kind != "receiver" else 1)
        ]
        self._is_open = True

    def read_files(self) -> None:
        """Read the roots of trust. Raises ``InvalidInput`` where the file is none."""
        self._roots()

    def _roots(self) -> ssl.SSLContext | None:
        return _trust(self.name, self._block) if self._block.tls else None

    async def close(self) -> None:
        """Unbind everywhere; safe to call twice."""
        self._is_open = False
        links, self._links = self._links, []
        if links:
            await self._inbound.all_kept()
        await asyncio.gather(*[link.close() for link in links])
        await self._inbound.close()

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        """One outcome for each message; all at once on the window."""
        if len(batch) == 1:
            return [await self._submit(batch[0])]
        return await asyncio.gather(*[self._submit(message) for message in batch])

    async def lookup(self, references: Sequence[str]) -> Mapping[str, Outcome]:
        """Nothing: SMPP knows the operator's ids only."""
        return {}

    async def find(self, asked: Sequence[Submitted]) -> Sequence[Receipt | str]:
        """Ask by query_sm."""

        return await self._asker().ask(asked)

    async def revoke_by_id(self, to: str, asked: Sequence[Submitted]) -> bool | None:
        """Ask for the message to be taken back, by cancel_sm."""
        return await self._canceller.cancel(to, asked)

    def _asker(self) -> Asker:
        async def bound() -> Session:
            return self._free() or await self._bound()

        return Asker(self._block, bound, self._meaning, self._inbound.ids)

    async def check(self) -> Health:
        """Bind, as sending does, and ask for a sign of life."""
        try:
            for link in self._links:
                session = await link.bound()
                answer = await session.ask(
                    pdu.ENQUIRE_LINK,
                    lambda sequence: pdu.pdu(pdu.ENQUIRE_LINK, sequence),
                    self._block.timeout,
                )
                if answer.command == pdu.GENERIC_NACK:
                    return Health(False, "connected and bound, but the operator refuses enquire_link")
        except NotBound as error:
            return Health(False, f"{error.detail} ({error.code})")
        except (TimeoutError, ConnectionError):
            return Health(False, "connected and bound, but the operator gives no sign of life")
        if not self._links:
            return Health(False, "the gateway is closed")
        kinds = ", ".join(dict.fromkeys(link.kind for link in self._links))
        how = "with TLS" if self._block.tls else "without TLS: password and texts can be read on the way"
        return Health(True, f"bound as {kinds}, {how}")

    def spellings(self, gateway_id: str) -> tuple[Sequence[str], Sequence[str]]:
        """How the id of a receipt may have stood in an answer, and what else it could mean."""
        return self._inbound.ids.spellings(gateway_id.removeprefix(AS_RECEIVED))

    async def linger(self) -> None:
        """Wait for receipts that are late, until none came for as long as the settings say."""
        wait, loop = self._block.receipts.wait, asyncio.get_running_loop()
        since = loop.time()
        while wait and any(link.is_bound for link in self._links):
            left = max(since, self._inbound.heard_at) + wait - loop.time()
            if left <= 0:
                break
            await asyncio.sleep(min(left, 0.2))
        await self._inbound.all_kept()

    # -- one message ------------------------------------------------------------------------------------------

    async def _submit(self, message: Message) -> Outcome:
        try:
            parts = self._writer.parts(message)
            session = self._free() or await self._bound()
        except Unwritable as error:
            return error.outcome
        except NotBound as error:
            return _not_bound(error)
        if len(parts) == 1:
            one = message if message.parts <= 1 else replace(message, parts=1)
            return self._outcome(await session.submit(parts[0], one))
        return await self._submit_parts(session, parts, message)

    async def _submit_parts(self, session: Session, parts: Sequence[Part], message: Message) -> Outcome:
        """Submit all parts at once. If some were taken and others certainly were not, submit the others again for
        ``REST_WITHIN`` seconds: a message with a missing part cannot be read, and sending all of it again would be a
        second message."""
        if message.parts != len(parts):
            message = replace(message, parts=len(parts))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + REST_WITHIN
        outcomes: list[Outcome | None] = [None] * len(parts)
        tries = 0
        while True:
            missing = [number for number, one in enumerate(outcomes) if _is_missing(one)]
            futures = [session.submit(parts[number], message) for number in missing]
            for number, answer in zip(missing, await asyncio.gather(*futures), strict=True):
                outcomes[number] = self._outcome(answer)
            told = [one for one in outcomes if one is not None]
            pause = REST_PAUSES[min(tries, len(REST_PAUSES) - 1)]
            if not _may_go_on(told) or loop.time() + pause > deadline:
                return _together(told)
            tries += 1
            await asyncio.sleep(pause)
            try:
                session = self._free() or await self._bound()
            except NotBound:
                return _together(told)

    def _outcome(self, answer: Answer) -> Outcome:
        if answer.status is None:
            if answer.sent:
                return Outcome(Verdict.UNKNOWN, cause=Cause.AMBIGUOUS, code=answer.code, detail=answer.detail)
            return Outcome(Verdict.NOT_SENT, cause=Cause.UNREACHABLE, code=answer.code, detail=answer.detail)
        if answer.status == pdu.OK:
            if answer.nack:
                return outcome_of("unknown", code="nack")
            return Outcome(Verdict.ACCEPTED, answer.message_id)
        code = self._meaning(answer.status)
        return outcome_of(code.meaning, code=pdu.shown(answer.status), detail=code.detail)

    def _meaning(self, status: int) -> Code:
        return self._codes.get(status, _UNLISTED)

    # -- connections ------------------------------------------------------------------------------------------

    def _free(self) -> Session | None:
        """Return the bound session with the fewest unanswered submits; None if none is bound."""
        best: Session | None = None
        for link in self._links:
            session = link.session
            if session is None or not session.is_bound or link.kind == "receiver":
                continue
            if best is None or session.load < best.load:
                best = session
        return best

    async def _bound(self) -> Session:
        """Return a session once one is bound. Raises ``NotBound`` if none of the next tries succeeds."""
        for link in self._links:
            link.start()
        links = [link for link in self._links if link.kind != "receiver"]
        if not links:
            raise NotBound("closed", "the gateway is closed")
        tries = [asyncio.ensure_future(link.bound()) for link in links]
        try:
            for one in asyncio.as_completed(tries):
                try:
                    return await one
                except NotBound as error:
                    last = error
            raise last
        finally:
            for each in tries:
                each.cancel()
            await asyncio.gather(*tries, return_exceptions=True)

    def _session(self) -> Session:
        return Session(
            window=self._block.window,
            timeout=self._block.timeout,
            enquire_link=self._block.enquire_link,
            listener=Listener(self._inbound.delivered, self._answered),
            leaving=lambda batch: self.leaving(batch),
        )

    def _answered(self, message: Message, answer: Answer, is_late: bool) -> None:
        """Remember the id. If the submit already counts as unknown, store the id as a receipt, which settles it."""
        if answer.status != pdu.OK or answer.nack:
            return
        id = answer.message_id
        if id is not None:
            self._inbound.answered(id, message.reference, message.parts)
            if is_late:
                self._inbound.also(id, message.reference, message.parts)


def _is_missing(outcome: Outcome | None) -> bool:
    """Return whether a part certainly was not taken, and may be submitted again."""
    if outcome is None:
        return True
    passes = (Cause.RATE, Cause.TEMPORARY, Cause.UNREACHABLE)
    return outcome.verdict is Verdict.NOT_SENT and outcome.cause in passes


def _may_go_on(outcomes: Sequence[Outcome]) -> bool:
    """Return whether some parts were taken and all others may be submitted again."""
    taken = [one for one in outcomes if one.verdict is Verdict.ACCEPTED]
    missing = [one for one in outcomes if _is_missing(one)]
    return bool(taken and missing) and len(taken) + len(missing) == len(outcomes)


def _together(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the outcome of a message from the outcomes of its parts.

    It is accepted if all parts are. If no part was taken and none may have been, the worst refusal counts. Otherwise it
    is unknown: the person may get a part of it, so it is never sent again.
    """
    taken = [one for one in outcomes if one.verdict is Verdict.ACCEPTED]
    ids = tuple(one.gateway_id if one.verdict is Verdict.ACCEPTED else None for one in outcomes)
    if len(taken) == len(outcomes):
        return replace(outcomes[0], part_ids=ids)
    unclear = next((one for one in outcomes if one.verdict is Verdict.UNKNOWN), None)
    if not taken and unclear is None:
        rejected = next((one for one in outcomes if one.verdict is Verdict.REJECTED), None)
        return rejected or max(outcomes, key=lambda one: one.cause not in (Cause.RATE, Cause.TEMPORARY))
    other = next(one for one in outcomes if one.verdict is not Verdict.ACCEPTED)
    detail = (
        f"the operator took {len(taken)} of {len(outcomes)} parts; of another: {(unclear or other).detail}"
    )
    id = next((one.gateway_id for one in taken if one.gateway_id), None)
    code = (unclear or other).code
    return Outcome(Verdict.UNKNOWN, id, cause=Cause.AMBIGUOUS, code=code, detail=detail, part_ids=ids)


def _not_bound(error: NotBound) -> Outcome:
    if error.meaning is None or error.meaning in ("temporary", "rate", "unknown", "content", "permanent"):
        return Outcome(Verdict.NOT_SENT, cause=Cause.UNREACHABLE, code=error.code, detail=error.detail)
    return outcome_of(error.meaning, code=error.code, detail=error.detail)


def _trust(name: str, block: SmppBlock) -> ssl.SSLContext:
    """The roots that the certificate is verified with. Raises ``InvalidInput`` where the file is none."""
    if block.ca is None:
        return ssl.create_default_context()
    path = block.folder / block.ca
    try:
        return ssl.create_default_context(cafile=str(path))
    except OSError as error:  # an SSLError is one too
        why = (
            error.strerror
            if not isinstance(error, ssl.SSLError) and error.strerror
            else "no certificates in it"
        )
        raise InvalidInput(block_problem(name, "ca", f"{path} cannot be read: {why}")) from error
