"""Amazon SES and Postmark: requests, answers, signatures; SES by botocore's own model of its service."""

from __future__ import annotations

import asyncio
import base64
import email
import email.policy
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from gatewaykit import Counterpart, drop, hang, raw, reply
from smtpkit import Relay  # noqa: F401  the kit's folder is on the path
from test_smtp_promises import message

from a2pcli.gateways.base import HttpResponse
from a2pcli.gateways.callbacks import CallbackRequest
from a2pcli.gateways.registry import create
from a2pcli.messages import Cause, Outcome, Verdict

pytest.importorskip("botocore", reason='needs: pip install "a2pcli[aws]"')

SETTINGS: dict[str, dict[str, str]] = {
    "postmark": {"token": "s3cret", "sender": "news@shop.example", "stream": "broadcast"},
    "ses": {"region": "eu-west-1", "access_key_id": "AKIDEXAMPLE", "secret_access_key": "s3cret",
            "sender": "news@shop.example"},
}  # fmt: skip
LEAVING = {"url": "https://shop.example/u?1", "one_click": True}


def gateway(kind: str, **more: str) -> Any:
    return create(kind, {"type": kind, **SETTINGS[kind], **more})


def read(kind: str, status: int, body: Any, headers: dict[str, str] | None = None) -> Outcome:
    response = HttpResponse(status, headers or {}, json.dumps(body).encode())
    return gateway(kind).provider.read([message()], response)[0]  # type: ignore[no-any-return]


def test_postmark_gets_each_email_of_a_batch_with_its_headers_and_our_reference() -> None:
    request = gateway("postmark").provider.request(
        [message(1, unsubscribe=LEAVING), message(2, "ben@example.com")]
    )
    assert request.url == "https://api.postmarkapp.com/email/batch"
    assert request.headers["X-Postmark-Server-Token"] == "s3cret"
    first, second = json.loads(request.body)
    assert first["From"] == '"Der Laden, GmbH" <news@shop.example>'
    assert (first["To"], first["Subject"]) == ("anna@example.com", "Anna, 20% off – now")
    assert first["HtmlBody"].startswith("<p>Hello")
    assert first["Metadata"] == {"reference": "rsmtptst-000001"}
    assert {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"} in first["Headers"]
    assert (second["To"], second["MessageStream"], second["TrackOpens"]) == (
        "ben@example.com",
        "broadcast",
        False,
    )


@pytest.mark.parametrize(
    ("status", "body", "verdict", "cause", "code"),
    [
        (
            200,
            [{"ErrorCode": 0, "MessageID": "m-1", "To": "anna@example.com"}],
            Verdict.ACCEPTED,
            Cause.NONE,
            None,
        ),
        (200, [{"ErrorCode": 406, "Message": "anna@example.com"}], Verdict.REJECTED, Cause.PERMANENT, "406"),
        (
            200,
            [{"ErrorCode": 0, "MessageID": "m-1", "To": "ben@example.com"}],
            Verdict.UNKNOWN,
            Cause.AMBIGUOUS,
            "200",
        ),
        (200, [{"ErrorCode": 0}], Verdict.UNKNOWN, Cause.AMBIGUOUS, "200"),
        (200, [], Verdict.UNKNOWN, Cause.AMBIGUOUS, "200"),
        (200, {"html": 1}, Verdict.UNKNOWN, Cause.AMBIGUOUS, "200"),
        (401, {"ErrorCode": 10}, Verdict.NOT_SENT, Cause.ACCOUNT, "10"),
        (422, {"ErrorCode": 400}, Verdict.NOT_SENT, Cause.SENDER, "400"),
        (422, {"ErrorCode": 405}, Verdict.NOT_SENT, Cause.CREDIT, "405"),
        (429, {}, Verdict.NOT_SENT, Cause.RATE, "429"),
        (500, {"ErrorCode": 0}, Verdict.UNKNOWN, Cause.AMBIGUOUS, "500"),
    ],
)
def test_what_postmark_answers(
    status: int, body: Any, verdict: Verdict, cause: Cause, code: str | None
) -> None:
    outcome = read("postmark", status, body)
    assert (outcome.verdict, outcome.cause, outcome.code) == (verdict, cause, code)
    assert "anna" not in (outcome.detail or "")


@pytest.mark.parametrize(
    ("status", "body", "type", "verdict", "cause"),
    [
        (200, {"MessageId": "0102-abc"}, None, Verdict.ACCEPTED, Cause.NONE),
        (200, {}, None, Verdict.UNKNOWN, Cause.AMBIGUOUS),
        (400, {"message": "x"}, "MessageRejected", Verdict.REJECTED, Cause.CONTENT),
        (400, {"__type": "com.amazon#SendingPausedException"}, None, Verdict.NOT_SENT, Cause.ACCOUNT),
        (400, {}, "MailFromDomainNotVerifiedException:http://x", Verdict.NOT_SENT, Cause.SENDER),
        (400, {}, "LimitExceededException", Verdict.NOT_SENT, Cause.CREDIT),
        (429, {}, "TooManyRequestsException", Verdict.NOT_SENT, Cause.RATE),
        (403, {}, "SignatureDoesNotMatch", Verdict.NOT_SENT, Cause.ACCOUNT),
        (500, {}, "InternalFailure", Verdict.UNKNOWN, Cause.AMBIGUOUS),
    ],
)
def test_what_ses_answers(status: int, body: Any, type: str | None, verdict: Verdict, cause: Cause) -> None:
    outcome = read("ses", status, body, {"x-amzn-errortype": type} if type else {})
    assert (outcome.verdict, outcome.cause) == (verdict, cause)


def test_ses_requests_are_what_botocores_own_model_of_the_service_asks_for() -> None:
    import botocore.session
    from botocore.validate import ParamValidator

    request = gateway("ses", configuration_set="c").provider.request([message(unsubscribe=LEAVING)])
    model = botocore.session.get_session().get_service_model("sesv2").operation_model("SendEmail")
    assert request.method == model.http["method"]
    assert request.url == f"https://email.eu-west-1.amazonaws.com{model.http['requestUri']}"
    data = json.loads(request.body)
    mime = base64.b64decode(data["Content"]["Raw"]["Data"])
    data["Content"]["Raw"]["Data"] = mime
    report = ParamValidator().validate(data, model.input_shape)
    assert not report.has_errors(), report.generate_report()
    assert set(data) <= set(model.input_shape.members)
    got = email.message_from_bytes(mime, policy=email.policy.default)
    assert got["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert data["EmailTags"] == [{"Name": "reference", "Value": "rsmtptst-000001"}]


def test_ses_signs_as_botocore_does_for_its_own_client(monkeypatch: pytest.MonkeyPatch) -> None:
    request = gateway("ses").provider.request([message()])
    scope = request.headers["Authorization"]
    assert scope.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-west-1/ses/aws4_request" in scope
    assert "s3cret" not in json.dumps(dict(request.headers))


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_changed_attachment_stops_the_run_and_an_impossible_message_keeps_no_other_back(
    tmp_path: Path, kind: str
) -> None:
    file = tmp_path / "a.txt"
    file.write_text("replaced")
    digest = sha256(b"approved").hexdigest()
    changed = {"file": str(file), "name": "a.txt", "type": "text/plain", "sha256": digest, "size": 8}
    answer: Any = {"MessageId": "m"} if kind == "ses" else [{"ErrorCode": 0, "MessageID": "m"}]

    async def run(url: str) -> list[Outcome]:
        made = gateway(kind, base_url=url, timeout="2")
        await made.open()
        try:
            some = [
                message(1, attachments=[changed]),
                message(2, subject="a\r\nBcc: x@y.example"),
                message(3),
            ]
            if kind == "ses":
                return [(await made.submit([one]))[0] for one in some]
            return list(await made.submit(some))
        finally:
            await made.close()

    with Counterpart(reply(200, answer)) as there:
        stopped, refused, good = asyncio.run(run(there.url))
    assert (stopped.verdict, stopped.cause) == (Verdict.NOT_SENT, Cause.ACCOUNT)
    assert refused.verdict is Verdict.REJECTED
    assert good.verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("kind", SETTINGS)
@pytest.mark.parametrize("act", [hang, drop, raw(b"\x00SSH\r\n\r\n"), reply(302, {}, {"Location": "http://x.example/"}),
                                 reply(401, {}), reply(503, {}, {"Retry-After": "3"})])  # fmt: skip
def test_whatever_a_provider_does_nothing_is_called_accepted(kind: str, act: Any) -> None:
    async def run(url: str) -> Outcome:
        made = gateway(kind, base_url=url, timeout="0.2")
        await made.open()
        try:
            return (await made.submit([message()]))[0]  # type: ignore[no-any-return]
        finally:
            await made.close()

    with Counterpart(act) as there:
        outcome = asyncio.run(run(there.url))
    assert outcome.verdict is not Verdict.ACCEPTED
    assert outcome.code
    assert outcome.detail
    assert "s3cret" not in f"{outcome}"


def test_webhooks_tell_of_deliveries_and_bounces_by_our_reference() -> None:
    def receipt(kind: str, data: Any) -> Any:
        request = CallbackRequest(
            "POST", "https://h.example/x", {"content-type": "application/json"}, json.dumps(data).encode()
        )
        return gateway(kind).provider.read_callback(request).receipts

    (one,) = receipt(
        "postmark",
        {
            "RecordType": "Bounce",
            "MessageID": "m",
            "Type": "HardBounce",
            "Metadata": {"reference": "r7k2m9qd-000001"},
        },
    )
    assert (one.gateway_id, one.reference) == ("m", "r7k2m9qd-000001")
    event = {
        "eventType": "Delivery",
        "mail": {"messageId": "m", "tags": {"reference": ["r7k2m9qd-000001"]}},
        "delivery": {},
    }
    (one,) = receipt("ses", {"Type": "Notification", "Message": json.dumps(event)})
    assert (one.gateway_id, one.reference) == ("m", "r7k2m9qd-000001")
    assert receipt("postmark", [1]) == receipt("ses", {"Message": "{"}) == ()
