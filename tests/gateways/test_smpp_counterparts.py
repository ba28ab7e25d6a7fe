"""The SMPP gateway against operators' software that nobody of this project wrote.

npm's ``smpp`` is looked for in ``NODE_PATH``, then where ``npm root`` and ``npm root -g`` say; it comes by
``npm install smpp``.
jsmpp's simulator (Java) is looked for in ``JSMPP_CLASSPATH``: classes of jsmpp, jsmpp-examples and slf4j-api.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("smpp34", reason="the extra is not installed: pip install 'a2pcli[smpp]'")

from test_smpp_contract import smpp_block
from test_smpp_messages import message
from test_smpp_receipts import Kept
from test_smpp_session import until

from a2pcli.contacts.receipt_file import Receipt
from a2pcli.delivery import Delivery
from a2pcli.gateways.base import Health, Submitted
from a2pcli.gateways.registry import create
from a2pcli.messages import Cause, Message, Outcome, Verdict

NODE_SMSC = """
const smpp = require('smpp');
let taken = 0;
const ids = new Map();
const server = smpp.createServer({}, session => {
  const bound = pdu => {
    if (pdu.password !== 's3cret') { session.send(pdu.response({command_status: smpp.ESME_RINVPASWD})); return; }
    session.send(pdu.response());
  };
  for (const kind of ['bind_transceiver', 'bind_transmitter', 'bind_receiver']) session.on(kind, bound);
  session.on('enquire_link', pdu => session.send(pdu.response()));
  session.on('unbind', pdu => { session.send(pdu.response()); session.close(); });
  session.on('error', () => {});
  session.on('query_sm', pdu => {
    if (ids.get(pdu.message_id) !== pdu.source_addr) {
      session.send(pdu.response({command_status: smpp.ESME_RQUERYFAIL})); return;
    }
    session.send(pdu.response({
      message_id: pdu.message_id, final_date: new Date(Date.UTC(2026, 2, 1, 10, 1)), message_state: 2, error_code: 0,
    }));
  });
  session.on('cancel_sm', pdu => {
    const isOurs = ids.get(pdu.message_id) === pdu.source_addr && pdu.dest_addr_ton === 1 && pdu.dest_addr_npi === 1;
    const isThere = isOurs && pdu.destination_addr.startsWith('447911200') && pdu.service_type === '';
    session.send(pdu.response({command_status: isThere ? 0 : smpp.ESME_RCANCELFAIL}));
  });
  session.on('submit_sm', pdu => {
    const text = pdu.short_message && pdu.short_message.message;
    console.log(JSON.stringify({
      to: pdu.destination_addr, from: pdu.source_addr, ton: [pdu.source_addr_ton, pdu.dest_addr_ton],
      text: Buffer.isBuffer(text) ? text.toString('hex') : text,
      udh: pdu.short_message.udh ? pdu.short_message.udh.map(one => Buffer.from(one).toString('hex')) : null,
      payload: pdu.message_payload ? pdu.message_payload.message : null,
      sar: pdu.sar_total_segments ? [pdu.sar_total_segments, pdu.sar_segment_seqnum] : null,
      coding: pdu.data_coding, registered: pdu.registered_delivery, validity: pdu.validity_period,
    }));
    if (pdu.destination_addr.endsWith('58')) {
      session.send(pdu.response({command_status: smpp.ESME_RTHROTTLED})); return;
    }
    if (pdu.destination_addr.endsWith('11')) {
      session.send(pdu.response({command_status: smpp.ESME_RINVDSTADR})); return;
    }
    const id = 0xabc000 + (++taken);
    session.send(pdu.response({message_id: id.toString(16)}));
    session.deliver_sm({
      source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: 4,
      short_message: 'id:' + id + ' sub:001 dlvrd:001 submit date:2603011000 done date:2603011001'
        + ' stat:DELIVRD err:000 text:',
    }, answer => console.log(JSON.stringify({acknowledged: answer.command_status})));
    ids.set(id.toString(16), pdu.source_addr);
    if (taken === 1) session.deliver_sm({
      source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, data_coding: 8,
      short_message: {message: 'Спасибо'},
    });
  });
});
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({port: server.address().port})));
"""


def node_path() -> str | None:
    """Where npm's smpp is, or None."""
    if shutil.which("node") is None:
        return None
    places = [one for one in os.environ.get("NODE_PATH", "").split(os.pathsep) if one]
    for more in ([], ["-g"]) if shutil.which("npm") else ():
        found = subprocess.run(["npm", "root", *more], capture_output=True, text=True, check=False)
        places.append(found.stdout.strip())
    return next((one for one in places if one and (Path(one) / "smpp" / "package.json").exists()), None)


@contextmanager
def program(command: Sequence[str], **environ: str) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """A program that prints its port, then what it received, a JSON object a line."""
    received: list[dict[str, Any]] = []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environ})
    assert process.stdout is not None
    try:
        port = json.loads(process.stdout.readline())["port"]

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                received.append(json.loads(line))

        threading.Thread(target=read, daemon=True).start()
        yield port, received
    finally:
        process.terminate()
        process.wait(10)


def used(port: int, work: Any, keep: Kept | None = None, **block: Any) -> Any:
    async def run() -> Any:
        gateway: Any = create("operator", {**smpp_block(port), "timeout": "10", **block})
        gateway.keep = keep
        await gateway.open()
        try:
            return await work(gateway)
        finally:
            await gateway.close()

    return asyncio.run(run())


def each(*sent: Message) -> Any:
    async def work(gateway: Any) -> list[Outcome]:
        return [one[0] for one in await asyncio.gather(*[gateway.submit([one]) for one in sent])]

    return work


@pytest.fixture(scope="module")
def node() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    place = node_path()
    if place is None:
        pytest.skip("npm's smpp is not installed: npm install smpp, and NODE_PATH=…/node_modules")
    with program(["node", "-e", NODE_SMSC], NODE_PATH=place) as found:
        yield found


LONG = "Ελλάδα {€} " * 30


def test_npms_smpp_reads_every_text_as_it_was_written(node: tuple[int, list[dict[str, Any]]]) -> None:
    port, received = node
    received.clear()
    texts = ["Hi {€} ÄÖ @£", "я и 😀", LONG]
    sent = [
        message(text, number=n, to=f"+4479111000{n}0", sender=("ACME", "78500", "+447700900999")[n])
        for n, text in enumerate(texts)
    ]
    for long in ("udh", "sar", "payload"):
        outcomes = used(port, each(*sent), long=long)
        assert {one.verdict for one in outcomes} == {Verdict.ACCEPTED}
        got: dict[str, str] = {}
        for one in [one for one in received if "to" in one]:
            got[one["to"]] = got.get(one["to"], "") + (one["payload"] or one["text"])
            assert one["registered"] == 1
        assert got == {one.to[1:]: one.body for one in sent}
        parts = [one["udh"] or one["sar"] for one in received if one.get("to") == sent[2].to[1:]]
        assert (len(parts) > 3) is (long != "payload")
        received.clear()


def test_npms_smpp_gets_its_receipts_acknowledged_and_its_ids_understood(
    node: tuple[int, list[dict[str, Any]]],
) -> None:
    """It answers in hexadecimal and tells of deliveries in decimal."""
    port, received = node
    kept = Kept()

    async def work(gateway: Any) -> list[Outcome]:
        outcomes = await each(*[message(number=n, to=f"+447911200{n:03}") for n in range(120, 150)])(gateway)
        await until(lambda: len(kept.receipts) == 30)
        await until(lambda: sum("acknowledged" in one for one in received) >= 30)
        return list(outcomes)

    outcomes = used(port, work, keep=kept)
    assert {one.verdict for one in outcomes} == {Verdict.ACCEPTED}
    assert {one["acknowledged"] for one in received if "acknowledged" in one} == {0}
    assert {one.delivery for one in kept.receipts} == {Delivery.DELIVERED}
    assert {one.reference for one in kept.receipts} == {f"r2345678-{n:06d}" for n in range(120, 150)}
    assert {one.gateway_id for one in kept.receipts} == {one.gateway_id for one in outcomes}


def test_npms_smpp_says_no_and_is_understood(node: tuple[int, list[dict[str, Any]]]) -> None:
    port, _ = node
    full, wrong = used(port, each(message(to="+447911100058"), message(to="+447911100011")))
    assert (full.verdict, full.cause, full.code) == (Verdict.NOT_SENT, Cause.RATE, "0x58")
    assert (wrong.verdict, wrong.cause, wrong.code) == (Verdict.REJECTED, Cause.PERMANENT, "0x0B")
    health = used(port, lambda gateway: gateway.check(), password="other")
    assert health == Health(False, "the operator refused the password (0x0E)")


def test_npms_smpp_is_asked_what_became_of_a_message(node: tuple[int, list[dict[str, Any]]]) -> None:
    async def work(gateway: Any) -> Sequence[Receipt | str]:
        ((outcome,),) = [await gateway.submit([message(to="+447911200777")])]
        known = Submitted("r2345678-000001", outcome.gateway_id, "ACME")
        return await gateway.find([known, Submitted("r2345678-000002", outcome.gateway_id, "OTHER")])

    found, other = used(node[0], work)
    assert (found.reference, found.status, found.delivery) == (
        "r2345678-000001",
        "DELIVRD",
        Delivery.DELIVERED,
    )
    assert found.at == 1_772_359_260_000
    assert other == "the operator could not look it up (0x67)"


def test_npms_smpp_takes_a_message_back(node: tuple[int, list[dict[str, Any]]]) -> None:
    async def work(gateway: Any) -> list[bool | None]:
        ((outcome,),) = [await gateway.submit([message(to="+447911200778")])]
        ours, other = (Submitted("r2345678-000001", outcome.gateway_id, one) for one in ("ACME", "OTHER"))
        return [await gateway.revoke_by_id("+447911200778", [one]) for one in (other, ours)]

    assert used(node[0], work) == [False, True]


@pytest.fixture(scope="module")
def jsmpp() -> Iterator[int]:
    path = os.environ.get("JSMPP_CLASSPATH")
    if not path or shutil.which("java") is None:
        pytest.skip(
            "jsmpp's simulator is not there: JSMPP_CLASSPATH=classes of jsmpp, jsmpp-examples and slf4j-api"
        )
    port = free_port()
    command = [
        "java",
        "-cp",
        path,
        f"-Djsmpp.simulator.port={port}",
        "org.jsmpp.examples.SMPPServerSimulator",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not is_taken(port):  # a connection without a bind would hold it up
            assert process.poll() is None
            time.sleep(0.1)
        yield port
    finally:
        process.kill()
        process.wait(10)


def test_jsmpps_simulator_takes_messages_and_its_receipts_find_them(jsmpp: int) -> None:
    """Strict about what it reads; hexadecimal in the answer, decimal in the receipt, a text of its own at each bind."""
    kept = Kept()
    sent = [
        *[message(number=n, to=f"+4479114{n:05}") for n in range(1, 41)],
        message("я" * 150, number=41),
        message("x" * 400, number=42),
    ]

    async def work(gateway: Any) -> list[Outcome]:
        outcomes = await each(*sent)(gateway)
        await until(lambda: sum(one.delivery is Delivery.DELIVERED for one in kept.receipts) == 46, 20)
        await until(lambda: kept.replies)
        return list(outcomes)

    outcomes = used(jsmpp, work, keep=kept, system_id="j", password="jpwd", window="5")
    assert {one.verdict for one in outcomes} == {Verdict.ACCEPTED}
    delivered = [one.reference for one in kept.receipts if one.delivery is Delivery.DELIVERED]
    wanted = Counter({f"r2345678-{n:06d}": 1 for n in range(1, 41)})
    assert Counter(delivered) == wanted + Counter({"r2345678-000041": 3, "r2345678-000042": 3})
    assert [one.text for one in kept.replies] == ["Hello World"]
    health = used(jsmpp, lambda gateway: gateway.check(), system_id="j", password="other")
    assert health == Health(False, "the operator refused the password (0x0E)")


def test_jsmpps_simulator_says_that_it_knows_no_query_sm(jsmpp: int) -> None:
    async def work(gateway: Any) -> Sequence[Receipt | str]:
        return await gateway.find([Submitted("r2345678-000001", "abc", "ACME")])

    assert used(jsmpp, work, system_id="j", password="jpwd") == ["the operator does not support query_sm"]


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return True
    return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_smpp34s_server_takes_messages_and_gets_its_receipts_acknowledged() -> None:
    """Its codec is ours; its session is not."""
    import smpp34

    kept = Kept()

    async def serve(server: Any) -> None:
        sessions: dict[str, Any] = {}
        while True:
            event = await server.next()
            if isinstance(event, smpp34.Esme):
                sessions[event.session_id] = event
            elif isinstance(event, smpp34.SubmitSmEvent):
                id = f"id-{event.destination_addr[-4:]}"
                event.accept(message_id=id)
                await sessions[event.session_id].deliver_sm(
                    source_addr=event.destination_addr,
                    destination_addr=event.source_addr,
                    esm_class=4,
                    short_message=f"id:{id} sub:001 dlvrd:001 done date:2603011001 stat:DELIVRD err:000".encode(),
                )

    async def run() -> list[Outcome]:
        port = free_port()
        server = smpp34.Server(host="127.0.0.1", port=port, system_id="SMSC")
        await server.start()
        serving = asyncio.ensure_future(serve(server))
        gateway: Any = create("operator", {**smpp_block(port), "timeout": "10"})
        gateway.keep = kept
        await gateway.open()
        try:
            outcomes = await each(*[message(number=n, to=f"+44791130{n:04}") for n in range(1, 41)])(gateway)
            await until(lambda: len(kept.receipts) == 40)
            return list(outcomes)
        finally:
            await gateway.close()
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    outcomes = asyncio.run(run())
    assert [one.gateway_id for one in outcomes] == [f"id-{n:04}" for n in range(1, 41)]
    assert {one.reference for one in kept.receipts} == {f"r2345678-{n:06d}" for n in range(1, 41)}
