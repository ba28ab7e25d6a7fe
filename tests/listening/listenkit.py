"""A listener as a user starts it, and signed requests as Twilio sends them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import readykit

TOKEN, SECRET, PUBLIC = "twilio-token", "kannel-secret-0123456789", "https://hooks.example.com:8443/a2p"
SETTINGS = f"""\
region: GB
replies: {{texts: keep}}
gateways:
  twilio: {{account_sid: AC{"0" * 32}, auth_token: "${{TWILIO_TOKEN}}"}}
  plivo: {{auth_id: MA{"X" * 18}, auth_token: plivo-token}}
  kannel: {{url: "http://127.0.0.1:1/cgi-bin/sendsms", username: u, password: p}}
  whatsapp: {{phone_number_id: "1234567890", access_token: t, app_secret: app}}
  infobip: {{base_url: "https://x.api.infobip.com", api_key: k}}
listen:
  public_url: {PUBLIC}
  secrets: {{kannel: "${{KANNEL_SECRET}}", whatsapp: "${{KANNEL_SECRET}}"}}
"""
ENVIRON = {"TWILIO_TOKEN": TOKEN, "KANNEL_SECRET": SECRET}


class Listener:
    """A running ``a2pcli listen``."""

    def __init__(self, folder: Path, process: subprocess.Popen[str], log: Path) -> None:
        self.folder, self.process, self.log = folder, process, log
        self.url = ""

    def said(self) -> str:
        return self.log.read_text()

    def twilio(self, fields: dict[str, str], query: str = "", token: str = TOKEN) -> httpx.Response:
        url = f"/callbacks/twilio{'?' + query if query else ''}"
        text = PUBLIC + url + "".join(key + fields[key] for key in sorted(fields))
        mac = base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()
        return httpx.post(self.url + url, data=fields, headers={"X-Twilio-Signature": mac}, timeout=60)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def listener(folder: Path, *arguments: str, settings: str | None = SETTINGS) -> Iterator[Listener]:
    """Start a listener in the folder and wait until it answers; whatever happens, it is gone afterwards."""
    if settings is not None:
        (folder / "a2pcli.yaml").write_text(settings)
    environ = {**os.environ, **ENVIRON}
    if not (folder / ".a2pcli/ledger.db").exists() and "--ledger" not in arguments:
        assert readykit.run("ledger", "create", cwd=folder, env=environ).returncode == 0
    log = folder / "listen.log"
    with log.open("w") as stream:
        process = readykit.begin(
            "listen", "--port", "0", *arguments, cwd=folder, env=environ, stderr=stream, stdout=stream
        )
    made = Listener(folder, process, log)
    try:
        until = time.monotonic() + 60

        def is_alive() -> bool:
            return process.poll() is None and time.monotonic() < until

        while not (found := re.search(r"listening on (\S+),", made.said())):
            assert is_alive(), made.said()
            time.sleep(0.05)
        made.url = found[1]
        while True:
            try:
                httpx.get(made.url + "/healthz", timeout=10)
                break
            except httpx.TransportError:
                assert is_alive(), made.said()
                time.sleep(0.05)
        yield made
    finally:
        process.kill()
        process.wait()


def query(project: Any, sql: str) -> list[dict[str, Any]]:
    """The rows of a query over the ledger's views."""
    ran = project.run("ledger", "query", sql, "--json", **ENVIRON)
    assert ran.status == 0, ran.err
    names = [one["name"] if isinstance(one, dict) else one for one in ran.json["columns"]]
    return [dict(zip(names, row, strict=True)) for row in ran.json["rows"]]


def killed_under_load(heard: Listener, most: int) -> list[str]:
    """Send receipts from eight threads, and kill the listener once it has acknowledged so many; return the ids of the
    acknowledged ones."""
    acknowledged: list[str] = []

    def load(part: int) -> None:
        with httpx.Client(timeout=30) as client:
            for place in range(100_000):
                id = f"k{part}x{place}"
                url = f"{heard.url}/callbacks/kannel/{SECRET}?reference=r2345678-000001&status=1&id={id}"
                try:
                    if client.get(url).status_code == 200:
                        acknowledged.append(id)
                except httpx.TransportError:
                    return

    threads = [threading.Thread(target=load, args=(part,)) for part in range(8)]
    for one in threads:
        one.start()
    while len(acknowledged) < most:
        assert any(one.is_alive() for one in threads), heard.said()
        time.sleep(0.01)
    heard.process.kill()
    for one in threads:
        one.join()
    return acknowledged
