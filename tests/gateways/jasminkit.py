"""A Jasmin of its own for a test: RabbitMQ, Redis, Jasmin's three daemons, and an operator that speaks SMPP 3.4.

``A2PCLI_JASMIN`` is the folder of a virtual environment with ``pip install jasmin==0.11.0``, ``A2PCLI_JASMIN_SPEC`` the
file ``misc/config/resource/amqp0-9-1.xml`` of Jasmin's source, which the package lacks. Jasmin's daemons lock files in
/tmp, so there can be one at a time; of one that was killed they must be removed by hand.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

from kannelkit import free_ports, listens, until

RABBIT = "/usr/lib/rabbitmq/bin/rabbitmq-server"
NEEDS = "apt install rabbitmq-server redis-server; A2PCLI_JASMIN and A2PCLI_JASMIN_SPEC as in jasminkit.py"
PORTS = ("amqp", "erlang", "epmd", "redis", "http", "smpp", "smpppb", "clients", "router", "jcli", "operator")

CONFIGURATION = """\
[amqp-broker]
host = 127.0.0.1
port = {amqp}
spec = {spec}
[redis-client]
host = 127.0.0.1
port = {redis}
[http-api]
bind = 127.0.0.1
port = {http}
[smpp-server]
bind = 127.0.0.1
port = {smpp}
[smpp-server-pb]
bind = 127.0.0.1
port = {smpppb}
[smpp-server-pb-client]
host = 127.0.0.1
port = {smpppb}
[client-management]
bind = 127.0.0.1
port = {clients}
[router]
bind = 127.0.0.1
port = {router}
[jcli]
bind = 127.0.0.1
port = {jcli}
[dlr]
pid = main
"""

COMMANDS = """\
jcliadmin
jclipwd
group -a|gid g|ok
user -a|username alice|password s3cret|gid g|uid alice|ok
smppccm -a|cid oper|host 127.0.0.1|port {operator}|username u|password p|bind transceiver|ok
smppccm -1 oper
mtrouter -a|type defaultroute|connector smppc(oper)|rate 0.0|ok
httpccm -a|url {replies}|method POST|cid webhook|ok
morouter -a|type DefaultRoute|connector http(webhook)|ok
"""


def is_installed() -> bool:
    there = os.environ.get("A2PCLI_JASMIN"), os.environ.get("A2PCLI_JASMIN_SPEC")
    return all(there) and Path(RABBIT).exists() and shutil.which("redis-server") is not None


class Operator:
    """An SMSC: takes every message but those to numbers that end in 99, delivers it, and says STOP once."""

    def __init__(self, port: int) -> None:
        self.port, self.taken = port, list[tuple[str, str, int, bytes]]()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._session, "127.0.0.1", self.port)
        async with server:
            await server.serve_forever()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                length, command, _, sequence = struct.unpack(">IIII", await reader.readexactly(16))
                body = await reader.readexactly(length - 16)
                if command & 0x8000_0000:
                    continue
                writer.write(self._answer(command, sequence, body, writer))

    def _answer(self, command: int, sequence: int, body: bytes, writer: asyncio.StreamWriter) -> bytes:
        if command != 0x4:  # bind, enquire_link
            return pdu(command | 0x8000_0000, 0, sequence, b"smsc\0" if command in (1, 2, 9) else b"")
        fields = body.split(b"\0", 1)[1]
        source, rest = fields[2:].split(b"\0", 1)
        to, rest = rest[2:].split(b"\0", 1)
        esm = rest[0]
        rest = rest[3:].split(b"\0", 2)[2]
        coding, text = rest[2], rest[5 : 5 + rest[4]]
        self.taken.append((source.decode(), to.decode(), coding, text[6:] if esm & 0x40 else text))
        if to.endswith(b"99"):
            return pdu(0x8000_0004, 0xB, sequence, b"\0")
        number = str(len(self.taken))
        dates = "submit date:2611280019 done date:2611280019"
        report = f"id:{number} sub:001 dlvrd:001 {dates} stat:DELIVRD err:000 text:x"
        loop = asyncio.get_running_loop()
        loop.call_later(0.8, writer.write, deliver(to, source, 4, report.encode()))
        if number == "1":
            loop.call_later(1.0, writer.write, deliver(to, b"12345", 0, b"STOP"))
        return pdu(0x8000_0004, 0, sequence, number.encode() + b"\0")


def pdu(command: int, status: int, sequence: int, body: bytes) -> bytes:
    return struct.pack(">IIII", 16 + len(body), command, status, sequence) + body


def deliver(source: bytes, to: bytes, esm: int, text: bytes) -> bytes:
    addresses = b"\0" + b"\1\1" + source.lstrip(b"+") + b"\0" + b"\1\1" + to + b"\0"
    rest = bytes([esm, 0, 0]) + b"\0\0" + bytes([0, 0, 0, 0, len(text)]) + text
    return pdu(0x5, 0, int(monotonic() * 1000) % 2**31, addresses + rest)


@contextmanager
def running(folder: Path, replies: str) -> Iterator[tuple[str, Operator]]:
    """The URL of Jasmin's HTTP API, and the operator behind it."""
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    configuration = folder / "jasmin.cfg"
    configuration.write_text(CONFIGURATION.format(**ports, spec=os.environ["A2PCLI_JASMIN_SPEC"]))
    for made in ("etc/jasmin/store", "etc/jasmin/resource", "var/log/jasmin", "rabbit", "rabbit-log"):
        (folder / made).mkdir(parents=True)
    (folder / "plugins").write_text("[].")
    own = {
        **os.environ,
        "ROOT_PATH": str(folder),
        "LOG_PATH": str(folder / "var/log/jasmin"),
        "HOME": str(folder),
    }
    rabbit = {
        "RABBITMQ_NODENAME": f"jm{ports['amqp']}@localhost", "RABBITMQ_NODE_PORT": str(ports["amqp"]),
        "RABBITMQ_DIST_PORT": str(ports["erlang"]), "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_MNESIA_BASE": str(folder / "rabbit"), "RABBITMQ_LOG_BASE": str(folder / "rabbit-log"),
        "RABBITMQ_PID_FILE": str(folder / "rabbit.pid"), "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_EPMD_PORT": str(ports["epmd"]),
    }  # fmt: skip
    folder.chmod(0o777)
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: str, **more: str) -> None:
        with (folder / "out").open("ab") as out:
            process = subprocess.Popen(
                command, stdout=out, stderr=out, cwd=folder, env=own | more, start_new_session=True
            )
        started.append(process)

    try:
        operator = Operator(ports["operator"])
        start("redis-server", "--port", str(ports["redis"]), "--bind", "127.0.0.1", "--save", "")
        start(RABBIT, **rabbit)
        until(lambda: listens(ports["amqp"]) and listens(ports["redis"]), 90)
        home = Path(os.environ["A2PCLI_JASMIN"]) / "bin"
        for daemon in ("jasmind.py", "dlrd.py", "dlrlookupd.py"):
            start(str(home / "python"), str(home / daemon), "-c", str(configuration))
        until(lambda: listens(ports["http"]) and listens(ports["jcli"]), 90)
        typed(ports["jcli"], COMMANDS.format(operator=ports["operator"], replies=replies))
        yield f"http://127.0.0.1:{ports['http']}", operator
    finally:
        for signal in (15, 9):  # Jasmin's daemons let go of their locks in /tmp when they are asked to end
            for process in reversed(started):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal)  # a session of its own: it and what it started
            with suppress(subprocess.TimeoutExpired):
                for process in started:
                    process.wait(5)
        # Erlang's port mapper runs on by itself, in no session of ours.
        subprocess.run(["epmd", "-port", str(ports["epmd"]), "-kill"], capture_output=True, check=False)


def typed(port: int, commands: str) -> None:
    """Type the commands at Jasmin's console, each when it has answered the one before."""
    with socket.create_connection(("127.0.0.1", port)) as console:
        console.settimeout(0.5)
        for line in commands.replace("|", "\n").splitlines():
            console.sendall(line.encode() + b"\r\n")
            with suppress(TimeoutError):
                while console.recv(4096):
                    pass
    sleep(1)
