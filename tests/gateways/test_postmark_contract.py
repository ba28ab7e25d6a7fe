"""Postmark: requests and answers by the models of its own Python SDK, webhooks by its documentation."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from smtpkit import Relay  # noqa: F401  the kit's folder is on the path
from test_smtp_promises import message

from a2pcli.gateways.base import HttpResponse
from a2pcli.gateways.callbacks import Callback, CallbackRequest
from a2pcli.gateways.receipt_codes import meaning_of
from a2pcli.gateways.registry import create
from a2pcli.messages import Cause, Verdict

BLOCK = {"type": "postmark", "token": "s3cret", "sender": "news@shop.example", "stream": "broadcast"}
OURS = "r7k2m9qd-000001"


def provider() -> Any:
    return create("postmark", BLOCK).provider  # type: ignore[attr-defined]


def told(**data: Any) -> Callback:
    data = {"MessageID": "m", "Metadata": {"reference": OURS}, "Recipient": "ann@example.com", **data}
    request = CallbackRequest(
        "POST", "https://h.example/x", {"content-type": "application/json"}, json.dumps(data).encode()
    )
    return provider().read_callback(request)  # type: ignore[no-any-return]


def test_its_sdk_takes_every_email_of_a_batch(tmp_path: Path) -> None:
    models = pytest.importorskip("postmark.models.outbound.schemas", reason="pip install postmark-python")
    file = tmp_path / "a.txt"
    file.write_text("terms")
    attachment = {
        "file": str(file),
        "name": "a.txt",
        "type": "text/plain",
        "size": 5,
        "sha256": sha256(b"terms").hexdigest(),
    }
    leaving = {"url": "https://shop.example/u?1", "one_click": True}
    batch = [message(1, unsubscribe=leaving), message(2, attachments=[attachment], reply_to="a@shop.example")]
    ours = json.loads(provider().request(batch).body)
    theirs = [models.Email(**one).model_dump(by_alias=True, exclude_none=True) for one in ours]
    for mine, its in zip(ours, theirs, strict=True):
        assert {key: value for key, value in its.items() if value != []} == mine


def test_what_its_sdk_reads_as_a_success_is_accepted() -> None:
    models = pytest.importorskip("postmark.models.outbound.schemas", reason="pip install postmark-python")
    answer = {"To": "anna@example.com", "SubmittedAt": "2026-03-01T10:00:00Z", "MessageID": "m-1",
              "ErrorCode": 0, "Message": "OK"}  # fmt: skip
    assert models.SendResponse(**answer).success
    (outcome,) = provider().read([message()], HttpResponse(200, {}, json.dumps([answer]).encode()))
    assert (outcome.verdict, outcome.gateway_id) == (Verdict.ACCEPTED, "m-1")


def test_every_type_of_bounce_that_its_sdk_knows_means_something() -> None:
    """Either that the message did not arrive, or nothing about that at all."""
    enums = pytest.importorskip("postmark.models.bounces.enums", reason="pip install postmark-python")
    silent = {"Transient", "DnsError", "AutoResponder", "AddressChange", "Subscribe", "OpenRelayTest", "InboundError",
              "VirusNotification", "ChallengeVerification", "Unsubscribe", "SpamComplaint"}  # fmt: skip
    for one in enums.BounceType:
        receipts = told(RecordType="Bounce", Type=one.value).receipts
        assert bool(receipts) == (one.value not in silent), one
        if receipts:
            assert receipts[0].delivery == "undelivered"
            assert meaning_of({"type": "postmark"}, receipts[0].code) is not None


def test_a_wrong_sender_pauses_the_run_and_rejects_nobody() -> None:
    answer = [{"ErrorCode": 300, "Message": "Invalid 'From' address: 'news@shop.example'."}]
    (outcome,) = provider().read([message()], HttpResponse(200, {}, json.dumps(answer).encode()))
    assert (outcome.verdict, outcome.cause) == (Verdict.NOT_SENT, Cause.SENDER)


def test_webhooks_tell_who_left() -> None:
    left = {"RecordType": "SubscriptionChange", "Origin": "Recipient", "SuppressSending": True,
            "SuppressionReason": "ManualSuppression", "ChangedAt": "2026-03-01T10:00:00Z"}  # fmt: skip
    (reply,) = told(**left).replies
    assert (reply.sender, reply.is_opt_out) == ("ann@example.com", True)
    assert told(**{**left, "SuppressSending": False}).replies == ()
    assert told(**{**left, "Origin": "Customer"}).replies == ()
    assert told(**{**left, "SuppressionReason": "HardBounce"}).replies == ()
    (reply,) = told(RecordType="Bounce", Type="Unsubscribe", Email="ann@example.com").replies
    assert reply.is_opt_out


def test_a_complaint_is_an_opt_out_and_no_failed_delivery() -> None:
    (receipt,) = told(RecordType="SpamComplaint", Type="SpamComplaint").receipts
    assert receipt.delivery is None
    found = meaning_of({"type": "postmark"}, receipt.code, receipt.status)
    assert found is not None
    assert found.meaning == "opted-out"
