"""A digest of events is begun once, whichever processes hear its first events."""

from __future__ import annotations

import threading

from a2pcli.ledger.store import Ledger
from a2pcli.ledger.triggers import Added, NewTrigger


def event(key: str) -> NewTrigger:
    return NewTrigger(
        "parcel", key, "+447911123456", {}, "test", 1, 9_999_999_999_999, digest="", digest_ms=600
    )


def test_two_processes_begin_one_digest_together(postgres_url: str) -> None:
    other: list[Added] = []
    with Ledger.open(postgres_url) as ledger, Ledger.open(postgres_url) as second:
        begins = threading.Thread(target=lambda: other.extend(second.triggers.add([event("b")], now=1_100)))
        with ledger.transaction():
            (mine,) = ledger.triggers.add([event("a")], now=1_000)
            begins.start()
            begins.join(0.3)
            assert begins.is_alive(), "it has to wait for what this process stores"
        begins.join(10)
    assert [mine.trigger.due_at, other[0].trigger.due_at] == [1_600, 1_600]
