"""The outbox: accepted means on the disk, a torn line is known, a failure takes everything back."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from gatewaykit import message, messages

from a2pcli.errors import GatewayUnusable, InvalidInput
from a2pcli.gateways.outbox import OutboxGateway
from a2pcli.gateways.outbox_forget import forget_in_outbox
from a2pcli.messages import Cause, Message, Outcome, Verdict


def outbox(folder: Path, **more: Any) -> OutboxGateway:
    return OutboxGateway("outbox", {"folder": folder, "file": "out.jsonl", **more})


def submit(made: OutboxGateway, *batches: list[Message]) -> list[Outcome]:
    async def whole() -> list[Outcome]:
        await made.open()
        try:
            return [outcome for batch in batches for outcome in await made.submit(batch)]
        finally:
            await made.close()

    return asyncio.run(whole())


def look_up(made: OutboxGateway, *references: str) -> dict[str, Verdict]:
    told = asyncio.run(made.lookup(references))
    return {reference: outcome.verdict for reference, outcome in told.items()}


def records(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "out.jsonl").read_bytes().split(b"\n")
    assert lines.pop() == b""
    return [json.loads(line) for line in lines]


def test_a_record_holds_the_whole_message(tmp_path: Path) -> None:
    one = message(body="é \u2028 😀\n", sender="ACME", channel="mms", media=("https://a.example/x",), parts=2)
    (outcome,) = submit(outbox(tmp_path), [one])
    assert (outcome.verdict, outcome.gateway_id) == (Verdict.ACCEPTED, one.reference)
    (record,) = records(tmp_path)
    at = record.pop("at")
    assert at.endswith("+00:00")
    assert record == {
        "reference": one.reference, "to": one.to, "body": one.body, "sender": "ACME", "channel": "mms",
        "media": ["https://a.example/x"], "parts": 2,
    }  # fmt: skip


def test_each_record_is_one_line_for_every_reader(tmp_path: Path) -> None:
    submit(outbox(tmp_path), [message(body="a\nb\r\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e")])
    assert len((tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()) == 1


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    submit(outbox(tmp_path), messages(1))
    assert (tmp_path / "out.jsonl").stat().st_mode & 0o777 == 0o600


def test_the_path_counts_from_the_settings_folder_and_is_made(tmp_path: Path) -> None:
    submit(outbox(tmp_path, file="a/b/c.jsonl"), messages(1))
    assert (tmp_path / "a/b/c.jsonl").is_file()


def test_the_settings_sender_stands_in(tmp_path: Path) -> None:
    submit(outbox(tmp_path, sender="ACME"), [message()])
    assert records(tmp_path)[0]["sender"] == "ACME"


def test_lookup_knows_for_sure(tmp_path: Path) -> None:
    made = outbox(tmp_path)
    assert made.capabilities.durable_lookup
    submit(made, messages(2), [message(3)])
    assert look_up(made, "r7k2m9qd-000001", "r7k2m9qd-000003", "r7k2m9qd-000004") == {
        "r7k2m9qd-000001": "accepted", "r7k2m9qd-000003": "accepted", "r7k2m9qd-000004": "not_sent"
    }  # fmt: skip


def test_without_a_file_nothing_is_told(tmp_path: Path) -> None:
    """It may have been moved away with the message in it."""
    assert look_up(outbox(tmp_path), "r7k2m9qd-000001") == {}


@pytest.mark.parametrize("torn", [b'{"reference": "r7k2m9qd-000002", "to"', b"\x00" * 50, b"{"])
def test_a_torn_line_is_closed_off_and_never_taken_for_never_sent(tmp_path: Path, torn: bytes) -> None:
    submit(outbox(tmp_path), messages(1))
    with (tmp_path / "out.jsonl").open("ab") as file:
        file.write(torn)
    made = outbox(tmp_path)
    submit(made, [message(3)])
    assert made.repaired
    lines = (tmp_path / "out.jsonl").read_bytes().splitlines()
    assert lines[1] == torn
    assert json.loads(lines[2])["reference"] == "r7k2m9qd-000003"
    assert look_up(made, "r7k2m9qd-000001", "r7k2m9qd-000002", "r7k2m9qd-000003") == {
        "r7k2m9qd-000001": "accepted", "r7k2m9qd-000003": "accepted"
    }  # fmt: skip
    again = outbox(tmp_path)
    submit(again, [message(2)])
    assert look_up(again, "r7k2m9qd-000002") == {"r7k2m9qd-000002": "accepted"}


TORN = {
    "after its reference": (b'{"reference": "r7k2m9qd-000002", "to": "+1202', {"r7k2m9qd-000002"}),
    "in its reference": (b'{"reference": "r7k2m9qd-00000', {"r7k2m9qd-000002", "r7k2m9qd-000009"}),
    "of another run": (b'{"reference": "raaaaaaa-000002", "to"', set()),
    "an end": (b'0143", "body": "Hello"}', {"r7k2m9qd-000002", "r7k2m9qd-000009"}),
    "a start and another's end": (
        b'{"reference": "raaaaaaa-000002", "to": "+1202\0\0\0", "at": "x"}',
        {"r7k2m9qd-000002", "r7k2m9qd-000009"},
    ),
    "blanked once": (b'{"erased": true}', {"r7k2m9qd-000002", "r7k2m9qd-000009"}),
}


@pytest.mark.parametrize("erased_since", [False, True])
@pytest.mark.parametrize("case", list(TORN))
def test_a_torn_line_keeps_only_those_unknown_whose_it_may_be(
    tmp_path: Path, case: str, erased_since: bool
) -> None:
    torn, unknown = TORN[case]
    (tmp_path / "out.jsonl").write_bytes(torn + b"\n")
    submit(outbox(tmp_path), [message(1)])
    if erased_since:
        forget_in_outbox(tmp_path / "out.jsonl", "+4479111111")
        assert b"1202" not in (tmp_path / "out.jsonl").read_bytes().splitlines()[0]
    asked = ["r7k2m9qd-000001", "r7k2m9qd-000002", "r7k2m9qd-000009"]
    told = look_up(outbox(tmp_path), *asked)
    assert set(asked) - set(told) == unknown
    assert told["r7k2m9qd-000001"] == "accepted"


def test_a_whole_record_that_only_lacks_its_end_counts(tmp_path: Path) -> None:
    submit(outbox(tmp_path), messages(1))
    path = tmp_path / "out.jsonl"
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    made = outbox(tmp_path)
    submit(made, [message(2)])
    assert look_up(made, "r7k2m9qd-000001", "r7k2m9qd-000002") == {
        "r7k2m9qd-000001": "accepted", "r7k2m9qd-000002": "accepted"
    }  # fmt: skip


def test_a_line_torn_by_another_process_meanwhile_is_closed_off_too(tmp_path: Path) -> None:
    async def whole() -> None:
        made = outbox(tmp_path)
        await made.open()
        await made.submit(messages(1))
        with (tmp_path / "out.jsonl").open("ab") as file:
            file.write(b'{"torn')
        await made.submit([message(2)])
        await made.close()

    asyncio.run(whole())
    assert [line[:6] for line in (tmp_path / "out.jsonl").read_bytes().splitlines()] == [
        b'{"refe', b'{"torn', b'{"refe'
    ]  # fmt: skip


def test_a_short_write_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up in the middle of a batch: nobody of it is accepted, and nothing of it stays."""
    made = outbox(tmp_path)
    submit(made, messages(1))
    before = (tmp_path / "out.jsonl").read_bytes()
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[: len(data) // 2]))
    outcomes = submit(made, messages(5))
    monkeypatch.undo()
    assert {(one.verdict, one.cause, one.code) for one in outcomes} == {("not_sent", "unreachable", "ENOSPC")}
    assert (tmp_path / "out.jsonl").read_bytes() == before


def test_a_real_full_disk_is_taken_back(tmp_path: Path) -> None:
    """A limit on the file's size makes the kernel write short and then refuse, as a full disk does."""
    script = f"""
import asyncio, resource, signal, sys
sys.path[:0] = {[str(Path(__file__).parent)]!r}
from pathlib import Path
from gatewaykit import messages
from a2pcli.gateways.outbox import OutboxGateway
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
async def whole():
    made = OutboxGateway("outbox", {{"folder": Path({str(tmp_path)!r}), "file": "out.jsonl"}})
    await made.open()
    first = await made.submit(messages(3))
    second = await made.submit(messages(50))
    third = await made.submit(messages(1))
    print([one.verdict.value for one in (first[0], second[0], second[49], third[0])], second[0].code)
asyncio.run(whole())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert (
        done.stdout.strip() == "['accepted', 'not_sent', 'not_sent', 'accepted'] EFBIG"
        or done.stdout.strip() == ("['accepted', 'not_sent', 'not_sent', 'accepted'] ENOSPC")
    )
    assert len(records(tmp_path)) == 4


def failing(code: int) -> Any:
    def fails(*details: Any) -> Any:
        raise OSError(code, os.strerror(code))

    return fails


def test_a_failed_sync_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = outbox(tmp_path)
    submit(made, messages(1))
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    (outcome,) = submit(made, [message(2)])
    assert (outcome.verdict, outcome.cause, outcome.code) == ("unknown", "ambiguous", "EIO")


def test_a_write_that_cannot_be_taken_back_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = outbox(tmp_path)
    submit(made, messages(1))
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:9]))
    monkeypatch.setattr(os, "ftruncate", failing(errno.EIO))
    (outcome,) = submit(made, [message(2)])
    assert outcome.verdict is Verdict.UNKNOWN


def test_several_processes_append_without_harm(tmp_path: Path) -> None:
    script = f"""
import asyncio, sys
sys.path[:0] = {[str(Path(__file__).parent)]!r}
from pathlib import Path
from gatewaykit import message
from a2pcli.gateways.outbox import OutboxGateway
async def whole():
    made = OutboxGateway("outbox", {{"folder": Path({str(tmp_path)!r}), "file": "out.jsonl"}})
    await made.open()
    base = int(sys.argv[1])
    for start in range(0, 200, 20):
        await made.submit([message(base + start + i, "x" * 700) for i in range(20)])
    await made.close()
asyncio.run(whole())
"""
    running = [subprocess.Popen([sys.executable, "-c", script, str(base)]) for base in (0, 1000, 2000)]
    assert [one.wait(60) for one in running] == [0, 0, 0]
    found = [record["reference"] for record in records(tmp_path)]
    assert len(found) == len(set(found)) == 600


def test_a_killed_writer_leaves_whole_lines_or_a_known_torn_one(tmp_path: Path) -> None:
    """What it told as accepted is in the file after ``kill -9``."""
    script = f"""
import asyncio, sys
sys.path[:0] = {[str(Path(__file__).parent)]!r}
from pathlib import Path
from gatewaykit import message
from a2pcli.gateways.outbox import OutboxGateway
async def whole():
    made = OutboxGateway("outbox", {{"folder": Path({str(tmp_path)!r}), "file": "out.jsonl"}})
    await made.open()
    number = 0
    while True:
        batch = [message(number + i) for i in range(50)]
        await made.submit(batch)
        number += 50
        print(number, flush=True)
asyncio.run(whole())
"""
    running = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    told = [int(running.stdout.readline()) for _ in range(5)]
    running.send_signal(signal.SIGKILL)
    told += [int(line) for line in running.stdout.read().split()]
    running.wait()
    accepted = [f"r7k2m9qd-{number:06d}" for number in range(told[-1])]
    assert set(look_up(outbox(tmp_path), *accepted).values()) == {"accepted"}


def test_a_renamed_file_is_left_and_a_new_one_made(tmp_path: Path) -> None:
    async def whole() -> None:
        made = outbox(tmp_path)
        await made.open()
        await made.submit([message(1)])
        (tmp_path / "out.jsonl").rename(tmp_path / "old.jsonl")
        await made.submit([message(2)])
        await made.close()

    asyncio.run(whole())
    assert [record["reference"] for record in records(tmp_path)] == ["r7k2m9qd-000002"]
    assert b"000001" in (tmp_path / "old.jsonl").read_bytes()


def test_a_lock_held_by_somebody_else_is_waited_for_and_then_told(tmp_path: Path) -> None:
    made = outbox(tmp_path, timeout="0.1")
    submit(made, messages(1))
    with (tmp_path / "out.jsonl").open("rb") as file:

        async def whole() -> Outcome:
            await made.open()
            fcntl.flock(file, fcntl.LOCK_EX)
            outcome = (await made.submit([message(2)]))[0]
            fcntl.flock(file, fcntl.LOCK_UN)
            await made.close()
            return outcome

        outcome = asyncio.run(whole())
    assert (outcome.verdict, outcome.cause) == (Verdict.NOT_SENT, Cause.UNREACHABLE)


def test_what_cannot_be_encoded_is_rejected_alone(tmp_path: Path) -> None:
    outcomes = submit(outbox(tmp_path), [message(1), message(2, "half \ud83d"), message(3)])
    assert [one.verdict for one in outcomes] == ["accepted", "rejected", "accepted"]
    assert len(records(tmp_path)) == 2


@pytest.mark.parametrize("there", ["folder", "pipe", "file in the way"])
def test_what_is_no_file_is_a_wrong_setting(tmp_path: Path, there: str) -> None:
    target = tmp_path / "out.jsonl"
    if there == "folder":
        target.mkdir()
    elif there == "pipe":
        os.mkfifo(target)
    else:
        target.write_text("x")
    made = outbox(tmp_path, file="out.jsonl/deeper.jsonl") if there == "file in the way" else outbox(tmp_path)
    with pytest.raises(InvalidInput, match=r"gateways\.outbox\.file: "):
        submit(made, messages(1))
    assert not asyncio.run(made.check()).ok


def test_a_folder_that_cannot_be_written_makes_the_gateway_unusable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = os.open

    def read_only(path: Any, *details: Any) -> int:
        if str(path).endswith("out.jsonl"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return opening(path, *details)

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(GatewayUnusable, match="Permission denied"):
        submit(outbox(tmp_path), messages(1))


def test_a_cancelled_submit_does_not_spoil_the_file(tmp_path: Path) -> None:
    async def whole() -> None:
        made = outbox(tmp_path)
        await made.open()
        task = asyncio.create_task(made.submit(messages(100)))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await made.submit([message(200)])
        await made.close()

    asyncio.run(whole())
    assert {record["reference"] for record in records(tmp_path)} >= {"r7k2m9qd-000200"}


@pytest.mark.parametrize("mode", [0o666, 0o644, 0o660, 0o606])
def test_a_file_that_others_could_read_or_write_becomes_private(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "out.jsonl"
    path.touch()
    path.chmod(mode)
    submit(outbox(tmp_path), messages(1))
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_of_somebody_else_that_all_can_write_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out.jsonl").touch()
    (tmp_path / "out.jsonl").chmod(0o666)

    def refuse(_descriptor: int, _mode: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchmod", refuse)
    with pytest.raises(GatewayUnusable, match="its owner must run chmod 600"):
        submit(outbox(tmp_path), messages(1))
