"""The in-flight journal: which claimed messages a gateway may have, known even after the sender was killed.

Claims are made ahead, so a killed sender leaves intents of messages that never left. Its journal tells them apart: a
small file with a slot for each message in flight. The sender writes a message's id into a free slot before its first
byte may reach the gateway, and uses the slot again once the outcome is committed. What is written survives the end
of the process, in the page cache of its machine; it need not survive the machine.

Slots are written in groups (``GROUP``). One write costs more than the ids in it, so the messages that leave next are
noted along with the one that leaves, if they are few compared with what is in flight: after a kill they count as
handed over.

Whoever takes the run over reads it (``left_by``). An open claim that is not in it certainly never left. Where
anything is doubtful, the journal says nothing, and every open claim counts as handed over:

* its writer has not certainly ended, or ended in another boot, on another machine or in another container;
* it belongs to another hold of the run, or is a copy (it names its own inode);
* ledger and journal are not of the same moment: it notes the beat of each commit, see ``holds``. A ledger or a journal
  that was put back to earlier has another;
* a slot could not be written, or the file could not be made: a full disk, a folder that may not be written.

It holds numbers of messages, and nobody's data.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from sqlalchemy.engine import URL

from a2pcli.errors import LedgerError, Problem
from a2pcli.ledger.holds import Hold, Holder
from a2pcli.ledger.processes import Process, myself
from a2pcli.ledger.records import Run

SLOTS = 1024
"""Slots of a new journal; it doubles when all are in use."""

GROUP = 8
"""Slots written at once; a group is used again when all its messages are settled."""

_MAGIC = b"a2pfly01"
_HEAD = struct.Struct("<8sQQQQQ208s")
"""Magic, void flag, device and inode of the file, the hold's token, the beat, the writing process."""
_VOID_AT, _BEAT_AT, _LONGEST_PROCESS = 8, 40, 208
_SLOT = 8
_GROUPS = [struct.Struct(f"<{count}Q{(GROUP - count) * _SLOT}x") for count in range(GROUP + 1)]
"""A group of so many slots in use, by their number; the rest is 0."""
_SUFFIX = ".in-flight"


class InFlightJournal:
    """The journal of one sender. ``note`` and ``settled`` are called by one thread, ``committed`` by any."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._slots: dict[int, int] = {}  # by message id
        self._open: dict[int, int] = {}  # by group in use: how many of its messages are not settled
        self._free: list[int] = []  # groups
        self._size = 0
        self._is_void = False

    @classmethod
    def begin(cls, url: URL, hold: Hold) -> InFlightJournal | None:
        """Return a journal for a hold that has claimed nothing yet; None if none can be kept.

        The hold then reports each commit to it.
        """
        folder, writer = _folder(url), _named(myself())
        if (
            folder is None
            or not writer
            or len(writer) > _LONGEST_PROCESS
            or not hasattr(os, "posix_fallocate")
        ):
            return None
        path = _path(folder, hold.run, hold.token)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _remove_older(folder)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            journal = cls(path, os.open(path, flags, 0o600))
        except OSError:
            return None
        try:
            journal._make(hold, writer)
        except OSError:
            journal.close()
            discard(url, hold.run, hold.token)
            return None
        hold.on_commit = journal.committed
        return journal

    def _make(self, hold: Hold, writer: bytes) -> None:
        self._grow(SLOTS)
        info = os.fstat(self._descriptor)
        head = _HEAD.pack(_MAGIC, 0, info.st_dev, info.st_ino, hold.token, hold.beat, writer)
        _write(self._descriptor, head, 0)
        os.fsync(self._descriptor)  # some disks report only now that they are full

    def note(self, ids: Iterable[int]) -> None:
        """Note that these messages are submitted now or next. Raises ``LedgerError`` if that fails."""
        if self._is_void:
            return
        new = [id for id in dict.fromkeys(ids) if id not in self._slots]
        if not new:
            return
        if len(new) <= GROUP and self._free:
            self._note_group(new)
            return
        groups = -(-len(new) // GROUP)
        try:
            if len(self._free) < groups:
                self._grow(max(self._size, groups * GROUP))
            # Sorted, so that most of a batch is contiguous and takes one write.
            taken = sorted(self._free[-groups:])
            first = 0
            for place in range(1, groups + 1):
                if place < groups and taken[place] == taken[place - 1] + 1:
                    continue
                some = new[first * GROUP : place * GROUP]
                data = struct.pack(f"<{len(some)}Q", *some).ljust((place - first) * GROUP * _SLOT, b"\0")
                _write(self._descriptor, data, _place(taken[first] * GROUP))
                first = place
        except OSError as error:
            self._give_up(error)
            return
        del self._free[-groups:]
        for number, group in enumerate(taken):
            some = new[number * GROUP : (number + 1) * GROUP]
            self._open[group] = len(some)
            self._slots.update(zip(some, range(group * GROUP, (group + 1) * GROUP), strict=False))

    def _note_group(self, new: Sequence[int]) -> None:
        """Note these messages, no more than go into one group."""
        group = self._free[-1]
        slot = group * GROUP
        try:
            _write(self._descriptor, _GROUPS[len(new)].pack(*new), _place(slot))
        except OSError as error:
            self._give_up(error)
            return
        self._free.pop()
        self._open[group] = len(new)
        for id in new:
            self._slots[id] = slot
            slot += 1

    def has(self, id: int) -> bool:
        """Whether this message is noted already or needs no note."""
        return self._is_void or id in self._slots

    def settled(self, ids: Iterable[int], *, again: Collection[int] = ()) -> None:
        """Free the slots of messages whose outcome is committed; those in ``again`` may be claimed again."""
        if self._is_void:
            return
        try:
            for id in ids:
                slot = self._slots.pop(id, None)
                if slot is None:
                    continue
                if id in again:
                    _write(self._descriptor, bytes(_SLOT), _place(slot))
                group = slot // GROUP
                self._open[group] -= 1
                if not self._open[group]:
                    del self._open[group]
                    self._free.append(group)
        except OSError as error:
            self._give_up(error)

    def committed(self, beat: int) -> None:
        """Note that the hold's transaction with this beat was committed."""
        if self._is_void:
            return
        try:
            _write(self._descriptor, beat.to_bytes(8, "little"), _BEAT_AT)
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        """Stop writing; safe to call twice. The file is removed with the hold, see ``discard``."""
        descriptor, self._descriptor = self._descriptor, -1
        self._is_void = True
        if descriptor >= 0:
            os.close(descriptor)

    def _grow(self, more: int) -> None:
        """Add ``more`` slots, with disk blocks allocated."""
        start, length = _place(self._size), _SLOT * more
        os.posix_fallocate(self._descriptor, 0, start + length)
        _write(self._descriptor, bytes(length), start)
        self._free.extend(range((self._size + more) // GROUP - 1, self._size // GROUP - 1, -1))
        self._size += more

    def _give_up(self, error: OSError) -> None:
        """Make the journal void, so that all open claims count as handed over."""
        for way in (self._mark_void, lambda: os.ftruncate(self._descriptor, 0), self.path.unlink):
            try:
                way()
            except OSError:
                continue
            self._is_void = True
            return
        problem = Problem(
            f"the journal of messages in flight cannot be written: {error.strerror}",
            path=str(self.path),
            hint="free some space on that disk, then run the same command again",
            code="in-flight-journal",
        )
        raise LedgerError(problem) from error

    def _mark_void(self) -> None:
        _write(self._descriptor, (1).to_bytes(8, "little"), _VOID_AT)


def left_by(url: URL, run: Run, before: Holder) -> frozenset[int] | None:
    """Return the messages that the run's former holder may have handed over and not settled; None if unknown.

    Call it in the transaction that takes the run from it, so that its beat no longer changes.
    """
    folder = _folder(url)
    if folder is None or not before.process.proof or not before.process.has_ended:
        return None
    try:
        descriptor = os.open(_path(folder, run, before.token), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            info, data = os.fstat(descriptor), file.read()
    except OSError:
        return None
    if len(data) <= _HEAD.size or (len(data) - _HEAD.size) % _SLOT or info.st_uid != os.geteuid():
        return None
    magic, void, device, inode, token, beat, writer = _HEAD.unpack_from(data)
    is_its_own = (
        (magic, void, token) == (_MAGIC, 0, before.token)
        and (device, inode) == (info.st_dev, info.st_ino)
        and writer.rstrip(b"\0") == _named(before.process)
        # One more if it was killed between a commit and its note; nothing was submitted in between.
        and before.beat - beat in (0, 1)
    )
    if not is_its_own:
        return None
    return frozenset(id for (id,) in struct.iter_unpack("<Q", data[_HEAD.size :]) if id)


def discard(url: URL, run: Run, token: int) -> None:
    """Remove the journal of a hold that has ended, if there is one."""
    folder = _folder(url)
    if folder is not None:
        with suppress(OSError):
            _path(folder, run, token).unlink(missing_ok=True)


def _folder(url: URL) -> Path | None:
    """Return the folder of journals: beside a SQLite ledger, else in the user's state folder (XDG); None if there is
    none."""
    if url.get_backend_name() == "sqlite":
        return Path(f"{url.database}-locks")
    state = Path(os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser())
    return state / "a2pcli" / "in-flight" if state.is_absolute() else None


def _path(folder: Path, run: Run, token: int) -> Path:
    return folder / f"{run.id}.{token:016x}{_SUFFIX}"


def _named(process: Process) -> bytes:
    """Return the process and its boot; empty if unknown."""
    return f"{process.proof}/{process.pid}".encode() if process.proof else b""


def _remove_older(folder: Path) -> None:
    """Remove journals of earlier boots of this machine, which are no longer reliable."""
    boot = _named(myself()).partition(b"/")[0]
    for path in list(folder.glob(f"*{_SUFFIX}")):
        head = path.read_bytes()[: _HEAD.size]
        if len(head) < _HEAD.size or not head[_HEAD.size - _LONGEST_PROCESS :].startswith(boot):
            path.unlink(missing_ok=True)


def _place(slot: int) -> int:
    return _HEAD.size + _SLOT * slot


def _write(descriptor: int, data: bytes, at: int) -> None:
    if os.pwrite(descriptor, data, at) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
