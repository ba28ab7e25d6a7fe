"""`/openapi.json` describes the routes that there are, for whoever has a token."""

from __future__ import annotations

import re
from typing import Any

import pytest
from clikit import Project
from partkit import in_process
from starlette.routing import Route

from a2pcli.listening.api import Endpoint

SECRET = "any-secret-0123456789"
SETTINGS = """\
region: GB
otp: {secret: "${OTP}", service: Shop}
listen:
  public_url: https://hooks.example.com/a2p
  tokens:
    any: {secret: "${ANY}", scopes: [read, inbox, metrics, otp, events]}
    other: {secret: "${OTHER}", scopes: [otp]}
"""


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANY", SECRET)
    monkeypatch.setenv("OTP", "otp-" + SECRET * 2)
    monkeypatch.setenv("OTHER", "other-" + SECRET)


def references(document: Any) -> list[str]:
    if isinstance(document, dict):
        return [
            found
            for key, value in document.items()
            for found in ([value] if key == "$ref" else references(value))
        ]
    return [found for one in document for found in references(one)] if isinstance(document, list) else []


def test_every_route_for_programs_is_described_and_no_other(project: Project) -> None:
    project.run("ledger", "create")
    with in_process(project.folder, SETTINGS) as heard:
        assert heard.ask("GET", "/openapi.json").status_code == 401
        for secret in (SECRET, "other-" + SECRET):
            response = heard.ask("GET", "/openapi.json", headers={"Authorization": f"Bearer {secret}"})
            assert response.status_code == 200, "any token will do"
        document = response.json()
        routes = {one.path: one.endpoint for one in heard.listener.routes if isinstance(one, Route)}
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": "https://hooks.example.com/a2p"}]
    for_programs = {path for path, endpoint in routes.items() if isinstance(endpoint, Endpoint)}
    always = {"/callbacks/{gateway}", "/callbacks/{gateway}/{secret}", "/healthz", "/readyz"}
    assert set(document["paths"]) == set(routes) | always
    assert "/login" in routes, "the page for people is there too"
    assert {"/metrics", "/openapi.json"} <= for_programs
    for path, operations in document["paths"].items():
        named = [one["name"] for one in operations.pop("parameters", [])]
        assert named == re.findall(r"{(\w+)}", path)
        for one in operations.values():
            assert one["summary"]
            assert one["summary"] != path, "its function has a docstring"
            assert {"200", "303"} & set(one["responses"])
            assert ("security" in one) is (path in for_programs)
    schemas = document["components"]["schemas"]
    assert {one.rpartition("/")[2] for one in references(document)} <= set(schemas)


def test_every_body_for_programs_has_its_fields_described(project: Project) -> None:
    project.run("ledger", "create")
    with in_process(project.folder, SETTINGS) as heard:
        document = heard.ask(
            "GET", "/openapi.json", headers={"Authorization": f"Bearer {SECRET}"}
        ).json()  # fmt: skip
    schemas = document["components"]["schemas"]

    def fields(path: str, *where: str) -> set[str]:
        found: Any = document["paths"][path]["post"]
        for one in (*where, "content", "application/json", "schema"):
            found = found[one]
        name = found["$ref"].rpartition("/")[2]
        return set(schemas[name]["properties"])

    assert fields("/otp", "requestBody") == {"to", "for", "language"}
    assert {"id", "expires_at", "attempts_left"} <= fields("/otp", "responses", "200")
    assert fields("/otp/verify", "requestBody") == {"to", "code", "for"}
    assert fields("/otp/verify", "responses", "200") == {"verified", "result", "attempts_left"}
    assert fields("/agents/{conversation}", "requestBody") == {"text", "id", "close"}
    assert fields("/agents/{conversation}", "responses", "200") == {"conversation", "accepted", "duplicate"}
    assert "502" in document["paths"]["/otp"]["post"]["responses"]
    login = document["paths"]["/login"]["post"]["requestBody"]["content"]
    assert "application/x-www-form-urlencoded" in login


def test_a_refusal_is_as_long_as_it_says(project: Project) -> None:
    project.run("ledger", "create")

    with in_process(project.folder, SETTINGS) as heard:
        long = heard.ask(
            "GET", "/openapi.json", headers={"Authorization": f"Bearer {SECRET}"}, content=b"x" * 2_000_000
        )
    assert long.status_code == 413
    assert int(long.headers["Content-Length"]) == len(long.content)
    assert long.headers["Content-Type"] == "application/json"
    assert long.json()["error"] == "body"
