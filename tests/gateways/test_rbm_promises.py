"""RCS for Business: signing in, ids that give our reference back, who can be reached, taking back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import pytest
from gatewaykit import Counterpart, drop, hang, message, reply
from hypothesis import given
from hypothesis import strategies as st
from providerkit import account_json, key_pair, service_account

from a2pcli.errors import A2PError
from a2pcli.gateways.base import Revokes, TellsReachability
from a2pcli.gateways.providers.rbm_ids import message_id, reference_of
from a2pcli.gateways.registry import create
from a2pcli.messages import Cause, Outcome, Verdict

NUMBERS = ["+12025550143", "+12025550144"]


def gateway(**more: str) -> Any:
    return create("rbm", {"type": "rbm", "agent_id": "shop_agent", "timeout": "2", **more})


def run(made: Any, act: Any) -> Any:
    async def whole() -> Any:
        await made.open()
        try:
            return await act(made)
        finally:
            await made.close()

    return asyncio.run(whole())


async def one(made: Any) -> Outcome:
    return (await made.submit([message(channel="rcs")]))[0]  # type: ignore[no-any-return]


@given(st.from_regex(r"r[a-z0-9]{7}-[0-9]{6}(-[0-9]{1,2})?", fullmatch=True))
def test_an_id_gives_the_reference_back_and_is_a_uuid(reference: str) -> None:
    id = message_id(reference)
    assert str(UUID(id)) == id
    assert UUID(id).version == 8
    assert reference_of(id) == reference


@given(st.text(max_size=60))
def test_any_reference_has_an_id_of_its_own(reference: str) -> None:
    id = message_id(reference)
    assert str(UUID(id)) == id
    assert reference_of(id) in (reference, None)


@given(st.uuids() | st.text(max_size=40))
def test_no_other_id_is_taken_for_one_of_ours(id: Any) -> None:
    found = reference_of(str(id))
    assert found is None or message_id(found) == str(id)


def test_a_message_is_sent_with_a_token_that_the_service_accounts_key_bought() -> None:
    jwt = pytest.importorskip("jwt", reason="pip install PyJWT")
    with (
        Counterpart(reply(200, {"access_token": "ya29.token", "expires_in": 3599})) as tokens,
        Counterpart(reply(404, {"error": {"status": "NOT_FOUND"}})) as there,
    ):
        made = gateway(base_url=there.url, service_account_key=account_json(tokens.url + "/t"))

        async def three(made: Any) -> list[Outcome]:
            return list(await asyncio.gather(one(made), one(made), one(made)))

        outcomes = run(made, three)
        assert {(each.verdict, each.cause) for each in outcomes} == {(Verdict.REJECTED, Cause.PERMANENT)}
        assert len(tokens.received) == 1  # one token for all
        assert {one.headers["authorization"] for one in there.received} == {"Bearer ya29.token"}
        form = parse_qs(tokens.received[0].body.decode())
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        claims = jwt.decode(form["assertion"][0], key_pair()[1], ["RS256"], audience=tokens.url + "/t")
        assert claims["aud"] == tokens.url + "/t"
        assert claims["scope"].endswith("/auth/rcsbusinessmessaging")
        assert claims["exp"] - claims["iat"] == 3600


@pytest.mark.parametrize(
    ("act", "cause"),
    [
        (reply(400, {"error": "invalid_grant"}), Cause.ACCOUNT),
        (reply(401, {}), Cause.ACCOUNT),
        (reply(200, {"hello": "world"}), Cause.ACCOUNT),
        (reply(429, {}), Cause.TEMPORARY),
        (reply(503, {}), Cause.TEMPORARY),
        (drop, Cause.UNREACHABLE),
    ],
)
def test_without_a_token_nothing_leaves_and_nothing_is_unknown(act: Any, cause: Cause) -> None:
    with Counterpart(act) as tokens, Counterpart(hang) as there:
        outcome = run(gateway(base_url=there.url, service_account_key=account_json(tokens.url)), one)
        assert (outcome.verdict, outcome.cause) == (Verdict.NOT_SENT, cause)
        assert outcome.detail
        assert not there.received


def test_a_token_that_is_refused_is_bought_anew() -> None:
    with (
        Counterpart(reply(200, {"access_token": "t", "expires_in": 3599})) as tokens,
        Counterpart(reply(401, {"error": {"status": "UNAUTHENTICATED"}})) as there,
    ):

        async def twice(made: Any) -> None:
            await one(made)
            await one(made)

        run(gateway(base_url=there.url, service_account_key=account_json(tokens.url)), twice)
        assert len(tokens.received) == 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "give service_account or service_account_key"),
        ({"service_account": "none.json"}, "cannot be read"),
        ({"service_account_key": "{}"}, "no service account's key"),
        (
            {"service_account_key": '{"client_email": "a", "private_key": "s3cret"}'},
            "no service account's key",
        ),
    ],
)
def test_a_key_that_cannot_be_used_is_told_before_anything_is_sent(
    settings: Any, said: str, tmp_path: Path
) -> None:
    made = gateway(folder=str(tmp_path), **settings)
    with pytest.raises(A2PError) as caught:
        run(made, one)
    assert said in str(caught.value.problems[0].message)
    assert "s3cret" not in str(caught.value)


def test_who_can_be_reached_is_asked_in_one_request() -> None:
    with Counterpart(reply(200, {"reachableUsers": [NUMBERS[0]]})) as there:
        made = gateway(base_url=there.url, service_account_key=service_account())
        assert isinstance(made, TellsReachability)
        found = run(made, lambda made: made.reachable(NUMBERS))
        assert found == {NUMBERS[0]: True, NUMBERS[1]: False}
        (asked,) = there.received
        assert (asked.method, asked.target) == ("POST", "/v1/users:batchGet")
        assert asked.json == {"users": NUMBERS, "agentId": "shop_agent"}


@pytest.mark.parametrize(
    "act", [reply(400, {}), reply(503, {}), reply(200, {"html": 1}), reply(200, b"<html>"), drop]
)
def test_nobody_is_called_unreachable_because_google_did_not_answer(act: Any) -> None:
    with Counterpart(act) as there:
        made = gateway(base_url=there.url, service_account_key=service_account())
        assert run(made, lambda made: made.reachable(NUMBERS)) == {}


@pytest.mark.parametrize(
    ("act", "taken_back"),
    [
        (reply(200, {}), True),
        (reply(404, {"error": {"status": "NOT_FOUND"}}), False),
        (reply(500, {}), None),
        (drop, None),
    ],
)
def test_a_message_is_taken_back_by_our_reference(act: Any, taken_back: bool | None) -> None:
    with Counterpart(act) as there:
        made = gateway(base_url=there.url, service_account_key=service_account())
        assert isinstance(made, Revokes)
        found = run(made, lambda made: made.revoke(NUMBERS[0], "r7k2m9qd-000001"))
        assert found is taken_back
        (asked,) = there.received
        id = message_id("r7k2m9qd-000001")
        assert asked.method == "DELETE"
        assert asked.target == f"/v1/phones/+12025550143/agentMessages/{id}?agentId=shop_agent"
