"""``plan`` refuses the gateway blocks that ``send`` refuses, and needs neither their secrets nor a network."""

from __future__ import annotations

from pathlib import Path

import pytest
from clikit import Project

SALE = """\
name: sale
objective: Tell customers about the sale
purpose: transactional
contacts: people.csv
channel: {channel}
gateway: live
message: "Hi {{{{ first_name }}}}"
"""
PEOPLE = "mobile,email,first_name\n07911123456,ann@example.com,Ann\n"


def project(folder: Path, block: str, channel: str = "sms") -> Project:
    made = Project(folder)
    made.write("sale.yaml", SALE.format(channel=channel))
    made.write("people.csv", PEOPLE)
    made.write("a2pcli.yaml", f"region: GB\ngateways:\n  live: {block}\n")
    return made


WRONG = {
    "unknown key": ("{type: vonage, api_key: a, api_secret: b, apii: sms}", "apii: unknown key"),
    "no URL": ("{type: vonage, api_key: a, api_secret: b, status_callback: h.example}", "must start with"),
    "out of range": ("{type: vonage, api_key: a, api_secret: b, validity: 4}", "validity: "),
    "missing setting": ("{type: infobip, api_key: a}", "base_url: required"),
    "wrong beside an unset variable": ('{type: twilio, account_sid: "${NONE_A}", api_key_sid: x}', "api_key_sid"),
    "keys that do not fit together": (
        '{type: aws_sms, region: "${NONE_A}", access_key_id: "${NONE_B}"}', "belong together",
    ),
    "no such type": ("{type: nixda}", "no gateway type"),
    "a host that is a URL": ('{type: smpp, host: "https://op.example", system_id: a}', "host: must be the name"),
    "certificates that are not there": ("{type: smpp, host: op, system_id: a, tls: yes, ca: no.pem}", "ca: "),
    "a folder for a file": ('{type: outbox, file: "."}', "file: "),
    "a key of RCS that is none": ('{type: rbm, agent_id: shop, service_account_key: "{}"}', "service_account_key"),
    "a template": ('{type: http, url: "https://${NONE_A}/x", json: {to: "{{ to }"}, response: {id: x}}', "json: "),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_plan_refuses_at_its_place_what_send_refuses(tmp_path: Path, kind: str) -> None:
    block, said = WRONG[kind]
    made = project(tmp_path, block)
    planned, checked = made.run("plan", "sale.yaml"), made.run("check", "sale.yaml")
    assert planned.status == checked.status == 3, planned
    (line,) = [one for one in planned.err.splitlines() if said in one]
    assert line.startswith("a2pcli.yaml:3:")
    assert line in checked.err
    assert line in made.run("send", "sale.yaml", "--yes").err
    assert not made.run("runs", "--json").json["runs"]


def test_all_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    made = project(tmp_path, "{type: infobip, api_ky: a}")
    made.write("sale.yaml", SALE.format(channel="sms").replace("first_name }}", "first_name"))
    said = made.run("plan", "sale.yaml").err
    assert all(
        words in said for words in ("api_ky", "api_key: required", "base_url: required", "sale.yaml:7")
    )


def test_a_gateway_of_another_channel_is_told_without_its_secrets(tmp_path: Path) -> None:
    made = project(tmp_path, '{type: smtp, host: "${NONE_A}", tls: none, username: u, password: "${NONE_B}"}')
    told = made.run("plan", "sale.yaml")
    assert told.status == 3
    assert "sale.yaml:5:10: gateway 'live' cannot send sms, only email" in told.err


ELSEWHERE = {
    "variables": (
        '{type: kannel, url: "${NONE_A}", username: u, password: "${NONE_B}", rate: "${NONE_C}"}',
        3,
    ),
    "a key file": ("{type: rbm, agent_id: shop, service_account: key.json}", 1),
}


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_what_another_machine_may_have_is_a_warning_and_the_plan_is_made(tmp_path: Path, kind: str) -> None:
    block, count = ELSEWHERE[kind]
    made = project(tmp_path, block, "rcs" if "rbm" in block else "sms")
    planned = made.run("plan", "sale.yaml", "--json")
    assert planned.status == 0, planned.err
    assert planned.json["delivers"] is True
    assert planned.err.count("a2pcli.yaml:3:") == count
    assert "warning:" in planned.err
    assert made.run("send", "sale.yaml", "--yes").status != 0


def test_gateways_that_the_campaign_does_not_use_keep_no_plan_back(tmp_path: Path) -> None:
    made = project(tmp_path, "{type: outbox}\n  other: {type: vonage, apii: x}")
    assert made.run("plan", "sale.yaml").status == 0
    assert "apii" in made.run("check", "sale.yaml").err


def test_the_old_name_of_ca_still_works_and_is_told(tmp_path: Path) -> None:
    certificates = Path(__file__).parents[1] / "gateways" / "loopback.pem"
    made = project(tmp_path, f"{{type: smpp, host: op, system_id: a, tls: yes, ca_file: {certificates}}}")
    checked = made.run("check", "sale.yaml")
    assert checked.status == 0
    assert "a2pcli.yaml:3:" in checked.err
    assert "warning: 'ca_file' is called 'ca' now, as in all gateways; it still works" in checked.err
    both = project(tmp_path, "{type: smpp, host: op, system_id: a, tls: yes, ca_file: a.pem, ca: b.pem}")
    assert "ca and ca_file are the same (keep ca)" in both.run("check", "sale.yaml").err


def test_simulators_are_accounts_of_their_own_however_alike_they_are(tmp_path: Path) -> None:
    made = project(tmp_path, "{type: simulator, rate: 1/s}\n  other: {type: simulator, rate: 100/s}")
    assert "share one account" not in made.run("check", "sale.yaml").err
    planned = made.run("plan", "sale.yaml", "--json")
    assert planned.status == 0


def test_a_channel_that_the_type_can_send_but_the_block_does_not_name_is_told_with_what_to_do(
    tmp_path: Path,
) -> None:
    made = project(tmp_path, "{type: vonage, api: messages, api_key: a, api_secret: b}", "viber_business")
    said = made.run("check", "sale.yaml").err
    assert "cannot send viber_business, only sms (its type can: name viber_business in `channels`" in said
    assert (
        "its type can"
        not in project(tmp_path, "{type: telnyx, api_key: a}", "rcs").run("check", "sale.yaml").err
    )


def test_a_plan_of_several_channels_shows_the_column_of_each_address(tmp_path: Path) -> None:
    made = project(tmp_path, "{type: simulator}")
    text = (tmp_path / "sale.yaml").read_text().replace("channel: sms", "channels: [sms, email]")
    made.write("sale.yaml", text + "email: {subject: Sale}\n")
    assert "columns   phone 'mobile' · email 'email'" in made.run("plan", "sale.yaml").out
