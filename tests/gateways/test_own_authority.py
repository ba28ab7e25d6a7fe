"""``ca:`` of a gateway's block: its server is verified with an authority of one's own, whatever the HTTP engine."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from gatewaykit import CERTIFICATE, Counterpart, reply

from a2pcli.gateways.registry import BUILT_IN

DECLARED = """\
gateways:
  own:
    type: http
    url: {url}/send
    json: {{to: "{{{{ to }}}}", text: "{{{{ body }}}}"}}
    response: {{id: id}}
    check: {{url: "{url}/me"}}
    engine: {engine}
    {ca}
"""
TELNYX = "gateways:\n  own: {{type: telnyx, api_key: KEY, base_url: '{url}', sender: '+12025550100', {ca}}}\n"


@pytest.mark.parametrize("engine", ["wire", "httpx"])
def test_a_server_of_ones_own_authority_is_trusted_where_the_block_says_so(project: Any, engine: str) -> None:
    shutil.copy(CERTIFICATE, project.folder / "roots.pem")
    with Counterpart(reply(200, {"id": "m1"}), tls=True) as there:
        project.write("a2pcli.yaml", DECLARED.format(url=there.url, engine=engine, ca="ca: roots.pem"))
        sent = project.run("gateways", "test", "own", "--to", "+447911123456", "--yes")
        assert (sent.status, "accepted (m1)" in sent.out) == (0, True), sent.err
        heard = len(there.received)
        project.write("a2pcli.yaml", DECLARED.format(url=there.url, engine=engine, ca=""))
        refused = project.run("gateways", "test", "own", "--to", "+447911123456", "--yes")
        assert refused.status != 0
        assert len(there.received) == heard


def test_a_providers_block_takes_it_too(project: Any) -> None:
    shutil.copy(CERTIFICATE, project.folder / "roots.pem")
    with Counterpart(reply(200, {"data": [], "meta": {}}), tls=True) as there:
        project.write("a2pcli.yaml", TELNYX.format(url=there.url, ca="ca: roots.pem"))
        trusted = project.run("gateways", "test", "own")
        assert "not trusted" not in trusted.out
        project.write("a2pcli.yaml", TELNYX.format(url=there.url, ca="timeout: 5"))
        refused = project.run("gateways", "test", "own")
        assert "the certificate is not trusted" in refused.out


@pytest.mark.parametrize("file", ["there-is-none.pem", "a2pcli.yaml"])
def test_a_file_that_holds_no_certificates_is_told_at_its_line(project: Any, file: str) -> None:
    project.write("a2pcli.yaml", DECLARED.format(url="https://127.0.0.1:9", engine="wire", ca=f"ca: {file}"))
    ran = project.run("gateways", "test", "own")
    assert ran.status != 0
    assert "a2pcli.yaml:9:" in ran.err
    assert "cannot be read as certificates (PEM)" in ran.err


def test_every_gateway_with_tls_of_ours_has_it() -> None:
    from a2pcli.gateways.guide import guide_to

    without = {"outbox", "console", "simulator", "apprise"}
    for kind in BUILT_IN:
        guide = guide_to(kind)
        assert guide is not None
        has = any(key.path == "ca" for key in guide.keys)
        assert has or kind in without, kind
