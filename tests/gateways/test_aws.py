"""AWS's gateways against botocore's models of the services, its parsers and its signer, and against moto's server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from gatewaykit import Counterpart, Received, message, reply
from providerkit import CASES, batch_of, gateway, provider
from test_provider_cases import response

from a2pcli.errors import GatewayUnusable, InvalidInput
from a2pcli.gateways.receipt_codes import meaning_of
from a2pcli.gateways.registry import create
from a2pcli.messages import Outcome, Verdict

pytest.importorskip("botocore", reason='needs: pip install "a2pcli[aws]"')
BARE = {"region": "eu-west-1", "sender": "ACME"}


def model_of(service: str) -> Any:
    import botocore.session

    return botocore.session.Session().get_service_model(service)


def cases(name: str, section: str) -> Any:
    return pytest.mark.parametrize("case", CASES[name][section])


@cases("aws_sms", "requests")
def test_a_request_is_what_botocores_model_of_end_user_messaging_asks_for(case: str) -> None:
    from botocore.validate import ParamValidator

    wanted = CASES["aws_sms"]["requests"][case]
    request = provider("aws_sms", wanted.get("settings")).request(batch_of(wanted))
    model = model_of("pinpoint-sms-voice-v2")
    prefix, _, operation = request.headers["X-Amz-Target"].partition(".")
    shape = model.operation_model(operation).input_shape
    data = json.loads(request.body)
    assert prefix == model.metadata["targetPrefix"]
    assert request.headers["Content-Type"].endswith(model.metadata["jsonVersion"])
    assert not ParamValidator().validate(data, shape).has_errors()
    assert set(data) <= set(shape.members)
    assert model.metadata["endpointPrefix"] == "sms-voice"
    assert f"/{model.metadata['signingName']}/aws4_request" in request.headers["Authorization"]
    if "MessageType" in data:
        assert data["MessageType"] in shape.members["MessageType"].enum


@cases("sns", "requests")
def test_a_request_is_what_botocore_itself_writes_for_sns(case: str) -> None:
    from botocore.serialize import create_serializer

    wanted = CASES["sns"]["requests"][case]
    request = provider("sns", wanted.get("settings")).request(batch_of(wanted))
    model = model_of("sns").operation_model("Publish")
    form = {key: value[0] for key, value in parse_qs(request.body.decode()).items()}
    entries = {
        form[key]: {"DataType": form[key.replace("Name", "Value.DataType")],
                    "StringValue": form[key.replace("Name", "Value.StringValue")]}
        for key in form if key.endswith(".Name")
    }  # fmt: skip
    asked = {"PhoneNumber": form["PhoneNumber"], "Message": form["Message"], "MessageAttributes": entries}
    theirs = create_serializer("query").serialize_to_request(asked, model)
    assert form == theirs["body"]


@pytest.mark.parametrize(("name", "service"), [("aws_sms", "pinpoint-sms-voice-v2"), ("sns", "sns")])
def test_answers_mean_what_botocores_parser_reads_in_them(name: str, service: str) -> None:
    """What botocore calls an error is never accepted, and its code is ours."""
    from botocore.parsers import create_parser

    model = model_of(service)
    operation = model.operation_model("SendTextMessage" if name == "aws_sms" else "Publish")
    parser = create_parser(model.metadata["protocol"])
    read = 0
    for case in CASES[name]["answers"].values():
        status, body, *_ = case if isinstance(case, list) else case["answer"]
        answer = response(status, body, case.get("headers") if isinstance(case, dict) else None)
        if answer.body.startswith((b"<html", b'"<html')) or b"<GetSMS" in answer.body:
            continue
        parts = {"status_code": status, "headers": dict(answer.headers), "body": answer.body}
        theirs = parser.parse(parts, operation.output_shape)
        (ours,) = provider(name).read(batch_of({}), answer)
        assert (ours.gateway_id or None) == theirs.get("MessageId")
        assert (ours.verdict is Verdict.ACCEPTED) == ("MessageId" in theirs)
        if (
            status == 400
            and ours.code not in (None, "400")
            and not ours.code.startswith(("invalid-", "wrong-"))
        ):
            reason = body.get("Reason") if isinstance(body, dict) else None
            assert ours.code in (theirs["Error"]["Code"], reason, "CANNOT_PARSE")
        read += 1
    assert read > 8


def test_every_reason_of_a_refusal_that_can_meet_a_message_is_in_the_table() -> None:
    """The others are about registering, deleting and phone calls."""
    table = provider("aws_sms").codes
    model = model_of("pinpoint-sms-voice-v2")
    reasons = {
        reason
        for kind in ("ConflictException", "ValidationException", "AccessDeniedException")
        for reason in model.shape_for(kind).members["Reason"].enum
    }
    assert reasons >= {code for code in table if code.isupper() and "LIMIT" not in code} - {"MEDIA"}
    asked = {one for one in reasons if one.startswith(("DESTINATION_", "SENDER_ID_NOT", "COUNTRY_"))}
    assert asked <= set(table)


def test_every_event_of_texts_and_files_has_a_meaning() -> None:
    kinds = model_of("pinpoint-sms-voice-v2").shape_for("EventType").enum
    words = {kind.partition("_")[2] for kind in kinds if kind.startswith(("TEXT_", "MEDIA_"))} - {"ALL"}
    for word in words - {"SENT", "PENDING", "QUEUED", "SUCCESSFUL", "DELIVERED"}:
        assert meaning_of({"type": "aws_sms"}, word) is not None, word


def test_who_opted_out_is_told_by_a_log_of_sns() -> None:
    found = meaning_of({"type": "sns"}, "phone-number-is-opted-out")
    assert found is not None
    assert found.meaning == "opted-out"


async def _with(made: Any, **more: Any) -> list[Outcome]:
    await made.open()
    try:
        return list(await made.submit([message(**more)]))
    finally:
        await made.close()


@pytest.mark.parametrize(("name", "service"), [("aws_sms", "sms-voice"), ("sns", "sns")])
@pytest.mark.parametrize("token", [None, "t0ken"])
def test_what_arrives_has_the_signature_that_botocore_makes_of_what_arrived(
    name: str, service: str, token: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore import auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    got: list[Received] = []

    async def note(received: Received, writer: asyncio.StreamWriter) -> bool:
        got.append(received)
        return await reply(200, {"MessageId": "m-1"})(received, writer)

    with Counterpart(note) as there:
        more = {"base_url": there.url, **({"session_token": token} if token else {})}
        asyncio.run(_with(gateway(name, more)))
    (received,) = got
    headers = {key.lower(): value for key, value in received.headers.items()}
    signed = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert {"host", "x-amz-date", "content-type"} <= set(signed)
    assert ("x-amz-security-token" in signed) == (token is not None)
    request = AWSRequest("POST", f"{there.url}{received.target}", data=received.body,
                         headers={key: headers[key] for key in signed if not key.startswith("x-amz-date")})  # fmt: skip
    moment = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ")
    monkeypatch.setattr(auth, "get_current_datetime", lambda *_: moment)
    auth.SigV4Auth(Credentials("AKIDEXAMPLE", "s3cret", token), service, "eu-west-1").add_auth(request)
    assert request.headers["Authorization"] == headers["authorization"]
    assert "s3cret" not in str(headers)


@pytest.mark.parametrize(
    "region", ["eu-west-1", "us-east-1", "ap-southeast-2", "cn-north-1", "us-gov-west-1"]
)
@pytest.mark.parametrize("kind", ["aws_sms", "sns"])
def test_hosts_are_those_that_botocore_knows(kind: str, region: str) -> None:
    import botocore.session

    service = "sns" if kind == "sns" else "sms-voice"
    resolver = botocore.session.Session()._internal_components.get_component("endpoint_resolver")
    known = resolver.construct_endpoint(service, region)
    suffix = known["dnsSuffix"]
    assert provider(kind, {"region": region}).base == f"https://{service}.{region}.{suffix}"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"access_key_id": "A"}, "belong together"),
        ({"access_key_id": "A", "secret_access_key": "s", "profile": "p"}, "not both"),
        ({"session_token": "t"}, "belongs to an access_key_id"),
        ({"region": "Europe"}, "region"),
        ({"max_price": "a lot"}, "not a price"),
    ],
)
def test_settings_that_do_not_fit_together_are_told(wrong: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidInput) as told:
        create("sms", {"type": "aws_sms", **BARE, **wrong})
    assert said in str(told.value.problems[0])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No credentials anywhere: not in the environment, not at home, not in this machine's role."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return tmp_path


@pytest.mark.parametrize("kind", ["aws_sms", "sns", "ses"])
def test_without_any_credentials_the_gateway_does_not_open(kind: str, home: Path) -> None:
    with pytest.raises(GatewayUnusable, match="no AWS credentials"):
        asyncio.run(create("sms", {"type": kind, **BARE}).open())


def test_a_profile_that_is_not_there_is_told(home: Path) -> None:
    with pytest.raises(GatewayUnusable, match="cannot be read"):
        asyncio.run(create("sms", {"type": "aws_sms", **BARE, "profile": "shop"}).open())


def test_credentials_of_a_profile_and_of_the_environment_sign(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "credentials").write_text("[shop]\naws_access_key_id=AKIDSHOP\naws_secret_access_key=s3cret\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    with Counterpart(reply(200, {"MessageId": "m-1"})) as there:
        for more, key in (({"profile": "shop"}, "AKIDSHOP"), ({}, "AKIDENV")):
            made: Any = create("sms", {"type": "aws_sms", **BARE, "base_url": there.url, **more})
            assert asyncio.run(_with(made))[0].verdict is Verdict.ACCEPTED
            assert f"Credential={key}/" in there.received[-1].headers["authorization"]


class Ending:
    """Credentials of a role: renewed once, then no more."""

    def __init__(self) -> None:
        self.renewed = 0

    def refresh_needed(self) -> bool:
        return True

    def get_frozen_credentials(self) -> Any:
        from botocore.credentials import ReadOnlyCredentials
        from botocore.exceptions import CredentialRetrievalError

        self.renewed += 1
        if self.renewed > 2:
            raise CredentialRetrievalError(provider="role", error_msg="s3cret")
        return ReadOnlyCredentials(f"AKID{self.renewed}", "s3cret", "t")


def test_credentials_that_end_are_renewed_and_where_that_fails_nothing_is_sent() -> None:
    role = Ending()

    async def run(url: str) -> list[Outcome]:
        made: Any = create("sms", {"type": "aws_sms", **BARE, "base_url": url})
        made.provider.signer._search = lambda: role
        await made.open()
        try:
            return [(await made.submit([message()]))[0] for _ in range(2)]
        finally:
            await made.close()

    with Counterpart(reply(200, {"MessageId": "m-1"})) as there:
        first, second = asyncio.run(run(there.url))
        assert "Credential=AKID2/" in there.received[0].headers["authorization"]
        assert len(there.received) == 1
    assert first.verdict is Verdict.ACCEPTED
    assert (second.verdict, second.cause) == ("not_sent", "account")
    assert "s3cret" not in str(second)


@pytest.mark.parametrize(
    "media", [(), ("https://a.example/1.png",), ("https://shop.s3.evilamazonaws.com/1.png",),
              ("https://a.s3.amazonaws.com/1", "https://a.s3.amazonaws.com/2")])  # fmt: skip
def test_a_file_that_aws_cannot_fetch_stops_the_run_and_nobody_is_lost(media: tuple[str, ...]) -> None:
    with Counterpart(reply(200, {"MessageId": "m-1"})) as there:
        made = gateway("aws_sms", {"base_url": there.url})
        (outcome,) = asyncio.run(_with(made, channel="mms", media=media))
        assert there.received == []
    assert (outcome.verdict, outcome.cause) == ("not_sent", "account")


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    server = pytest.importorskip("moto.server", reason="needs: pip install moto flask flask-cors")
    made = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    made.start()
    host, port = made.get_host_and_port()
    yield f"http://{host}:{port}"
    made.stop()


def test_motos_sns_takes_texts_with_their_attributes_and_names_what_it_refuses(moto_url: str) -> None:
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.sns.models import sns_backends

    async def run() -> tuple[Any, list[Outcome], list[Outcome]]:
        made = gateway("sns", {"base_url": moto_url, "max_price": "0.05"})
        await made.open()
        try:
            good = list(await made.submit([message(body="Grüße & <b>€</b> 👋")]))
            bad = list(await made.submit([message(to="not a number")]))
            return await made.check(), good, bad
        finally:
            await made.close()

    health, (taken,), (refused,) = asyncio.run(run())
    assert health.ok
    assert taken.verdict is Verdict.ACCEPTED
    kept = sns_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].sms_messages
    assert kept[taken.gateway_id][:2] == ("+12025550143", "Grüße & <b>€</b> 👋")
    assert refused.verdict is Verdict.REJECTED  # moto has a sentence of its own for it


def test_a_campaigns_purpose_decides_the_type_that_aws_is_told(project: Any, home: Path) -> None:
    with Counterpart(reply(200, {"MessageId": "m-1"})) as there:
        project.write(
            "a2pcli.yaml",
            f"""\
region: GB
gateway: live
gateways:
  live:
    type: aws_sms
    region: eu-west-1
    access_key_id: AKIDEXAMPLE
    secret_access_key: s3cret
    base_url: "{there.url}"
    sender: ACME
""",
        )
        project.write("people.csv", "phone\n07911123456\n")
        project.write(
            "sale.yaml",
            """\
name: sale
objective: test
purpose: marketing
consent: assumed
contacts: people.csv
message: Sale! Reply STOP to opt out.
""",
        )
        ran = project.run("send", "sale.yaml", "--yes")
    assert ran.status == 0, ran.out + ran.err
    assert json.loads(there.received[0].body)["MessageType"] == "PROMOTIONAL"
