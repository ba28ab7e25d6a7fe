"""Nothing that is sent to the listener's own routes ends in an error, and nothing of it is done without a token."""

from __future__ import annotations

from typing import Any

import pytest
from clikit import Project
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from partkit import in_process, signed
from sqlalchemy import func, select

from a2pcli.ledger.tables import metadata

SECRET = "any-secret-0123456789"
SETTINGS = """\
region: GB
otp: {secret: "${OTP}", service: Shop}
listen:
  public_url: https://hooks.example.com/a2p
  per_address: 100000/s
  tokens: {any: {secret: "${ANY}", scopes: [read, inbox, metrics, otp, events], rate: 100000/s}}
"""
VALUES = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=30)
PATHS = st.sampled_from(
    ["/", "/live", "/login", "/logout", "/metrics", "/openapi.json", "/agents/c2222222", "/inbox/c2222222/reply",
     "/inbox/x/close", "/u/abc", "/assets/style.css", "/otp", "/otp/verify", "/healthz",
     "/nothing", "/a2p/", "/a2p/u/x"]
)  # fmt: skip
METHODS = st.sampled_from(["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
BODIES = st.one_of(
    st.binary(max_size=100),
    st.sampled_from(
        [
            b"{}",
            b"[]",
            b"null",
            b'{"text": 1}',
            b'{"text": "\\ud800"}',
            b"token=a&csrf=%00",
            b"[" * 50_000,
            b"a=b&" * 60,
        ]
    ),
)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["Authorization", "Cookie", "Origin", "Host", "Sec-Fetch-Site", "Accept-Language", "Content-Type",
         "X-Forwarded-For", "X-A2pcli-Token", "X-A2pcli-Timestamp", "X-A2pcli-Signature", "traceparent"]
    ),
    VALUES
    | st.sampled_from(
        ["Bearer x", "a2pcli_session=x", "null", "https://[", "de;q=x,fr", "1e400", "v1=zz", "::1, x", "["]
    ),
    max_size=4,
)  # fmt: skip


@pytest.fixture
def used(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("ANY", SECRET)
    monkeypatch.setenv("OTP", "otp-" + SECRET * 2)
    project.run("ledger", "create")
    return project


def rows(heard: Any) -> dict[str, int]:
    with heard.listener.store.ledger.reading() as connection:
        return {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in metadata.tables.items()
        }


@given(st.data())
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_strangers_change_nothing_and_break_nothing(used: Project, data: st.DataObject) -> None:
    requests = data.draw(st.lists(st.tuples(METHODS, PATHS, HEADERS, BODIES), min_size=40, max_size=60))
    with in_process(used.folder, SETTINGS) as heard:
        before = rows(heard)
        for method, path, headers, body in requests:
            sent = {name: value.encode("latin-1") for name, value in headers.items()}
            response = heard.ask(method, path, headers=sent, content=body)
            assert response.status_code < 500, (method, path, headers, body, response.text)
        assert rows(heard) == before


@given(st.data())
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whoever_has_a_token_breaks_nothing(used: Project, data: st.DataObject) -> None:
    requests = data.draw(st.lists(st.tuples(METHODS, PATHS, BODIES, st.booleans()), min_size=40, max_size=60))
    with in_process(used.folder, SETTINGS) as heard:
        for method, path, body, signs in requests:
            inner = path.removeprefix("/a2p")
            headers = {"Authorization": f"Bearer {SECRET}"}
            if signs:
                headers = signed("any", SECRET, method, inner, body)
            response = heard.ask(method, path, headers=headers, content=body)
            assert response.status_code < 500, (method, path, body, response.text)
