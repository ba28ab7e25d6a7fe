"""``a2pcli gateways show`` and ``a2pcli gateways add``, as a user runs them."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import a2pcli
from a2pcli.gateways.guide import guide_to
from a2pcli.gateways.registry import BUILT_IN

COMMENTED = """\
# our settings
region: GB   # where we are
gateway: live

gateways:   # see the wiki
  # the account of the shop
  live:
    type: simulator   # for now
    seed: "3"
    # rate: 5/s
  # nothing is below

# prices
rates: rates.csv
# the end
"""


def sample(name: str) -> str:
    return "AC" + "0" * 32 if "ACCOUNT" in name else "sample"


@pytest.mark.parametrize("kind", BUILT_IN)
def test_each_type_can_be_shown_and_its_added_block_is_valid(project: Any, kind: str) -> None:
    project.write("a2pcli.yaml", COMMENTED)
    if kind == "smpp":
        pytest.importorskip("smpp34", reason='needs: pip install "a2pcli[smpp]"')
    if kind == "apprise":
        pytest.importorskip("apprise", reason='needs: pip install "a2pcli[apprise]"')
    added = project.run("gateways", "add", kind, "--name", "new", "--json")
    assert (added.status, added.err) == (0, "")
    secrets = {name: sample(name) for name in added.json["variables"]}
    shown = project.run("gateways", "show", "new", "--json", **secrets)
    assert (shown.status, shown.json["problems"]) == (0, [])
    assert shown.json["type"] == kind
    assert shown.json["capabilities"]["channels"]
    assert shown.json["limits"]
    required = {key["key"] for key in shown.json["keys"] if key["required"]}
    assert required <= set(yaml.safe_load(shown.json["example"]).popitem()[1])
    assert all(key["meaning"] for key in shown.json["keys"])


def test_what_is_shown_of_a_type_is_what_its_gateway_can_do(project: Any) -> None:
    ran = project.run("gateways", "show", "infobip")
    assert ran.status == 0
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert "sms, 100 at a time, look-up, receipts; 20 requests at the same time" in lines
    assert "api_key secret required " in " ".join(lines)
    assert "- look-up finds a message for 48 hours; one that is not found stays unknown" in lines
    assert "INFOBIP_KEY (not set)" in lines
    assert "not configured here; a2pcli gateways add infobip writes the block" in lines
    assert lines[-1] == "More: docs/gateways.md#infobip"


def test_a_configured_gateway_is_shown_with_its_place_and_without_secrets(project: Any) -> None:
    project.write(
        "a2pcli.yaml",
        "gateways:\n  uk:\n    type: plivo\n    auth_id: MAXXXXXXXXXXXXXXXXXX\n    auth_token: ${T}\n",
    )
    ran = project.run("gateways", "show", "uk", T="s3cret")
    assert (ran.status, "s3cret" in ran.out + ran.err) == (0, False)
    assert "type plivo, ready, " in ran.out
    assert "a2pcli.yaml:2:3" in ran.out
    assert "T (set)" in ran.out


def test_wrong_settings_are_told_at_their_place(project: Any) -> None:
    project.write("a2pcli.yaml", "gateways:\n  uk:\n    type: plivo\n    auth_token: t\n    auth_idd: x\n")
    ran = project.run("gateways", "show", "uk")
    assert ran.status == 3
    assert "a2pcli.yaml:5:5: gateways.uk.auth_idd: unknown key (did you mean 'auth_id'?)" in ran.err


@pytest.mark.parametrize("command", ["show", "add"])
def test_an_unknown_type_is_refused_with_the_nearest(project: Any, command: str) -> None:
    before = project.write("a2pcli.yaml", COMMENTED).read_bytes()
    ran = project.run("gateways", command, "twillio")
    assert (ran.status, ran.out) == (2, "")
    assert "did you mean twilio?" in ran.err
    assert (project.folder / "a2pcli.yaml").read_bytes() == before


def test_add_keeps_every_comment_and_its_place(project: Any) -> None:
    path = project.write("a2pcli.yaml", COMMENTED)
    path.chmod(0o640)
    ran = project.run("gateways", "add", "clickatell", CLICKATELL_KEY="s3cret")
    assert ran.status == 0
    after = path.read_text("utf-8")
    head, tail = COMMENTED.split("\n\n# prices")
    assert after.startswith(head + "\n  clickatell:\n    # Clickatell: SMS, in batches")
    assert after.endswith("\n\n# prices" + tail)
    assert "api_key: ${CLICKATELL_KEY}  # " in after
    assert "s3cret" not in after + ran.out + ran.err
    assert "CLICKATELL_KEY is set already" in ran.out
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(project.folder.glob(".a2pcli.yaml*")) == []


def test_add_says_which_secrets_go_into_env(project: Any) -> None:
    ran = project.run("gateways", "add", "vonage", "--name", "uk")
    assert "put into .env beside a2pcli.yaml" in ran.out
    assert "    VONAGE_KEY=...\n    VONAGE_SECRET=...\n" in ran.out
    assert "a2pcli gateways test uk" in ran.out
    assert not (project.folder / ".env").exists()


def test_add_refuses_a_name_that_is_taken(project: Any) -> None:
    path = project.write("a2pcli.yaml", COMMENTED)
    ran = project.run("gateways", "add", "twilio", "--name", "live")
    assert ran.status == 3
    assert "a2pcli.yaml:7:3: there is a gateway 'live' already" in ran.err
    assert path.read_text() == COMMENTED


def test_add_makes_the_settings_where_there_are_none(project: Any) -> None:
    ran = project.run("gateways", "add", "console")
    assert (ran.status, "(new file)" in ran.out) == (0, True)
    assert project.run("gateways", "show", "console", "--json").json["configured"]


@pytest.mark.parametrize("text", ["", "# only a comment\n", "region: GB\ngateways:\n", "regoin: GB\n"])
def test_add_works_on_settings_that_have_nothing_yet_or_a_mistake_elsewhere(project: Any, text: str) -> None:
    path = project.write("a2pcli.yaml", text)
    assert project.run("gateways", "add", "console").status == 0
    after = path.read_text()
    assert after.startswith(text)
    assert after.count("gateways:") == 1
    assert yaml.safe_load(after)["gateways"] == {"console": {"sender": "ACME"}}


@pytest.mark.parametrize("text", ["gateways:\n  - a\n", "gateways: none\n", "- a\n", "a: [\n"])
def test_a_file_that_is_something_else_is_left_as_it_is(project: Any, text: str) -> None:
    path = project.write("a2pcli.yaml", text)
    ran = project.run("gateways", "add", "console")
    assert (ran.status, path.read_text()) == (3, text)
    assert "a2pcli.yaml:" in ran.err


def test_a_name_that_yaml_would_not_read_is_refused(project: Any) -> None:
    assert project.run("gateways", "add", "console", "--name", "a b: c").status == 2
    assert not (project.folder / "a2pcli.yaml").exists()


@pytest.mark.parametrize(
    "text", ["{region: GB}\n", "gateways: {a: {type: console}}\n", "gateways: {\n}\n", 'gateways: ""\n']
)
def test_a_file_in_braces_is_left_as_it_is(project: Any, text: str) -> None:
    path = project.write("a2pcli.yaml", text)
    ran = project.run("gateways", "add", "console")
    assert (ran.status, path.read_text()) == (3, text)
    assert "a2pcli.yaml:1:" in ran.err


def test_a_link_to_the_settings_stays_a_link(project: Any) -> None:
    path = project.folder / "a2pcli.yaml"
    real = project.write("shared/real.yaml", COMMENTED)
    path.symlink_to(real)
    assert project.run("gateways", "add", "console").status == 0
    assert path.is_symlink()
    assert "console:" in real.read_text()


PIECES = {
    "top": ["", "---\n", "# top\n", "\ufeff"],
    "before": ["", "region: GB\n", "region: GB # here\n\n"],
    "gateways": [
        "", "gateways:\n", "gateways: {}\n", "gateways: {}  # none\n", "gateways:\n  a:\n    type: console\n",
        "gateways:\n      a: {type: console}   # x\n\n      # in it\n",
        "gateways:\n  a:\n    type: http\n    url: http://x.example\n    xml: |\n      <a>\n\n      # no comment\n\n",
        "gateways:\n  a:\n    type: http\n    url: http://x.example\n    text: >-\n      long\n      text",
        "gateways:\n  a: {type: console,\n    sender: X}\n# not in it\n",
    ],
    "after": ["", "locale: en\n", "\n# prices\nlocale: en", "# only a comment"],
    "end": ["", "\n", "...\n"],
}  # fmt: skip


@given(
    parts=st.tuples(*(st.sampled_from(PIECES[one]) for one in PIECES)),
    crlf=st.booleans(),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_was_in_the_file_is_still_in_it(tmp_path: Path, parts: tuple[str, ...], crlf: bool) -> None:
    from a2pcli.config.document import read_document
    from a2pcli.config.insert import with_gateway
    from a2pcli.errors import InvalidInput

    text = ""
    for part in parts:
        text += ("\n" if text and not text.endswith(("\n", "\ufeff")) and part else "") + part
    path = tmp_path / "a2pcli.yaml"
    path.write_bytes((text.replace("\n", "\r\n") if crlf else text).encode())
    try:
        before: dict[str, Any] = read_document(path).data
    except InvalidInput:
        if "---" in text or "..." in text:
            return  # not a settings file
        before = {}  # nothing but comments
    guide = guide_to("console")
    assert guide
    after = with_gateway(path, "new", ["# a comment", "sender: ACME"])
    old_lines = [
        line for line in path.read_bytes().decode("utf-8-sig").splitlines(keepends=True) if "{}" not in line
    ]
    for line in old_lines:
        assert line.rstrip("\r\n") in after
    assert ("\r\n" in after) == (crlf and "\n" in text) or not before
    path.write_bytes(after.encode())
    data = read_document(path).data
    old = before.pop("gateways", None) or {}
    assert data.pop("gateways") == {**old, "new": {"sender": "ACME"}}
    assert data == before


def test_examples_name_urls_that_the_listener_answers() -> None:
    guides = yaml.safe_load((Path(a2pcli.__file__).parent / "gateways/examples.yaml").read_text())
    blocks = {
        name: yaml.safe_load(guide["example"]) for name, guide in guides.items() if guide.get("example")
    }
    urls = {name: block["status_callback"] for name, block in blocks.items() if "status_callback" in block}
    assert len(urls) >= 9
    for name, url in urls.items():
        secret = "" if name in {"twilio", "vonage", "sinch", "telnyx", "plivo", "bird"} else "/SECRET"
        assert url == f"https://hooks.example.com/callbacks/{name}{secret}"
