"""A Kannel of its own for the tests: bearerbox, smsbox and fakesmsc (the operator) as Debian packages them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

FAKESMSC = Path("/usr/lib/kannel/test/fakesmsc")
NEEDS = "install Kannel: apt install kannel kannel-extras"

CONFIGURATION = """\
group = core
admin-port = {admin}
admin-password = x
smsbox-port = {smsbox}
admin-interface = 127.0.0.1
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
log-level = 2
access-log = {folder}/operator.log

group = smsc
smsc = fake
smsc-id = fake
port = {operator}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {smsbox}
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
log-level = 2

group = sendsms-user
username = alice
password = s3cret
concatenation = true
max-messages = 6

group = sms-service
keyword = default
catch-all = true
max-messages = 0
get-url = "{replies}/?sender=%p&to=%P&text=%a&id=%I&at=%T"
"""


def is_installed() -> bool:
    return FAKESMSC.exists() and bool(_program("bearerbox")) and bool(_program("smsbox"))


class Kannel:
    """``url`` is sendsms; ``sent`` what the operator was given; ``say`` makes a person write."""

    def __init__(self, folder: Path, ports: dict[str, int]) -> None:
        self.url = f"http://127.0.0.1:{ports['sendsms']}/cgi-bin/sendsms"
        self._log = folder / "operator.log"
        self._parts = folder / "fakesmsc.out"
        self.operator: subprocess.Popen[bytes] | None = None

    def sent(self) -> list[str]:
        lines = (
            self._log.read_text(encoding="utf-8", errors="replace").splitlines() if self._log.exists() else []
        )
        return [line for line in lines if "Sent SMS" in line]

    def parts(self) -> int:
        """Parts of long texts that the operator got."""
        return self._parts.read_bytes().count(b" udh %05%00%03")

    def say(self, line: str) -> None:
        assert self.operator is not None
        assert self.operator.stdin is not None
        self.operator.stdin.write(line.encode() + b"\n")
        self.operator.stdin.flush()


@contextmanager
def running(folder: Path, replies: str) -> Iterator[Kannel]:
    """Kannel with an operator; ``replies`` is where messages of people are told."""
    ports = dict(zip(("admin", "smsbox", "operator", "sendsms"), free_ports(4), strict=True))
    configuration = folder / "kannel.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, replies=replies, **ports))
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: str, **more: int) -> subprocess.Popen[bytes]:
        with (folder / f"{Path(command[0]).name}.out").open("wb") as out:
            started.append(subprocess.Popen(command, stdout=out, stderr=out, cwd=folder, **more))  # type: ignore[call-overload]
        return started[-1]

    kannel = Kannel(folder, ports)
    try:
        start(_program("bearerbox"), str(configuration))
        until(lambda: listens(ports["smsbox"]) and listens(ports["operator"]))
        start(_program("smsbox"), str(configuration))
        kannel.operator = start(
            str(FAKESMSC), "-H", "127.0.0.1", "-r", str(ports["operator"]), stdin=subprocess.PIPE
        )
        until(lambda: listens(ports["sendsms"]))
        yield kannel
    finally:
        for process in reversed(started):
            process.kill()
            process.wait(10)


def until(met: Callable[[], bool], seconds: float = 15) -> None:
    """Wait for something to be so."""
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def _program(name: str) -> str:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin") or ""


def listens(port: int) -> bool:
    with socket.socket() as there:
        there.settimeout(0.2)
        return there.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
