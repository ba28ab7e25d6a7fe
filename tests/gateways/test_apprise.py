"""The apprise gateway: what loopback servers got by apprise's own services, and what is said of it."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from gatewaykit import Counterpart, drop, hang, message, reply
from smtpkit import Relay

from a2pcli.errors import InvalidInput
from a2pcli.gateways.base import Gateway
from a2pcli.gateways.registry import create
from a2pcli.gateways.testing import GatewayContract
from a2pcli.messages import Message, Outcome

pytest.importorskip("apprise", reason='needs: pip install "a2pcli[apprise]"')


def gateway(url: str, **more: Any) -> Any:
    return create("alerts", {"type": "apprise", "url": url, "timeout": "0.3", **more})


def sent(made: Any, *some: Message) -> list[Outcome]:
    async def run() -> list[Outcome]:
        await made.open()
        try:
            return list(await made.submit(some or [message()]))
        finally:
            await made.close()

    return asyncio.run(run())


def address(there: Counterpart) -> str:
    return there.url.removeprefix("http://")


class TestContract(GatewayContract):
    secrets = ("s3cret",)

    @pytest.fixture(autouse=True)
    def _there(self) -> Any:
        with Counterpart(reply(200, {})) as self.there:
            yield

    def make(self, folder: Path) -> Gateway:
        return gateway(f"json://user:s3cret@{address(self.there)}/{{{{ to }}}}")  # type: ignore[no-any-return]


@pytest.mark.parametrize("scheme", ["json", "xml", "form"])
def test_each_person_gets_the_text_once_at_the_address_in_the_url(scheme: str) -> None:
    with Counterpart(reply(200, {})) as there:
        made = gateway(scheme + "://" + address(there) + "/sms/{{ to }}/{{reference}}")
        outcomes = sent(made, message(1, "Grüße 👋"), message(2, "<b>&", to="+447911123456"))
        assert [str(one.verdict) for one in outcomes] == ["accepted", "accepted"]
        assert sorted(unquote(one.target) for one in there.received) == [
            "/sms/+12025550143/r7k2m9qd-000001", "/sms/+447911123456/r7k2m9qd-000002"]  # fmt: skip
        if scheme == "json":
            assert {json.loads(one.body)["message"] for one in there.received} == {"Grüße 👋", "<b>&"}


@pytest.mark.parametrize(
    ("act", "wanted"),
    [(reply(400, {"error": "+12025550143"}), "unknown ambiguous"), (reply(500, {}), "unknown ambiguous"),
     (drop, "unknown ambiguous"), (hang, "unknown ambiguous"),
     (reply(307, {}, {"Location": "/elsewhere"}), "unknown ambiguous")])  # fmt: skip
def test_a_no_is_unknown_and_nothing_is_sent_twice(act: Any, wanted: str) -> None:
    with Counterpart(act) as there:
        (outcome,) = sent(gateway("json://" + address(there) + "/{{ to }}"))
        assert len(there.received) == 1
    assert f"{outcome.verdict} {outcome.cause}" == wanted
    assert "2025550143" not in str(outcome.detail)


def test_where_no_connection_was_made_the_message_stays_planned() -> None:
    (outcome,) = sent(gateway("json://127.0.0.1:9/{{ to }}"))
    assert (outcome.verdict, outcome.cause) == ("not_sent", "unreachable")


def test_an_email_goes_to_one_person_with_its_subject() -> None:
    with Relay() as relay:
        made = gateway(
            f"mailto://127.0.0.1:{relay.port}?from=news@shop.example&to={{{{ to }}}}&mode=insecure",
            channels=["email"], timeout="3",
        )  # fmt: skip
        mail = message(1, "Hello Anna", to="anna@example.com", channel="email", content={"subject": "News"})
        (outcome,) = sent(made, mail)
        assert str(outcome.verdict) == "accepted", outcome
        (got,) = relay.handler.messages()
    assert got["Subject"] == "News"
    assert relay.handler.recipients() == ["anna@example.com"]


@pytest.mark.parametrize(
    "more", [{"content": {"subject": "s", "html": "<p>"}}, {"media": ("https://a.example/1",)}]
)
def test_what_apprise_cannot_carry_stops_the_run_and_nobody_is_lost(more: dict[str, Any]) -> None:
    with Counterpart(reply(200, {})) as there:
        (outcome,) = sent(gateway("json://" + address(there) + "/{{ to }}"), message(**more))
        assert there.received == []
    assert (outcome.verdict, outcome.cause) == ("not_sent", "account")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("json://localhost/", "lacks `{{ to }}`"),
        ("{{ to }}://localhost/", "scheme"),
        ("json://localhost/{{ to }}?retry=3", "must not set retry"),
        ("json://localhost/{{ to }}?redirect=yes", "must not set retry"),
        ("json://localhost/{{ to }}/{{ name }}", "unknown variable"),
        ("json://localhost/{{ to }}/{{ to | upper }}", "unknown variable"),
        ("nosuchservice://localhost/{{ to }}", "cannot use it"),
        ("mailto://localhost?from=a@b.example&to={{ to }},other@b.example", "cannot use it"),
    ],
)
def test_a_url_that_cannot_work_or_would_send_twice_is_refused(url: str, said: str) -> None:
    with pytest.raises(InvalidInput) as told:
        gateway(url, channels=["email"])
    assert said in str(told.value.problems[0])


@pytest.mark.parametrize(
    "to", ["a@b.example,c@d.example", "a@b.example?to=c@d.example", "a@b.example/c@d.example"]
)
def test_an_address_never_becomes_two(to: str) -> None:
    with Relay() as relay:
        made = gateway(
            f"mailto://127.0.0.1:{relay.port}?from=n@s.example&to={{{{ to }}}}&mode=insecure",
            channels=["email"],
        )
        sent(made, message(1, to=to, channel="email"))
        assert len(relay.handler.recipients()) <= 1


def test_apprises_log_which_quotes_urls_and_texts_is_shown_nowhere() -> None:
    shown = io.StringIO()
    handler, root = logging.StreamHandler(shown), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with Counterpart(reply(400, {})) as there:
            sent(gateway("json://u:s3cret@" + address(there) + "/{{ to }}"), message(1, "Zebedee"))
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert not any(word in shown.getvalue() for word in ("s3cret", "Zebedee", "2025550143"))


def test_what_it_cannot_tell_is_shown(project: Any) -> None:
    ran = project.run("gateways", "show", "apprise")
    assert ran.status == 0
    assert "no receipts" in ran.out
