"""Sending over SMPP: a2pcli with its durable ledger, against a bare loop over the same codec that keeps nothing.

    python benchmarks/send_smpp.py [--count 50000] [--rounds 3]

Both submit the same messages to the same operator on this machine, a process of its own that answers each at once, over
one connection with a window of 50. The bare loop makes each submit_sm with smpp34's codec, matches the answer by its
sequence number, and sends the next. a2pcli claims from a planned run and records every outcome; planning is not in its
time. Each runs in a process of its own, interleaved; the medians count. Exits with 1 where a2pcli submits less than
10,000 a second and needs more than 100 microseconds of the processor for each: a loaded machine gives the one or the
other.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from send_http import payload, through_ledger

WINDOW = 50
GOAL = 10_000
HEADER = struct.Struct(">LLLL")
SUBMIT, BIND, UNBIND = 0x4, 0x9, 0x6


class Operator(asyncio.Protocol):
    """Answers every bind, submit and unbind at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.rest, self.taken = transport, b"", 0

    def data_received(self, data: bytes) -> None:
        data, at, answers = self.rest + data, 0, []
        while len(data) - at >= 16 and len(data) - at >= (length := int.from_bytes(data[at : at + 4])):
            _, command, _, sequence = HEADER.unpack_from(data, at)
            at += length
            self.taken += command == SUBMIT
            body = b"%016x\0" % self.taken if command == SUBMIT else b"\0" if command == BIND else b""
            answers.append(HEADER.pack(16 + len(body), command | 0x80000000, 0, sequence) + body)
        self.rest = data[at:]
        self.transport.write(b"".join(answers))  # type: ignore[attr-defined]


class Bare(asyncio.Protocol):
    """Submits ``count`` messages, ``WINDOW`` unanswered at a time."""

    def __init__(self, count: int) -> None:
        self.left, self.sequence, self.rest = count, 1, b""
        self.open: dict[int, int] = {}
        self.ids: list[bytes] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        bind = b"campaigns\0s3cret\0\0\x34\0\0\0"
        transport.write(HEADER.pack(16 + len(bind), BIND, 0, 1) + bind)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        data, at = self.rest + data, 0
        while len(data) - at >= 16 and len(data) - at >= (length := int.from_bytes(data[at : at + 4])):
            _, command, status, sequence = HEADER.unpack_from(data, at)
            assert status == 0
            if command == SUBMIT | 0x80000000:
                del self.open[sequence]
                self.ids.append(data[at + 16 : at + length - 1])
            at += length
        self.rest = data[at:]
        self._submit()

    def _submit(self) -> None:
        from smpp34 import SubmitSm

        units = []
        while self.left and len(self.open) < WINDOW:
            self.left -= 1
            self.sequence += 1
            one = payload(self.left)
            self.open[self.sequence] = self.left
            submit = SubmitSm(
                "ACME", one["to"][1:], one["text"].encode("ascii"), source_addr_ton=5, dest_addr_ton=1,
                dest_addr_npi=1, registered_delivery=1, sequence_number=self.sequence,
            )  # fmt: skip
            units.append(submit.encode())
        if units:
            self.transport.write(b"".join(units))  # type: ignore[attr-defined]
        elif not self.open and not self.done.done():
            self.done.set_result(None)


async def bare(port: int, count: int) -> tuple[float, float]:
    start, worked = time.perf_counter(), time.process_time()
    _, there = await asyncio.get_running_loop().create_connection(lambda: Bare(count), "127.0.0.1", port)
    await there.done
    assert len(there.ids) == count
    return time.perf_counter() - start, time.process_time() - worked


async def ours(port: int, count: int) -> tuple[float, float]:
    block = {
        "type": "smpp", "host": "127.0.0.1", "port": str(port), "system_id": "campaigns", "password": "s3cret",
        "window": str(WINDOW),
    }  # fmt: skip
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        return await through_ledger(f"{folder}/ledger.db", "", count, block)


CONTENDERS = {"bare": bare, "a2pcli": ours}


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Operator, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def operator() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


def measured(name: str, port: int, count: int) -> tuple[float, float]:
    """Messages a second, and microseconds of the processor for each."""
    command = [sys.executable, __file__, "--only", name, "--port", str(port), "--count", str(count)]
    took, worked = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return count / took, worked / count * 1e6


def compare(count: int, rounds: int) -> int:
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in CONTENDERS}
    with operator() as port:
        for _ in range(rounds):
            for name in CONTENDERS:
                found[name].append(measured(name, port, count))
    print(f"{count:,} messages over SMPP on this machine, window {WINDOW}, median of {rounds}")
    print(f"{'':32}{'a second':>10}{'processor each':>18}")
    medians = {
        name: tuple(statistics.median(each) for each in zip(*rates, strict=True))
        for name, rates in found.items()
    }
    for name, label in (("bare", "bare codec loop, no ledger"), ("a2pcli", "a2pcli, durable ledger")):
        rate, each = medians[name]
        print(f"{label:32}{rate:>10,.0f}{each:>15,.1f} µs")
    ratios = [statistics.median(b[i] / a[i] for a, b in zip(*found.values(), strict=True)) for i in (0, 1)]
    print(
        f"a2pcli against the bare loop: {ratios[0]:.2f}x the messages a second, {ratios[1]:.1f}x the processor"
    )
    rate, each = medians["a2pcli"]
    return int(rate < GOAL and each > 1e6 / GOAL)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--count", type=int, default=50_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--only", choices=CONTENDERS, help=argparse.SUPPRESS)
    options.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.serve:
        asyncio.run(serve())
    elif given.only:
        print(json.dumps(asyncio.run(CONTENDERS[given.only](given.port, given.count))))
    else:
        sys.exit(compare(given.count, given.rounds))


if __name__ == "__main__":
    main()
