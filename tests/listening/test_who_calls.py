"""Who may call: what SNS signs, what is signed as Standard Webhooks, and calls from the provider's addresses."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))

from clikit import Project
from listenkit import SECRET, listener, query

from a2pcli.listening.certificates import AGAIN_AFTER, LONGEST, Certificates

cryptography = pytest.importorskip("cryptography", reason="pip install 'a2pcli[callbacks]'")

TOPIC = "arn:aws:sns:eu-west-1:123456789012:receipts"
HOST, FILE = "sns.eu-west-1.amazonaws.com", "SimpleNotificationService-0123456789abcdef.pem"
URL = f"https://{HOST}/{FILE}"
WHSEC = "whsec_" + base64.b64encode(b"k" * 24).decode()
SETTINGS = f"""\
region: GB
gateways:
  sns: {{region: eu-west-1, access_key_id: AKIDEXAMPLE, secret_access_key: s3cret, topics: ["{TOPIC}"]}}
  kannel: {{url: "http://127.0.0.1:1/cgi-bin/sendsms", username: u, password: p}}
  infobip: {{base_url: "https://x.api.infobip.com", api_key: k}}
listen:
  secrets: {{kannel: "${{WHSEC}}"}}
  proxies: [127.0.0.1]
  allow_ips: {{infobip: [203.0.113.0/24, "2001:db8::/32"], kannel: [127.0.0.1, 198.51.100.7]}}
"""


@pytest.fixture(scope="module")
def amazon() -> tuple[Any, str]:
    """A key, and the certificate of it that stands in for Amazon's."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding

    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = (
        made.serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    return key, made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def notification(key: Any, *, topic: str = TOPIC, url: str = URL, status: str = "SUCCESS") -> dict[str, str]:
    """A receipt as SNS signs it."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    message = {
        "notification": {"messageId": "m-1"},
        "status": status,
        "delivery": {"destination": "+447700900123"},
    }
    fields = {
        "Message": json.dumps(message), "MessageId": "n-1",
        "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"), "TopicArn": topic, "Type": "Notification",
    }  # fmt: skip
    text = "".join(f"{name}\n{fields[name]}\n" for name in sorted(fields)).encode()
    signature = key.sign(text, PKCS1v15(), hashes.SHA256())
    return {
        **fields, "SignatureVersion": "2", "Signature": base64.b64encode(signature).decode(), "SigningCertURL": url,
    }  # fmt: skip


@pytest.fixture
def ready(project: Project, amazon: tuple[Any, str], monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose certificate of SNS is on the disk, as on a host without a way out."""
    folder = project.folder / ".a2pcli/certificates"
    folder.mkdir(parents=True)
    (folder / f"{HOST}-{FILE}").write_text(amazon[1])
    monkeypatch.setenv("WHSEC", WHSEC)
    return project


def test_what_sns_signs_for_a_topic_of_ours_is_stored_and_nothing_else_is(
    ready: Project, amazon: tuple[Any, str]
) -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa

    genuine = notification(amazon[0])
    another = rsa.generate_private_key(65537, 2048)
    with listener(ready.folder, settings=SETTINGS) as heard:
        assert "sns      " in heard.said()
        assert "(signature checked)" in heard.said()

        def post(data: Mapping[str, Any]) -> int:
            return httpx.post(f"{heard.url}/callbacks/sns", content=json.dumps(data), timeout=60).status_code

        assert post(genuine) == 200
        assert post({**genuine, "Message": genuine["Message"].replace("SUCCESS", "FAILURE")}) == 403
        assert post(notification(another)) == 403
        assert post(notification(amazon[0], topic=TOPIC + "2")) == 403
        for url in (
            "https://evil.example/" + FILE, f"http://{HOST}/{FILE}", f"https://{HOST}.evil.example/{FILE}",
            f"https://{HOST}/other.pem", f"https://{HOST}@evil.example/{FILE}",
        ):  # fmt: skip
            assert post(notification(amazon[0], url=url)) == 403, "and nobody is asked"
        assert post({}) == 403
        assert heard.stop() == 0
    assert len(query(ready, "SELECT * FROM receipts")) <= 1


def test_a_certificate_that_cannot_be_had_is_asked_for_again_later_and_the_request_too() -> None:
    asked: list[str] = []
    clock = [0.0]

    async def fetch(url: str) -> bytes:
        asked.append(url)
        raise OSError

    async def run() -> None:
        made = Certificates(Path("/nowhere"), fetch, lambda: clock[0])
        assert not await made.have(URL)
        assert not await made.have(URL)
        assert asked == [URL]
        clock[0] += AGAIN_AFTER
        assert not await made.have(URL)
        assert asked == [URL, URL]

    asyncio.run(run())


def test_a_certificate_is_fetched_once_and_kept(amazon: tuple[Any, str], tmp_path: Path) -> None:
    asked: list[str] = []

    async def fetch(url: str) -> bytes:
        asked.append(url)
        await asyncio.sleep(0.01)
        return amazon[1].encode()

    async def run() -> None:
        made = Certificates(tmp_path / "c", fetch)
        assert all(await asyncio.gather(*(made.have(URL) for _ in range(20))))
        assert made.known == {URL: amazon[1]}
        assert await Certificates(tmp_path / "c", fetch).have(URL), "by the file"

    asyncio.run(run())
    assert asked == [URL]


@pytest.mark.parametrize(
    "data", [b"", b"x" * LONGEST, b"-----BEGIN CERTIFICATE-----\nAA==\n", "\u00e9".encode()]
)
def test_what_is_no_certificate_is_not_taken_for_one(data: bytes, tmp_path: Path) -> None:
    async def fetch(url: str) -> bytes:
        return data

    assert not asyncio.run(Certificates(tmp_path, fetch).have(URL))
    assert not list(tmp_path.iterdir())


def test_standard_webhooks_are_checked_by_their_library(ready: Project) -> None:
    webhooks = pytest.importorskip("standardwebhooks", reason="pip install 'a2pcli[callbacks]'")
    dlr, body, now = "status=1&id=abc&reference=r2345678-000001", "x=1", datetime.now(UTC)

    def headers(secret: str = WHSEC, moment: datetime = now) -> dict[str, str]:
        signature = webhooks.Webhook(secret).sign("msg_1", moment, body)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return {
            **form, "webhook-id": "msg_1", "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": signature,
        }  # fmt: skip

    other = "whsec_" + base64.b64encode(b"o" * 24).decode()
    with listener(ready.folder, settings=SETTINGS) as heard:
        url = f"{heard.url}/callbacks/kannel?{dlr}"
        assert "signature checked (Standard Webhooks)" in heard.said()
        assert WHSEC not in heard.said()

        def post(sent: Mapping[str, str], content: str = body) -> int:
            return httpx.post(url, content=content, headers=sent, timeout=60).status_code

        assert post(headers()) == 200
        assert post({**headers(), "webhook-signature": headers(other)["webhook-signature"]}) == 403
        assert post({**headers(), "webhook-signature": "v1,%%% v2,"}) == 403
        assert post(headers(), body + "x") == 403
        assert post(headers(moment=now - timedelta(minutes=6))) == 403
        assert httpx.get(f"{heard.url}/callbacks/kannel/{SECRET}?{dlr}").status_code == 403
        assert heard.stop() == 0
    assert [one["gateway_id"] for one in query(ready, "SELECT gateway_id FROM receipts")] == ["abc"]


def test_addresses_are_checked_and_a_forwarded_one_is_believed_from_a_proxy_of_ours_alone(
    ready: Project,
) -> None:
    status = {"groupName": "DELIVERED", "name": "DELIVERED_TO_HANDSET"}
    body = {"results": [{"messageId": "r2345678-000001", "status": status}]}

    def post(url: str, forwarded: str | None) -> int:
        headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
        return httpx.post(f"{url}/callbacks/infobip", json=body, headers=headers, timeout=60).status_code

    with listener(ready.folder, settings=SETTINGS) as heard:
        assert "(network address checked)" in heard.said()
        assert post(heard.url, "203.0.113.9") == 200
        assert post(heard.url, "2001:db8::1") == 200
        assert post(heard.url, "8.8.8.8, 203.0.113.9, 127.0.0.1") == 200
        assert post(heard.url, "203.0.113.9, 8.8.8.8") == 403, "what the caller wrote itself comes first"
        assert post(heard.url, None) == 403
        assert post(heard.url, "nonsense") == 403
        assert heard.stop() == 0
    with listener(
        ready.folder, settings=SETTINGS.replace("proxies: [127.0.0.1]", "proxies: [192.0.2.1]")
    ) as heard:
        assert post(heard.url, "203.0.113.9") == 403
        assert heard.stop() == 0
    ready.write("a2pcli.yaml", SETTINGS.replace("infobip: [203", "infobib: [203"))
    wrong = ready.run("listen")
    assert wrong.status == 3
    assert "did you mean 'infobip'?" in wrong.err
