"""What may be sent to the listener, and what happens where more comes than can be stored."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "gateways"))
sys.path.insert(0, str(Path(__file__).parents[1] / "sending"))

from provider_blocks import documented
from sendkit import START_MS, plan_run

from a2pcli.actions import heard as heard_module
from a2pcli.actions.answers import sendable_text
from a2pcli.actions.callback_doors import CallbackDoor, Heard, Proof, callback_doors
from a2pcli.actions.heard import HeardStore
from a2pcli.actions.heard_replies import HeardReply
from a2pcli.config.load import LoadedSettings, load_settings
from a2pcli.contacts.receipt_file import Receipt
from a2pcli.delivery import Delivery
from a2pcli.errors import InvalidInput, LedgerError, Problem
from a2pcli.ledger.records import Run, RunState
from a2pcli.ledger.store import Ledger
from a2pcli.listening import server
from a2pcli.listening.app import Callbacks, make_app
from a2pcli.listening.bodies import LARGEST, Bodies
from a2pcli.listening.notices import MOST, OTHERS, Notices
from a2pcli.listening.ready import Ready
from a2pcli.listening.storing import Storing, TooMuch

PUBLIC = "https://hooks.example.com/in"


@pytest.fixture(scope="module")
def every_provider(tmp_path_factory: pytest.TempPathFactory) -> LoadedSettings:
    """The blocks of the documentation; nothing is verified, so that everything is read."""
    folder = tmp_path_factory.mktemp("providers")
    gateways = {name: block for name, block in documented().items() if str(block.get("type", name)) != "smpp"}
    made = {"gateways": gateways, "listen": {"public_url": PUBLIC, "unsigned": sorted(gateways)}}
    (folder / "a2pcli.yaml").write_text(json.dumps(made))
    return load_settings(folder)


@pytest.fixture(scope="module")
def doors(every_provider: LoadedSettings) -> dict[str, CallbackDoor]:
    found = dict(callback_doors(every_provider, PUBLIC).doors)
    assert len(found) > 15
    return found


WORDS = st.sampled_from(
    [
        "MessageStatus", "MessageSid", "Body", "From", "To", "status", "id", "messageId", "entry", "changes", "value",
        "statuses", "messages", "results", "event", "data", "payload", "message", "text", "part", "reference", "STOP",
        "delivered", "+447911123456", "1", "0", "Type", "Notification", "Message", "\0", "\ud800", "timestamp", "field",
    ]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=25,
)
BODIES = st.one_of(
    st.binary(max_size=200),
    JSON.map(lambda data: json.dumps(data).encode()),
    st.dictionaries(WORDS, WORDS, max_size=8).map(
        lambda fields: "&".join(f"{key}={value}" for key, value in fields.items()).encode("utf-8", "replace")
    ),
)
TYPES = st.sampled_from(
    [
        "application/json",
        "application/x-www-form-urlencoded",
        "text/xml",
        "multipart/form-data",
        "",
        "\xff",
        "text/plain",
    ]
)
QUERIES = st.binary(max_size=60).map(lambda raw: raw.replace(b" ", b"")) | st.just(
    b"status=1&id=a&reference=r2345678-000001"
)


async def ask(
    app: Any,
    path: str,
    method: str,
    query: bytes,
    headers: Sequence[Any],
    body: bytes,
    gone: asyncio.Event | None = None,
) -> int:
    """The status of the answer. With ``gone`` the body does not end; the client leaves when it is set."""
    scope = {
        "type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": path,
        "raw_path": path.encode(), "query_string": query, "headers": headers, "root_path": "",
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    status = 0

    has_begun = False

    async def receive() -> dict[str, Any]:
        nonlocal has_begun
        if gone is not None and has_begun:
            await gone.wait()
            return {"type": "http.disconnect"}
        has_begun = True
        return {"type": "http.request", "body": body, "more_body": gone is not None}

    async def send(event: Any) -> None:
        nonlocal status
        status = event.get("status", status)

    await app(scope, receive, send)
    return status


@given(st.data())
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_that_is_sent_ends_in_an_error(
    every_provider: LoadedSettings, doors: dict[str, CallbackDoor], tmp_path: Path, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(doors)))
    door = doors[name]
    bare = CallbackDoor(name, PUBLIC, door._reader, None, unsigned=True)
    bare.proof = data.draw(st.sampled_from([Proof.NOTHING, door.proof]))
    requests = data.draw(st.lists(st.tuples(TYPES, QUERIES, BODIES), min_size=1, max_size=4))
    statuses: list[int] = []

    async def run(ledger: Ledger) -> None:
        storing = Storing(HeardStore(ledger, every_provider, {}).keep)
        storing.start()
        callbacks = Callbacks({name: bare}, (), storing, Notices(lambda _text: None), "/in", Bodies())

        app = make_app(callbacks, Ready(lambda: None), [], PUBLIC)
        for prefix in ("", "/in"):
            for kind, query, body in requests:
                headers = [(b"content-type", kind.encode("latin-1"))]
                path = f"{prefix}/callbacks/{name}"
                statuses.append(await ask(app, path, data.draw(METHODS), query, headers, body))
        await storing.close()

    with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
        asyncio.run(run(ledger))
    assert set(statuses) <= {200, 403, 405}, (name, statuses)


METHODS = st.sampled_from(["GET", "POST", "POST", "POST", "DELETE", "HEAD", "OPTIONS"])


def test_a_body_that_is_too_large_is_refused_by_its_length_alone(doors: dict[str, CallbackDoor]) -> None:
    async def run() -> int:
        callbacks = Callbacks(
            doors, (), Storing(lambda some: None), Notices(lambda _text: None), "", Bodies()
        )
        app = make_app(callbacks, Ready(lambda: None), [], PUBLIC)
        headers = [(b"content-length", str(LARGEST + 1).encode())]
        return await ask(app, f"/callbacks/{min(doors)}", "POST", b"", headers, b"")

    assert asyncio.run(run()) == 413


def test_bodies_that_arrive_at_once_have_a_limit_together(
    doors: dict[str, CallbackDoor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half-sent bodies hold no more memory than that, and there is room again when their senders are gone."""
    monkeypatch.setattr("a2pcli.listening.bodies.MOST_ARRIVING", 2_500)

    async def run() -> tuple[list[int], int]:
        callbacks = Callbacks(
            doors, (), Storing(lambda some: None), Notices(lambda _text: None), "", Bodies()
        )
        app, gone = make_app(callbacks, Ready(lambda: None), [], PUBLIC), asyncio.Event()
        path = f"/callbacks/{min(doors)}"
        slow = [asyncio.create_task(ask(app, path, "POST", b"", [], b"x" * 1_000, gone)) for _ in range(3)]
        await asyncio.sleep(0)
        (refused,), waiting = await asyncio.wait(slow, return_when=asyncio.FIRST_COMPLETED)
        gone.set()
        statuses = [refused.result(), *(await asyncio.gather(*waiting))]
        return statuses, await ask(app, path, "POST", b"", [], b"x" * 1_000)

    statuses, later = asyncio.run(run())
    assert statuses == [503, 400, 400]
    assert later != 503


def heard(many: int = 1) -> Heard:
    return Heard("kannel", tuple(range(many)))  # type: ignore[arg-type]


def test_what_is_more_than_may_wait_is_not_taken_and_nothing_that_was_taken_is_lost() -> None:
    kept: list[Heard] = []
    may_go = threading.Event()

    def keep(some: Sequence[Heard]) -> None:
        may_go.wait(30)
        kept.extend(some)

    async def run() -> int:
        storing = Storing(keep, most=10)
        storing.start()
        taken = []
        refused = 0
        for _ in range(15):
            try:
                taken.append(storing.store(heard()))
            except TooMuch:
                refused += 1
        may_go.set()
        await asyncio.gather(*taken)
        storing.store(heard())
        await storing.close()
        return refused

    assert asyncio.run(run()) == 5
    assert len(kept) == 11


def test_what_the_ledger_refuses_of_one_request_keeps_no_other_from_being_stored() -> None:
    kept: list[Heard] = []
    bad = heard(3)

    def keep(some: Sequence[Heard]) -> None:
        if any(one is bad for one in some):
            raise LedgerError("no")
        kept.extend(some)

    async def run() -> list[Any]:
        storing = Storing(keep)
        storing.start()
        futures = [storing.store(one) for one in (heard(), bad, heard())]
        found = await asyncio.gather(*futures, return_exceptions=True)
        await storing.close()
        return list(found)

    first, second, third = asyncio.run(run())
    assert (first, third, len(kept)) == (None, None, 2)
    assert isinstance(second, LedgerError)


def test_a_ledger_that_is_gone_is_not_tried_for_each_request_when_the_listener_stops() -> None:
    tries: list[int] = []

    def keep(some: Sequence[Heard]) -> None:
        tries.append(len(some))
        raise LedgerError(Problem("the ledger's file was deleted", code="ledger-gone"))

    async def run() -> list[Any]:
        storing = Storing(keep)
        storing.start()
        futures = [storing.store(heard()) for _ in range(500)]
        await storing.close()
        return await asyncio.gather(*futures, return_exceptions=True)

    assert {type(one) for one in asyncio.run(run())} == {LedgerError}
    assert sum(tries) == 500
    assert len(tries) < 5


def test_only_runs_that_may_have_changed_are_looked_at_again(
    every_provider: LoadedSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One takes a pass over all of its messages: again and again while it is sent, once more after that, and whenever
    a receipt has come."""
    looked_at: list[str] = []
    real = heard_module.apply_late

    def apply_late(ledger: Ledger, some: Sequence[Run]) -> set[int]:
        looked_at.extend(run.id for run in some)
        return real(ledger, some)

    def looked() -> list[str]:
        looked_at.clear()
        store.settle()
        return sorted(looked_at)

    monkeypatch.setattr(heard_module, "apply_late", apply_late)
    with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
        old, new = (plan_run(ledger, 3, campaign=name) for name in ("old", "new"))
        store = HeardStore(ledger, every_provider, {})
        assert (looked(), looked()) == (sorted([old.id, new.id]), [])
        ledger.runs.set_state(new, RunState.SENDING, None, START_MS)
        assert (looked(), looked()) == ([new.id], [new.id])
        ledger.runs.set_state(new, RunState.FINISHED, None, START_MS)
        assert (looked(), looked()) == ([new.id], [])
        receipt = Receipt(0, "S1", old.reference(1), "delivered", Delivery.DELIVERED, None, None)
        store.keep([Heard("kannel", (receipt,))])
        assert (looked(), looked()) == ([old.id], [])


def test_a_search_for_messages_that_fails_is_not_called_a_request_that_was_refused() -> None:
    said: list[str] = []

    class Store:
        def settle(self) -> None:
            raise LedgerError("the disk is full")

    async def run() -> None:
        told = asyncio.Event()

        def tell(sentence: str) -> None:
            said.append(sentence)
            told.set()

        with ThreadPoolExecutor(1) as thread:
            searching = asyncio.create_task(server._match(Store(), thread, Notices(tell)))  # type: ignore[arg-type]
            await told.wait()
            searching.cancel()

    asyncio.run(asyncio.wait_for(run(), 10))
    assert said == ["receipts could not be matched to their messages, which is tried again: the disk is full"]


def test_work_in_the_background_that_an_error_ends_is_told_and_begun_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "BEGINS_AGAIN", 0.0)
    said: list[str] = []
    begun = list[int]()

    async def work() -> None:
        begun.append(1)
        if len(begun) < 3:
            raise UnicodeError("no host has this name")

    asyncio.run(asyncio.wait_for(server.kept_up(work, Notices(said.append)), 10))
    assert len(begun) == 3
    assert said == ["a part of the listener ended by an error and begins again: UnicodeError"]


def test_the_log_counts_what_it_has_no_room_for() -> None:
    said: list[str] = []
    notices = Notices(said.append)
    for number in range(3 * MOST):
        notices.note(f"event {number}: not taken")
    notices.sum_up()
    assert len(said) == MOST + 2
    assert said[-2:] == [OTHERS, f"{OTHERS} ({2 * MOST - 1:,} more)"]


def test_a_reply_is_stored_without_what_no_database_stores() -> None:
    heard = HeardReply("07911\x00123456", None, "yes\0\ud83d" + "a" * 20_000, id="\0").storable()
    assert (heard.sender, heard.text[:5], len(heard.text), heard.id) == (
        "07911\ufffd123456", "yes\ufffd?", 10_000, "\ufffd",
    )  # fmt: skip


@pytest.mark.parametrize("channel", ["sms", "email", "whatsapp"])
@pytest.mark.parametrize("text", ["Hi\0", "Hi \ud83d", " "])
def test_a_text_that_no_database_stores_is_no_answer_on_any_channel(
    every_provider: LoadedSettings, channel: str, text: str
) -> None:
    with pytest.raises(InvalidInput):
        sendable_text(every_provider, channel, text)


def test_what_stores_can_be_closed_and_started_again() -> None:
    kept: list[object] = []

    async def run() -> None:
        storing = Storing[Heard](kept.extend)
        for name in ("one", "two"):
            storing.start()
            await storing.store(Heard(name, receipts=()))
            await storing.close()

    asyncio.run(asyncio.wait_for(run(), 10))
    assert [one.gateway for one in kept] == ["one", "two"]  # type: ignore[attr-defined]
