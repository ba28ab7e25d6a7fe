"""Whatever fits `/openapi.json`, or nearly fits it, is answered as the document says, and never with 500 (Schemathesis
makes the requests from the document)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from clikit import Project
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from partkit import InProcess, in_process

SECRET = "any-secret-0123456789"
SETTINGS = """\
region: GB
otp: {secret: "${OTP}", service: Shop}
listen:
  public_url: https://hooks.example.com
  per_address: 100000/s
  tokens: {any: {secret: "${ANY}", scopes: [read, inbox, metrics, otp, events], rate: 100000/s}}
"""
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much]


@pytest.fixture
def used(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcess]:
    monkeypatch.setenv("ANY", SECRET)
    monkeypatch.setenv("OTP", "otp-" + SECRET * 2)
    monkeypatch.setenv("A2PCLI_ERASURE_KEY", "k" * 40)
    project.run("ledger", "create")
    with in_process(project.folder, SETTINGS, public="https://hooks.example.com") as heard:
        yield heard


def described(heard: InProcess) -> Any:
    import schemathesis

    token = {"Authorization": f"Bearer {SECRET}"}
    document = heard.ask("GET", "/openapi.json", headers=token).json()
    document["servers"] = [{"url": "http://testserver"}]
    schema = schemathesis.openapi.from_dict(document)
    schema.app = heard.app
    return schema


def holds(heard: InProcess, examples: int) -> int:
    """Ask every operation so often, with what fits and with what does not; return how many requests were made."""
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    asked = 0
    wanted = [
        not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
        checks.response_headers_conformance, checks.response_schema_conformance,
    ]  # fmt: skip

    def check(case: Any, has_token: bool) -> None:
        nonlocal asked
        asked += 1
        if has_token:
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {SECRET}"}
        case.validate_response(case.call(), checks=wanted)

    tried = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=QUIET,
        phases=[Phase.generate],
    )
    for result in described(heard).get_all_operations():
        operation = result.ok()
        for mode in GenerationMode if operation.body else [GenerationMode.POSITIVE]:
            tried(given(operation.as_strategy(mode), st.integers(0, 3).map(bool))(check))()
    return asked


def test_a_few_requests_to_every_route_are_answered_as_the_document_says(used: InProcess) -> None:
    assert holds(used, 2) > 50


@pytest.mark.slow
def test_thousands_of_requests_are_answered_as_the_document_says(used: InProcess) -> None:
    assert holds(used, 60) > 2000
