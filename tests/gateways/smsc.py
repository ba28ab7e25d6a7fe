"""An operator's SMSC on the loopback interface, on a thread of its own, that does what operators do, and counts.

It reads submit_sm with smpplib, a codec that a2pcli does not use, and writes by hand, so that it can say what no codec
would.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

import smpplib.smpp
from smpplib import consts

SUBMIT, DELIVER, QUERY, UNBIND, CANCEL, ENQUIRE = 0x4, 0x5, 0x3, 0x6, 0x8, 0x15
NACK = RESPONSE = 0x80000000
BINDS = {0x1: "receiver", 0x2: "transmitter", 0x9: "transceiver"}


class _Client:
    sequence = 0

    def next_sequence(self) -> int:
        return 0


@dataclass(frozen=True)
class Submitted:
    """A submit_sm as an independent codec reads it. ``number`` counts from 1 over all connections."""

    number: int
    sequence: int
    to: str
    sender: str
    source: tuple[int, int]
    destination: tuple[int, int]
    esm_class: int
    data_coding: int
    registered: int
    service_type: str
    validity: str
    octets: bytes
    payload: bytes
    sar: tuple[int, int, int] | None


@dataclass
class Answer:
    """What is answered to a submit: an id with status 0, or another status; nothing at all; or these octets."""

    id: str = ""
    status: int = 0
    after: float = 0.0
    silent: bool = False
    drop: bool = False
    raw: bytes | None = None
    sequence: int | None = None
    nack: bool = False
    before: list[bytes] = field(default_factory=list)
    then: list[bytes] = field(default_factory=list)


Answering = Callable[[Submitted], Answer]

Querying = Callable[[str, tuple[int, int, str]], bytes | int | None]
"""From the id and the source of a query_sm (TON, NPI, address) to the body of the answer, a status that refuses it, or
None for no answer at all."""


def accept(one: Submitted) -> Answer:
    return Answer(id=f"m{one.number:07d}")


def pdu(command: int, sequence: int, body: bytes = b"", status: int = 0) -> bytes:
    return struct.pack(">LLLL", 16 + len(body), command, status, sequence) + body


def tlv(tag: int, value: bytes) -> bytes:
    return struct.pack(">HH", tag, len(value)) + value


def queried(id: str, state: int, final_date: str = "", error: int = 0) -> bytes:
    """The body of a query_sm_resp."""
    return id.encode() + b"\0" + final_date.encode() + b"\0" + bytes([state, error])


def deliver(
    text: bytes, *, sequence: int = 1, esm_class: int = 4, source: str = "447700900001", to: str = "ACME",
    data_coding: int = 0, tlvs: bytes = b"", ton: int = 1,
) -> bytes:  # fmt: skip
    body = bytes([0, ton, 1]) + source.encode() + b"\0\5\0" + to.encode() + b"\0"
    body += bytes([esm_class, 0, 0]) + b"\0\0" + bytes([0, 0, data_coding, 0, len(text)]) + text + tlvs
    return pdu(DELIVER, sequence, body)


def receipt(id: str, stat: str = "DELIVRD", *, sequence: int = 1, err: str = "000", **more: Any) -> bytes:
    text = (
        f"id:{id} sub:001 dlvrd:001 submit date:2603011000 done date:2603011001 stat:{stat} err:{err} text:Hi"
    )
    return deliver(text.encode(), sequence=sequence, **more)


@dataclass
class Smsc:
    """``with Smsc(answer) as there`` runs it; ``there.port``. Everything it can do otherwise is an attribute."""

    answer: Answering = accept
    bind_status: int = 0
    bind_silent: bool = False
    answers_enquire: bool = True
    password: str | None = None
    tls: ssl.SSLContext | None = None
    on_bind: list[bytes] = field(default_factory=list)
    hang_up_at_once: bool = False
    query: Querying | None = None
    """None for an operator that does not know query_sm."""
    cancel: Callable[[str], int | None] | None = None
    """From the id of a cancel_sm to the status of the answer, None for no answer. None for an operator that does not
    know cancel_sm."""

    def __post_init__(self) -> None:
        self.received: list[Submitted] = []
        self.binds: list[tuple[str, str, str, str]] = []
        self.pdus: list[tuple[int, int, int]] = []
        self.queries: list[tuple[str, tuple[int, int, str]]] = []
        self.cancelled: list[tuple[str, str, tuple[int, int, str], tuple[int, int, str]]] = []
        self.acknowledged: list[tuple[int, int]] = []
        self.accepted: list[Submitted] = []
        self.most_open = self._open = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._ready = threading.Event()
        self._bound: asyncio.StreamWriter | None = None

    # -- running it ---------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_error: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, ssl=self.tls)
        self.port: int = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        tasks = [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def say(self, *octets: bytes) -> None:
        """Say this on every connection, now."""

        def work() -> None:
            for writer in self._writers:
                writer.write(b"".join(octets))

        self._loop.call_soon_threadsafe(work)

    def hang_up(self) -> None:
        self._loop.call_soon_threadsafe(lambda: [one.transport.abort() for one in list(self._writers)])

    # -- one connection -----------------------------------------------------------------------------------------

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.hang_up_at_once:
            writer.transport.abort()
            return
        self._writers.add(writer)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while True:
                    head = await reader.readexactly(16)
                    length, command, status, sequence = struct.unpack(">LLLL", head)
                    body = await reader.readexactly(length - 16)
                    self.pdus.append((command, status, sequence))
                    self._take(writer, command, status, sequence, head + body)
                    await writer.drain()
        finally:
            self._writers.discard(writer)
            writer.close()

    def _take(
        self, writer: asyncio.StreamWriter, command: int, status: int, sequence: int, octets: bytes
    ) -> None:
        if command in BINDS:
            self._bind(writer, command, sequence, octets[16:])
        elif command == ENQUIRE:
            if self.answers_enquire:
                writer.write(pdu(ENQUIRE | RESPONSE, sequence))
        elif command == UNBIND:
            writer.write(pdu(UNBIND | RESPONSE, sequence))
        elif command == SUBMIT:
            one = self._read(octets, sequence)
            self.received.append(one)
            self._open += 1
            self.most_open = max(self.most_open, self._open)
            answer = self.answer(one)
            if answer.after:
                self._loop.call_later(answer.after, self._say, writer, one, answer)
            else:
                self._say(writer, one, answer)
        elif command == QUERY:
            self._query(writer, sequence, octets[16:])
        elif command == CANCEL:
            self._cancel(writer, sequence, octets[16:])
        elif command == DELIVER | RESPONSE:
            self.acknowledged.append((sequence, status))

    def _bind(self, writer: asyncio.StreamWriter, command: int, sequence: int, body: bytes) -> None:
        system_id, password, system_type = (one.decode() for one in body.split(b"\0")[:3])
        self.binds.append((BINDS[command], system_id, password, system_type))
        if self.bind_silent:
            return
        status = self.bind_status
        if self.password is not None and password != self.password:
            status = 0xE
        writer.write(pdu(command | RESPONSE, sequence, b"SMSC\0" if status == 0 else b"", status))
        if status == 0 and command != 0x2:
            writer.write(b"".join(self.on_bind))

    def _query(self, writer: asyncio.StreamWriter, sequence: int, body: bytes) -> None:
        id, _, rest = body.partition(b"\0")
        asked = id.decode(), (rest[0], rest[1], rest[2:-1].decode())
        assert rest.endswith(b"\0")
        self.queries.append(asked)
        if self.query is None:
            writer.write(pdu(NACK, sequence, status=0x3))
            return
        answer = self.query(*asked)
        if isinstance(answer, int):
            writer.write(pdu(QUERY | RESPONSE, sequence, status=answer))
        elif answer is not None:
            writer.write(pdu(QUERY | RESPONSE, sequence, answer))

    def _cancel(self, writer: asyncio.StreamWriter, sequence: int, body: bytes) -> None:
        service, id, rest = body.split(b"\0", 2)
        source, _, to = rest[2:].partition(b"\0")
        assert to.endswith(b"\0")
        asked = id.decode()
        self.cancelled.append(
            (
                service.decode(),
                asked,
                (rest[0], rest[1], source.decode()),
                (to[0], to[1], to[2:-1].decode()),
            )
        )
        status = 0x3 if self.cancel is None else self.cancel(asked)
        if status is not None:
            writer.write(pdu(NACK if self.cancel is None else CANCEL | RESPONSE, sequence, status=status))

    def _say(self, writer: asyncio.StreamWriter, one: Submitted, answer: Answer) -> None:
        self._open -= 1
        if answer.silent:
            return
        if answer.drop:
            writer.transport.abort()
            return
        if answer.raw is not None:
            writer.write(answer.raw)
            return
        writer.write(b"".join(answer.before))
        sequence = one.sequence if answer.sequence is None else answer.sequence
        if answer.nack:
            writer.write(pdu(NACK, sequence, status=answer.status))
        else:
            body = answer.id.encode() + b"\0" if answer.status == 0 else b""
            writer.write(pdu(SUBMIT | RESPONSE, sequence, body, answer.status))
            if answer.status == 0:
                self.accepted.append(one)
        writer.write(b"".join(answer.then))

    def _read(self, octets: bytes, sequence: int) -> Submitted:
        found = smpplib.smpp.parse_pdu(octets, client=_Client(), allow_unknown_opt_params=True)
        sar = None
        if getattr(found, "sar_total_segments", None) is not None:
            sar = (found.sar_msg_ref_num, found.sar_total_segments, found.sar_segment_seqnum)
        return Submitted(
            number=len(self.received) + 1,
            sequence=sequence,
            to=found.destination_addr.decode(),
            sender=found.source_addr.decode(),
            source=(found.source_addr_ton, found.source_addr_npi),
            destination=(found.dest_addr_ton, found.dest_addr_npi),
            esm_class=found.esm_class,
            data_coding=found.data_coding,
            registered=found.registered_delivery,
            service_type=(found.service_type or b"").decode(),
            validity=(found.validity_period or b"").decode(),
            octets=found.short_message or b"",
            payload=getattr(found, "message_payload", None) or b"",
            sar=sar,
        )


assert consts.SMPP_ESME_ROK == 0
