"""`a2pcli listen` as providers and its user see it."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter

import httpx
import pytest
import readykit
from clikit import PEOPLE, Project
from listenkit import ENVIRON, PUBLIC, SECRET, SETTINGS, killed_under_load, listener, query
from plivo.utils.signature_v3 import construct_post_url, get_signature_v3

STOP = {"From": "+447911123456", "To": "+447911000000", "Body": "STOP", "MessageSid": "SM1"}


def test_what_is_signed_is_stored_and_what_is_not_is_refused(project: Project) -> None:
    with listener(project.folder) as heard:
        assert heard.twilio(STOP, "x=%20y").status_code == 200
        assert heard.twilio(STOP).status_code == 200, "again"
        assert heard.twilio({**STOP, "MessageSid": "SM2"}, token="another").status_code == 403
        assert httpx.post(f"{heard.url}/callbacks/twilio", data=STOP).status_code == 403
        nonce, fields = "12345", {"MessageUUID": "u1", "Status": "delivered"}
        signature = get_signature_v3(
            "plivo-token", construct_post_url(f"{PUBLIC}/callbacks/plivo", dict(fields)).decode(), nonce
        )
        headers = {"X-Plivo-Signature-V3": signature.decode(), "X-Plivo-Signature-V3-Nonce": nonce}
        assert httpx.post(f"{heard.url}/callbacks/plivo", data=fields, headers=headers).status_code == 200, (
            heard.said()
        )
        assert heard.stop() == 0
        said = heard.said()
    assert f"twilio    {PUBLIC}/callbacks/twilio  (signature checked)" in said
    assert f"kannel    {PUBLIC}/callbacks/kannel/${{KANNEL_SECRET}}  (secret in the URL checked)" in said
    assert "callbacks of infobip are refused" in said
    assert "twilio: a request was refused: the signature is wrong" in said
    assert "447911" not in said
    assert SECRET not in said
    replies = query(project, "SELECT address, body, kind, gateway FROM replies")
    assert replies == [{"address": "+447911123456", "body": "STOP", "kind": "stop", "gateway": "twilio"}]
    (out,) = project.run("optout", "list", "--json", **ENVIRON).json["suppressions"]
    assert out["number"] == "+447911123456"
    assert [one["gateway_id"] for one in query(project, "SELECT gateway_id FROM receipts")] == ["u1"]


def test_a_url_secret_lets_in_and_nothing_else_does(project: Project) -> None:
    dlr = "reference=r2345678-000001&status=1&id=abc"
    with listener(project.folder) as heard:
        base = f"{heard.url}/callbacks"
        assert httpx.get(f"{base}/kannel/{SECRET}?{dlr}").status_code == 200
        assert httpx.get(f"{base}/kannel?secret={SECRET}&{dlr}").status_code == 200
        assert httpx.get(f"{base}/kannel/{SECRET[:-1]}?{dlr}").status_code == 403
        assert httpx.get(f"{base}/kannel?{dlr}").status_code == 403
        assert httpx.post(f"{base}/infobip", json={"results": []}).status_code == 403
        assert httpx.get(f"{base}/nobody").status_code == 404
        assert httpx.get(f"{heard.url}/").status_code == 404
        assert httpx.put(f"{base}/kannel/{SECRET}").status_code == 405
        assert httpx.post(f"{base}/kannel/{SECRET}", content=b"x" * 1_048_577).status_code == 413
        chunks = (b"x" * 100_000 for _ in range(12))
        assert httpx.post(f"{base}/kannel/{SECRET}", content=chunks).status_code == 413
        verify = {"hub.mode": "subscribe", "hub.challenge": "314", "hub.verify_token": SECRET}
        assert httpx.get(f"{base}/whatsapp", params=verify).text == "314"
        assert httpx.get(f"{base}/whatsapp", params={**verify, "hub.verify_token": "no"}).status_code == 403
        assert httpx.get(f"{heard.url}/healthz").status_code == 200
        assert httpx.get(f"{heard.url}/readyz").status_code == 200
        (project.folder / ".a2pcli/ledger.db").rename(project.folder / "moved.db")
        time.sleep(1.1)
        assert httpx.get(f"{heard.url}/readyz").status_code == 503
        assert httpx.get(f"{base}/kannel/{SECRET}?{dlr}2", timeout=60).status_code == 503


@pytest.mark.parametrize(
    ("settings", "environ", "said"),
    [
        (SETTINGS, {"TWILIO_TOKEN": "t", "KANNEL_SECRET": "short"}, "the secret of kannel is too short"),
        (SETTINGS, {"TWILIO_TOKEN": "t"}, "KANNEL_SECRET is not set"),
        ("region: GB\n", {}, "no gateway in the settings calls back"),
        (SETTINGS.replace('kannel: "', 'kanel: "'), ENVIRON, "did you mean 'kannel'?"),
        (SETTINGS.replace(PUBLIC, "hooks.example.com"), ENVIRON, "is not a whole URL"),
    ],
)
def test_what_is_wrong_is_told_at_the_start(
    project: Project, settings: str, environ: dict[str, str], said: str
) -> None:
    project.write("a2pcli.yaml", settings)
    ran = project.run("listen", "--port", "0", **environ)
    assert (ran.status, said in ran.err) == (3, True), ran.err
    assert "a2pcli.yaml:" in ran.err or "no gateway" in ran.err


def test_the_extra_that_is_missing_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "a2pcli.listening.server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    project.write("a2pcli.yaml", SETTINGS)
    ran = project.run("listen", "--port", "0", **ENVIRON)
    assert ran.status == 2
    assert 'pip install "a2pcli[listen]"' in ran.err


def test_a_port_in_use_is_told(project: Project) -> None:
    project.write("a2pcli.yaml", SETTINGS)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = project.run("listen", "--port", str(taken.getsockname()[1]), **ENVIRON)
    assert ran.status == 2
    assert "is in use by another program" in ran.err


def test_a_start_that_comes_after_a_newer_stop_lifts_nothing(project: Project) -> None:
    def post(text: str, at: int, id: str) -> int:
        message = {
            "from": "447911123456",
            "id": id,
            "timestamp": str(at),
            "type": "text",
            "text": {"body": text},
        }
        value = {"metadata": {"display_phone_number": "447911000000"}, "messages": [message]}
        body = json.dumps({"entry": [{"changes": [{"field": "messages", "value": value}]}]}).encode()
        signature = "sha256=" + hmac.new(b"app", body, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature-256": signature, "Content-Type": "application/json"}
        return httpx.post(f"{heard.url}/callbacks/whatsapp", content=body, headers=headers).status_code

    def is_out() -> bool:
        return bool(project.run("optout", "list", "--json", **ENVIRON).json["suppressions"])

    now = int(time.time())
    with listener(project.folder) as heard:
        assert post("STOP", now - 5, "wamid.2") == 200
        assert post("START", now - 9, "wamid.1") == 200
        assert is_out()
        assert post("START", now - 2, "wamid.3") == 200
        assert not is_out()
        assert post("STOP", now - 5, "wamid.2") == 200, "the same again"
        assert not is_out()
    kinds = Counter(one["kind"] for one in query(project, "SELECT kind FROM replies"))
    assert kinds == {"stop": 1, "start": 2}


def test_an_id_that_comes_before_its_answer_is_kept_and_matched_later(project: Project) -> None:
    people = "mobile,first_name,plan\n07911123456,Ann,gold\n"
    project.starter(people=people)
    project.write("a2pcli.yaml", SETTINGS + "rates: rates.csv\n")
    project.run("ledger", "create", **ENVIRON)
    with listener(project.folder, settings=None) as heard:
        project.run("send", "sale.yaml", "--yes", **ENVIRON)
        sent = query(project, "SELECT gateway_id FROM messages")
        early = heard.twilio({"MessageSid": str(sent[0]["gateway_id"]), "MessageStatus": "delivered"})
        assert early.status_code == 200
        (run,) = project.run("runs", "--json", **ENVIRON).json["runs"]
        late = heard.twilio(
            {"MessageSid": "SMx", "MessageStatus": "delivered"}, f"reference={run['run']}-000001"
        )
        assert late.status_code == 200
    rows = query(project, "SELECT delivery FROM messages")
    assert rows == [{"delivery": "delivered"}]


def test_every_acknowledged_receipt_is_there_once_after_a_kill(project: Project) -> None:
    with listener(project.folder) as heard:
        acknowledged = killed_under_load(heard, 300)
    with listener(project.folder, settings=None) as again:
        url = f"{again.url}/callbacks/kannel/{SECRET}?reference=r2345678-000001&status=1&id={acknowledged[0]}"
        assert httpx.get(url).status_code == 200
        assert again.stop() == 0
    stored = Counter(str(one["gateway_id"]) for one in query(project, "SELECT gateway_id FROM receipts"))
    assert set(acknowledged) <= set(stored)
    assert max(stored.values()) == 1
    assert project.run("ledger", "check", **ENVIRON).status == 0


def test_a_sender_and_a_listener_share_a_sqlite_ledger(project: Project) -> None:
    many = 600
    rows = "".join(f"+44791112{row:04d},P{row},gold\n" for row in range(many))
    project.starter(people=PEOPLE.splitlines()[0] + "\n" + rows)
    project.write("a2pcli.yaml", SETTINGS + "rates: rates.csv\n")
    project.run("ledger", "create", **ENVIRON)
    with listener(project.folder, settings=None) as heard:
        command, environ = ("send", "sale.yaml", "--yes"), {**os.environ, **ENVIRON}
        sender = readykit.begin(*command, cwd=project.folder, env=environ, stderr=subprocess.PIPE, text=True)

        while not (runs := project.run("runs", "--json", **ENVIRON).json["runs"]):
            assert sender.poll() is None, sender.communicate()
            time.sleep(0.1)
        (run,) = runs

        def load(part: int) -> None:
            with httpx.Client(timeout=60) as client:
                for row in range(part + 1, many + 1, 8):
                    for status in ("8", "1"):
                        url = f"{heard.url}/callbacks/kannel/{SECRET}?reference={run['run']}-{row:06d}&status={status}"
                        assert client.get(url + f"&id=i{row}").status_code == 200

        threads = [threading.Thread(target=load, args=(part,)) for part in range(8)]
        for one in threads:
            one.start()
        _, said = sender.communicate(timeout=120)
        for one in threads:
            one.join()
        assert sender.returncode == 0, said
        assert heard.stop() == 0
        assert "not stored" not in heard.said()
    found = query(project, "SELECT delivery, count(*) AS n FROM messages GROUP BY delivery")
    assert found == [{"delivery": "delivered", "n": many}]
    assert query(project, "SELECT count(*) AS n FROM receipts") == [{"n": 2 * many}]
    assert project.run("ledger", "check", **ENVIRON).status == 0
