"""Whatever batches leave and come back, the journal of messages in flight names all that are out, in few writes."""

from __future__ import annotations

import os
import struct
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2pcli.ledger import in_flight
from a2pcli.ledger.in_flight import InFlightJournal

ids = st.integers(1, 2**63 - 1)


def journal(folder: str) -> InFlightJournal:
    path = Path(folder) / "journal"
    made = InFlightJournal(path, os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    made._grow(4)
    return made


def named(made: InFlightJournal) -> set[int]:
    data = made.path.read_bytes()[in_flight._HEAD.size :]
    return {id for (id,) in struct.iter_unpack("<Q", data) if id}


@settings(max_examples=100)
@given(st.lists(st.tuples(st.lists(ids, max_size=9), st.data()), max_size=8))
def test_every_message_that_is_out_is_named_and_what_may_go_again_is_not(
    steps: list[tuple[list[int], st.DataObject]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made, out, gone = journal(folder), set[int](), set[int]()
        for batch, data in steps:
            made.note(batch)
            out |= set(batch)
            gone -= set(batch)
            assert out <= named(made)
            assert not gone & named(made)
            back = data.draw(st.sets(st.sampled_from(sorted(out)))) if out else set[int]()
            again = {id for id in back if id % 2}
            made.settled(back, again=again)
            out -= back
            gone |= again
            assert out <= named(made)
            assert not (gone - out) & named(made)
        made.close()


def test_a_batch_takes_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = journal(str(tmp_path))
    made._grow(200)
    writes = []
    plain = os.pwrite

    def pwrite(descriptor: int, data: bytes, at: int) -> int:
        writes.append(len(data))
        return plain(descriptor, data, at)

    monkeypatch.setattr(os, "pwrite", pwrite)
    made.note(range(1, 51))
    made.settled(range(1, 51))
    made.note(range(51, 101))
    made.close()
    assert writes == [448, 448]  # seven groups of eight
