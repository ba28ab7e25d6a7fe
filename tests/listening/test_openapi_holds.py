"""Whatever fits `/openapi.json`, or nearly fits it, is answered as the document says, and never with 500 (Schemathesis
makes the requests from the document)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import requests
from clikit import Project
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from listenkit import Listener, listener

SECRET = "any-secret-0123456789"
SETTINGS = """\
region: GB
replies: {texts: keep}
otp: {secret: "${OTP}", service: Shop}
gateways:
  infobip: {base_url: "https://x.api.infobip.com", api_key: k}
listen:
  public_url: https://hooks.example.com
  unsigned: [infobip]
  tokens: {any: {secret: "${ANY}", scopes: [read, inbox, metrics, otp, events], rate: 100000/s}}
"""
CAMPAIGN = """\
name: paid
objective: Tell people that their order was paid
purpose: transactional
contacts: people.csv
message: "Hi {{ first_name }}, it is paid."
"""
EVENTS = "events: {paid: {campaign: paid.yaml, map: {phone: phone, first_name: name}}}\n"
THERE = {"gateway": "infobip", "name": "paid"}
"""What leads somewhere in a path."""

WELL = {
    "/callbacks/{gateway}": {"results": []},
    "/events/{name}": {"phone": "+447911123456", "name": "Ann"},
    "/otp": {"to": "+447911123456"},
    "/otp/verify": {"to": "+447911123456", "code": "000000"},
}
"""Requests that are taken."""

QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much]


@pytest.fixture
def heard(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    monkeypatch.setenv("ANY", SECRET)
    monkeypatch.setenv("OTP", "otp-" + SECRET * 2)
    monkeypatch.setenv("A2PCLI_ERASURE_KEY", "k" * 40)
    project.starter()
    project.write("a2pcli.yaml", SETTINGS)
    project.write("paid.yaml", CAMPAIGN)
    project.write("events.yaml", EVENTS)
    with listener(project.folder, settings=None) as made:
        yield made


def described(heard: Listener) -> Any:
    import schemathesis

    token = {"Authorization": f"Bearer {SECRET}"}
    document = httpx.get(f"{heard.url}/openapi.json", headers=token, timeout=30).json()
    document["servers"] = [{"url": heard.url}]
    return schemathesis.openapi.from_dict(document)


def holds(heard: Listener, examples: int) -> int:
    """Ask every operation so often, with what fits and with what does not; return how many requests were made."""
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    asked, session = 0, requests.Session()
    wanted = [
        not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
        checks.response_headers_conformance, checks.response_schema_conformance,
    ]  # fmt: skip

    def check(case: Any, is_known: bool) -> int:
        nonlocal asked
        asked += 1
        if is_known:
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {SECRET}"}
            there = {name: THERE.get(name, value) for name, value in case.path_parameters.items()}
            case.path_parameters = there
        response = case.call(base_url=heard.url, session=session, timeout=60)
        case.validate_response(response, checks=wanted)
        return int(response.status_code)

    def fuzz(case: Any, is_known: bool) -> None:
        check(case, is_known)

    tried = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=QUIET,
        phases=[Phase.generate],
    )
    for result in described(heard).get_all_operations():
        operation = result.ok()
        if operation.method == "post" and (body := WELL.get(operation.path)) is not None:
            well = operation.Case(body=body, path_parameters=dict(THERE), media_type="application/json")
            assert check(well, True) in (200, 202), operation.path
        for mode in GenerationMode if operation.body else [GenerationMode.POSITIVE]:
            tried(given(operation.as_strategy(mode), st.integers(0, 3).map(bool))(fuzz))()
    return asked


def test_a_few_requests_to_every_route_are_answered_as_the_document_says(heard: Listener) -> None:
    assert holds(heard, 2) > 50


@pytest.mark.slow
def test_thousands_of_requests_are_answered_as_the_document_says(heard: Listener) -> None:
    assert holds(heard, 100) > 2000
