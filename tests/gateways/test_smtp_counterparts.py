"""The contract against relays that work and that do not, and Nodemailer's smtp-server, which nobody here wrote."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from smtpkit import CERTIFICATE, Raw, Relay, free_port
from test_smtp_promises import message, submitted

from a2pcli.gateways.base import Gateway
from a2pcli.gateways.registry import create
from a2pcli.gateways.testing import GatewayContract
from a2pcli.messages import Verdict

ECHO = "5.1.1 anna@example.com: Dear Zebedee, your balance is 4711, s3cret"
RELAYS: dict[str, dict[str, str]] = {
    "accepts": {},
    "refuses people": {"on_rcpt": f"550 {ECHO}"},
    "greylists": {"on_rcpt": f"451 {ECHO}"},
    "refuses senders": {"on_mail": f"553 {ECHO}"},
    "refuses texts": {"on_data": f"554 {ECHO}"},
    "drops": {"on_data": "drop"},
    "goes down": {"on_data": f"421 {ECHO}"},
}
GARBAGE = {
    "hangs up": b"",
    "answers HTTP": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "is busy": b"421 4.7.0 busy\r\n",
}


class TestSmtp(GatewayContract):
    secrets = ("s3cret",)
    to = "anna@example.com"

    @pytest.fixture(autouse=True, params=[*RELAYS, *GARBAGE])
    def _counterpart(self, request: pytest.FixtureRequest) -> Iterator[None]:
        with ExitStack() as stack:
            name = str(request.param)
            if name in GARBAGE:
                self.port = stack.enter_context(Raw(GARBAGE[name])).port
            else:
                relay = stack.enter_context(Relay())
                for step, says in RELAYS[name].items():
                    setattr(relay.handler, step, lambda _, says=says: says)
                self.port = relay.port
            yield

    def make(self, folder: Path) -> Gateway:
        return create(
            "mail",
            {"type": "smtp", "host": "127.0.0.1", "port": str(self.port), "tls": "none", "timeout": "2",
             "sender": "news@shop.example", "subject": "News", "concurrency": "4"},
        )  # fmt: skip


SERVER = """
const {SMTPServer} = require('smtp-server');
const fs = require('fs');
const seen = fs.openSync(process.env.SEEN, 'a');
new SMTPServer({
  key: fs.readFileSync(process.env.KEY), cert: fs.readFileSync(process.env.CERT),
  secure: process.env.SECURE === '1', authMethods: (process.env.METHODS || 'PLAIN').split(','),
  onAuth(auth, session, done) {
    const is = auth.validatePassword || (typed => auth.password === typed);
    const good = auth.username === 'u' && is('s3cret');
    good ? done(null, {user: 'u'}) : done(new Error('no'));
  },
  onRcptTo(address, session, done) {
    const refused = address.address.startsWith('nobody');
    refused ? done(Object.assign(new Error('no such user'), {responseCode: 550})) : done();
  },
  onData(stream, session, done) {
    const pieces = [];
    stream.on('data', piece => pieces.push(piece));
    stream.on('end', () => {
      const to = session.envelope.rcptTo.map(x => x.address);
      const data = Buffer.concat(pieces).toString('base64');
      fs.writeSync(seen, JSON.stringify({to, data, secure: session.secure, as: session.user}) + '\\n');
      done(null, 'queued');
    });
  },
}).listen(+process.env.PORT, '127.0.0.1', () => console.log('ready'));
"""


def node_modules() -> Path | None:
    """Where smtp-server is installed."""
    named = os.environ.get("NODE_PATH", "")
    places = [*filter(None, named.split(os.pathsep)), "/tmp/npm/node_modules", "node_modules"]
    return next((Path(one) for one in places if (Path(one) / "smtp-server").is_dir()), None)


@pytest.mark.parametrize(("secure", "methods"), [(False, "PLAIN"), (True, "LOGIN"), (False, "CRAM-MD5")])
def test_nodemailers_server_takes_what_is_sent(tmp_path: Path, secure: bool, methods: str) -> None:
    modules = node_modules()
    if modules is None or shutil.which("node") is None:
        pytest.skip(
            "needs Node and smtp-server: npm install smtp-server, then set NODE_PATH to its node_modules"
        )
    CERTIFICATE.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    for number, blob in enumerate(CERTIFICATE.cert_chain_pems):
        blob.write_to_path(str(tmp_path / "cert.pem"), append=number > 0)
    (tmp_path / "server.js").write_text(SERVER)
    port, seen = free_port(), tmp_path / "seen.jsonl"
    environ = {
        **os.environ, "NODE_PATH": str(modules), "PORT": str(port), "SEEN": str(seen), "SECURE": str(int(secure)),
        "KEY": str(tmp_path / "key.pem"), "CERT": str(tmp_path / "cert.pem"), "METHODS": methods,
    }  # fmt: skip
    with subprocess.Popen(
        ["node", str(tmp_path / "server.js")], env=environ, stdout=subprocess.PIPE
    ) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"
            relay = Relay(tls="implicit" if secure else "starttls")
            settings: dict[str, Any] = relay.settings(tmp_path, username="u", password="s3cret")
            settings["port"] = str(port)
            some = [message(number) for number in range(1, 30)] + [message(30, "nobody@example.com")]
            outcomes = submitted(settings, some, at_once=True)
        finally:
            server.kill()
    assert [one.verdict for one in outcomes] == [Verdict.ACCEPTED] * 29 + [Verdict.REJECTED]
    records = [json.loads(line) for line in seen.read_text().splitlines()]
    assert len(records) == 29
    assert all(one["secure"] and one["as"] == "u" and one["to"] == ["anna@example.com"] for one in records)


def test_a_gateway_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    real = builtins.__import__

    def without(name: str, *more: Any, **named: Any) -> Any:
        if name == "aiosmtplib":
            raise ImportError(name)
        return real(name, *more, **named)

    gateway = create("mail", {"type": "smtp", "host": "relay.example"})
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Exception, match=r"a2pcli\[email\]|needs a library"):
        asyncio.run(gateway.open())
