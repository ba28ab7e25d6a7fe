"""``check``: every problem of a project at once, each at its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from shellkit import CAMPAIGN, PEOPLE, Shell, project
from shellkit import shell as shell

ROOT = Path(__file__).parents[2]


# check --------------------------------------------------------------------------------------------------


def test_the_shipped_campaigns_have_no_errors_and_warn_of_one_known_row(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sample contacts hold one delivery day in words."""
    monkeypatch.chdir(ROOT)
    assert shell("check") == 0
    assert [problem.split(": warning: 1 of ")[0] for problem in shell.problems] == [
        "campaigns/order_shipped.yaml:15:3",
        "campaigns/whatsapp_order.yaml:13:1",
        "campaigns/whatsapp_order.yaml:17:11",
    ]
    assert all("'next Tuesday' is not a date" in problem for problem in shell.problems)


def test_every_problem_of_a_file_is_told_at_once(shell: Shell) -> None:
    """A wrong key does not hide a wrong column, nor a wrong column a missing gateway."""
    project(
        CAMPAIGN.replace("first_name", "frist_name")
        + "bdoy: x\nwhere: plann == 'gold'\ngateway: outbx\nlimits: {rate: fast}\n"
    )
    assert shell("check", "spring.yaml") == 3
    assert [line.split(" (")[0] for line in shell.problems] == [
        "spring.yaml:5:16: unknown column 'frist_name'",
        "spring.yaml:6:1: unknown key 'bdoy'",
        "spring.yaml:7:8: unknown column 'plann'",
        "spring.yaml:8:10: no gateway 'outbx' in the settings",
        "spring.yaml:9:16: 'fast' is not a rate",
    ]
    assert shell.err.endswith("1 campaign checked: 5 errors, 0 warnings\n")


def test_problems_of_the_settings_are_told_once_for_all_campaigns(shell: Shell) -> None:
    project(settings="ledgr: x\n")
    Path("autumn.yaml").write_text(CAMPAIGN.replace("spring", "autumn"))
    assert shell("check") == 3
    assert shell.problems == ["a2pcli.yaml:2:1: unknown key 'ledgr' (did you mean 'ledger'?)"]
    assert shell.err.endswith("2 campaigns checked: 1 error, 0 warnings\n")


def test_json_is_one_document_with_every_problem_and_campaign(shell: Shell) -> None:
    project(CAMPAIGN + "bdoy: x\n")
    assert shell("check", "--json") == 3
    document = json.loads(shell.out)
    assert document["problems"] == [
        {
            "path": "spring.yaml",
            "line": 6,
            "column": 1,
            "severity": "error",
            "code": "unknown-key",
            "message": "unknown key 'bdoy'",
            "hint": "did you mean 'message'?",
        }
    ]
    assert document["campaigns"] == [
        {
            "path": "spring.yaml",
            "name": "spring-sale",
            "errors": 1,
            "warnings": 0,
            "waivers": [],
            "read_as": {"phone": ["phone"]},
        }
    ]


def test_warnings_fail_only_when_strict(shell: Shell) -> None:
    project(CAMPAIGN.replace("transactional", "marketing"))
    assert shell("check") == 0
    assert shell.err == (
        "spring.yaml:5:10: warning: a marketing message that does not say how to opt out"
        " (add a line such as 'Reply STOP to opt out')\n"
        "1 campaign checked: 0 errors, 1 warning\n"
    )
    assert shell("check", "--strict") == 3


def test_a_warning_can_be_ignored_by_its_code_and_an_error_cannot(shell: Shell) -> None:
    project(CAMPAIGN.replace("transactional", "marketing"))
    assert shell("check", "--strict", "--ignore", "no-opt-out") == 0
    project(CAMPAIGN + "bdoy: x\n")
    assert shell("check", "--ignore", "unknown-key") == 3


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ("|\n  Hi {{ first_name }}\n  Spring 🌸 now", "7:10"),
        (">\n  Hi {{ first_name }}\n  Spring 🌸 now", "7:10"),
        ('"Hi {{ first_name }}\n  Spring 🌸 now"', "6:10"),
        ('"Hi {{ first_name }} Spring \\U0001F338 now"', "5:38"),
        ("Hi {{ first_name }} Spring 🌸 now", "5:37"),
    ],
)
def test_a_costly_character_is_told_at_its_place_in_the_yaml(shell: Shell, message: str, place: str) -> None:
    project(CAMPAIGN.replace("Hi {{ first_name }}", message))
    assert shell("check") == 0
    assert shell.problems == [
        f"spring.yaml:{place}: warning: '🌸' (CHERRY BLOSSOM) turns the message into UCS-2:"
        " 70 characters a part instead of 160 (remove it)"
    ]


def test_a_column_that_is_empty_for_many_is_told_unless_it_has_a_default(shell: Shell) -> None:
    rows = "".join(f"07700 9000{n:02},{'' if n < 10 else 'Bo'}\n" for n in range(30))
    project(people="phone,first_name\n" + rows)
    assert shell("check") == 0
    assert shell.problems == [
        "spring.yaml:5:16: warning: column 'first_name' is empty in 10 of 30 rows: they are excluded"
        " ({{ first_name | default('…') }} gives them a value)"
    ]
    project(CAMPAIGN.replace("first_name", "first_name | default('there')"), "phone,first_name\n" + rows)
    assert shell("check", "--strict") == 0


def test_only_rows_that_where_selects_count(shell: Shell) -> None:
    project(CAMPAIGN + "where: first_name\n", PEOPLE + "07700 900003,\n" * 20)
    assert shell("check", "--strict") == 0
    project(CAMPAIGN + "where: first_name == 'Nobody'\n")
    assert shell("check") == 0
    assert shell.problems == ["spring.yaml:6:8: warning: matches no row"]


def test_messages_that_come_out_long_are_told_with_the_longest(shell: Shell) -> None:
    project(people=PEOPLE + f"07700 900003,{'x' * 500}\n07700 900004,{'x' * 2000}\n")
    assert shell("check") == 0
    assert shell.problems == [
        "spring.yaml:5:10: warning: 1 of 4 messages needs more than 6 parts and would be excluded"
        " (the longest is line 5 of people.csv, with 14 parts)"
    ]
    project(people=PEOPLE + f"07700 900003,{'x' * 500}\n")
    shell("check")
    assert shell.problems == [
        "spring.yaml:5:10: warning: 1 of 3 messages needs more than 3 parts"
        " (the longest is line 4 of people.csv, with 4 parts)"
    ]


def test_a_message_cut_off_by_a_comment_is_told(shell: Shell) -> None:
    project(CAMPAIGN.replace("Hi {{ first_name }}", "Hi {{ first_name }} #spring"))
    assert shell("check") == 0
    assert shell.problems == [
        "spring.yaml:5:30: warning: '#spring' is a YAML comment, not part of the message"
        " (put the message in quotes, or below '|')"
    ]


def test_contacts_that_are_missing_are_told_where_they_are_named(shell: Shell) -> None:
    project(CAMPAIGN.replace("people.csv", "{file: nobody.csv}") + "exclude: {file: staff.csv}\n")
    assert shell("check") == 3
    places = [line.split(": ")[0] for line in shell.problems]
    assert places == ["spring.yaml:4:18", "spring.yaml:6:17"]
    assert "nobody.csv" in shell.err
    assert "staff.csv" in shell.err


def test_contacts_without_a_phone_column_are_told(shell: Shell) -> None:
    project(people="name,first_name\nx,y\n")
    assert shell("check") == 3
    assert "no column with phone numbers" in shell.err


def test_a_budget_without_prices_is_told(shell: Shell) -> None:
    project(CAMPAIGN + "limits: {cost: 5 GBP}\n")
    assert shell("check") == 0
    assert shell.problems == [
        "spring.yaml:6:16: warning: a budget needs prices; without them the plan cannot be sent"
        " (set a rate card in a2pcli.yaml: rates: rates.csv)"
    ]


def test_a_campaign_that_has_expired_is_told(shell: Shell) -> None:
    project(CAMPAIGN + "schedule: {expires: 2020-01-01 09:00}\n")
    assert shell("check") == 0
    assert shell.problems == ["spring.yaml:6:21: warning: this time is in the past: nothing would be sent"]


def test_two_campaigns_of_one_name_are_told(shell: Shell) -> None:
    project()
    Path("autumn.yaml").write_text(CAMPAIGN)
    assert shell("check") == 0
    assert shell.problems == [
        "spring.yaml:1:7: warning: duplicate name: autumn.yaml has it too, and nobody would get both campaigns"
        " (give each campaign its own name)"
    ]


def test_a_budget_in_another_currency_than_the_prices_is_told(shell: Shell) -> None:
    project(CAMPAIGN + "limits: {cost: 5 USD}\n", settings="rates: rates.csv\n")
    Path("rates.csv").write_text("country,unit,price,currency\nGB,part,0.04,GBP\n")
    assert shell("check") == 0
    assert shell.problems == [
        "spring.yaml:6:16: warning: the budget is in USD, the prices are in GBP: the plan will not be sent"
    ]


def test_a_rate_card_that_is_missing_or_wrong_is_told(shell: Shell) -> None:
    project(settings="rates: rates.csv\n")
    assert shell("check") == 3
    assert "rates.csv" in shell.err
    Path("rates.csv").write_text("country,unit,price,currency\nGB,part,cheap,GBP\n")
    assert shell("check") == 3
    assert shell.problems[0].startswith("rates.csv:2:")


def test_a_ledger_that_cannot_be_one_is_told(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    project(settings="ledger: mysql://host/db\n")
    assert shell("check") == 3
    assert shell.problems[0].startswith("a2pcli.yaml:2:9: the ledger cannot be a mysql database")
    monkeypatch.delenv("A2PCLI_TEST_PW", raising=False)
    project(settings="ledger: postgresql://u:${A2PCLI_TEST_PW}@host/db\n")
    assert shell("check") == 0
    assert shell.problems[0].startswith("a2pcli.yaml:2:24: warning: the environment variable A2PCLI_TEST_PW")


GATEWAYS = """\
gateways:
  mine:
    type: twilio
    account_sid: ${A2PCLI_TEST_SID}
    auth_token: ${A2PCLI_TEST_TOKEN}
"""


def test_missing_secrets_are_warnings_and_only_for_those_who_need_them(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("A2PCLI_TEST_SID", raising=False)
    monkeypatch.setenv("A2PCLI_TEST_TOKEN", "s3cret")
    project(settings=GATEWAYS)
    assert shell("check", "--strict") == 0
    project(CAMPAIGN + "gateway: mine\n", settings=GATEWAYS)
    assert shell("check") == 0
    assert shell.problems == [
        "a2pcli.yaml:5:18: warning: the environment variable A2PCLI_TEST_SID is not set"
        " (export A2PCLI_TEST_SID=..., or write A2PCLI_TEST_SID=... into .env beside the settings)"
    ]


def test_secrets_in_the_file_of_variables_are_found(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("A2PCLI_TEST_SID", raising=False)
    monkeypatch.delenv("A2PCLI_TEST_TOKEN", raising=False)
    project(CAMPAIGN + "gateway: mine\n", settings=GATEWAYS)
    Path(".env").write_text(f"A2PCLI_TEST_SID=AC{'0' * 32}\n")
    Path(".env").chmod(0o600)
    assert shell("check") == 0
    told = " ".join(shell.problems)
    assert "A2PCLI_TEST_TOKEN is not set" in told
    assert "A2PCLI_TEST_SID" not in told
    Path(".env").write_text("no variable\n")
    assert shell("check") == 3
    assert any(problem.startswith(".env:1:1: this line is not NAME=value") for problem in shell.problems)


def test_a_wrong_secret_is_told_at_its_line_and_never_shown(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A2PCLI_TEST_SID", "s3cret-sid")
    monkeypatch.setenv("A2PCLI_TEST_TOKEN", "s3cret-token")
    project(settings=GATEWAYS)
    assert shell("check") == 3
    (problem,) = shell.problems
    assert problem.startswith("a2pcli.yaml:5:5: gateways.mine.account_sid: ")
    assert "s3cret" not in shell.err


def test_a_gateway_that_cannot_send_the_channel_is_told(shell: Shell) -> None:
    project(
        CAMPAIGN + "channel: mms\nmedia: [https://acme.example/a.jpg]\ngateway: mine\n",
        settings="gateways:\n  mine: {type: http, url: 'https://sms.example/send', text: '{{ body }}'}\n",
    )
    assert shell("check") == 3
    assert shell.problems == ["spring.yaml:6:10: gateway 'mine' cannot send mms, only sms"]


def test_other_tools_yaml_in_this_folder_is_left_alone_but_not_in_campaigns(shell: Shell) -> None:
    project()
    Path("docker-compose.yaml").write_text("services: {web: {image: x}}\n")
    Path("broken.yaml").write_text("a: [\n")
    assert shell("check") == 0
    assert shell.err.startswith("1 campaign checked")
    Path("campaigns").mkdir()
    Path("campaigns/broken.yml").write_text("a: [1\n")
    assert shell("check") == 3
    assert shell.err.startswith("campaigns/broken.yml:1:4: the '[' opened here is never closed\n2 campaigns")


def test_nothing_to_check_is_an_error_that_says_what_to_do(shell: Shell) -> None:
    assert shell("check") == 3
    assert shell.err == "no campaign here or in ./campaigns (specify one, or start with: a2pcli init)\n"
    Path("empty").mkdir()
    assert shell("check", "empty") == 3
    assert shell.err == "no campaign in empty (specify one, or start with: a2pcli init)\n"
    assert shell("check", "nowhere.yaml") == 3
    assert shell.err.startswith("nowhere.yaml: no such file\n")
