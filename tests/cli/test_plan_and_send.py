"""plan and send as a user meets them: the counts, the ids, the exit codes, what reached the outbox."""

from __future__ import annotations

import csv
import json

import pyarrow.parquet as pq
import pytest
from clikit import CAMPAIGN, PEOPLE, Project


def test_every_row_is_either_sent_or_left_out_for_a_reason(project: Project):
    plan = project.starter().run("plan", "sale.yaml", "--json")
    found = plan.json
    assert plan.status == 0
    assert found["rows"] == 6
    assert found["recipients"] == 3
    assert found["excluded"] == {"invalid-number": 1, "duplicate": 1, "missing-value": 1}
    assert found["recipients"] + sum(found["excluded"].values()) == found["rows"]


def test_the_cost_is_exact_and_the_unpriced_is_unknown_never_zero(project: Project):
    people = PEOPLE + "+14155550123,Gus,gold\n+4915112345678,Hal,gold\n"
    found = project.starter(people=people).run("plan", "sale.yaml", "--json").json
    assert found["cost"] == {"GBP": "0.12"}
    assert found["unpriced"] == 1
    assert found["unpriced_countries"] == {"DE": 1}


def test_the_same_input_gives_the_same_digest_and_another_body_another(project: Project):
    project.starter()
    first = project.run("plan", "sale.yaml", "--json").json
    again = project.run("plan", "sale.yaml", "--json").json
    project.write("sale.yaml", CAMPAIGN.replace("20%", "25%"))
    other = project.run("plan", "sale.yaml", "--json").json
    assert first["digest"] == again["digest"] != other["digest"]
    assert first["plan"] != again["plan"]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_out_writes_every_row_in_the_order_of_the_file(project: Project, kind: str):
    assert project.starter().run("plan", "sale.yaml", "--out", f"plan.{kind}").status == 0
    path = project.folder / f"plan.{kind}"
    if kind == "csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    elif kind == "jsonl":
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    else:
        rows = pq.read_table(path).to_pylist()
    assert [int(row["line"]) for row in rows] == [2, 3, 4, 5, 6, 7]
    assert [row["reason"] or None for row in rows] == [
        None, None, "invalid-number", "duplicate", "missing-value", None,
    ]  # fmt: skip
    assert rows[0]["body"] == "Hi Ann, 20% off until Sunday. Reply STOP to opt out"


def test_a_formula_in_a_contact_is_harmless_in_the_csv_and_untouched_in_the_message(project: Project):
    people = 'mobile,first_name\n07911123456,"=HYPERLINK(""http://x"")"\n'
    campaign = CAMPAIGN.replace("Hi {{ first_name }}", "{{ first_name }}")
    project.starter(people=people, campaign=campaign).run("plan", "sale.yaml", "--out", "plan.csv")
    with (project.folder / "plan.csv").open(encoding="utf-8-sig", newline="") as file:
        row = next(csv.DictReader(file))
    assert row["body"].startswith("'=HYPERLINK")
    project.run("send", "sale.yaml", "--yes")
    assert project.outbox()[0]["body"].startswith("=HYPERLINK")


def test_without_a_terminal_and_without_yes_nothing_is_sent(project: Project):
    sent = project.starter().run("send", "sale.yaml")
    assert sent.status == 6
    assert "--yes" in sent.err
    assert project.outbox() == []


def test_yes_sends_once_to_each_and_the_same_command_again_to_nobody(project: Project):
    project.starter()
    assert project.run("send", "sale.yaml", "--yes").status == 0
    again = project.run("send", "sale.yaml", "--yes")
    assert again.status == 4  # two rows of the file can get none
    assert "not everyone got the message" in again.err
    assert sorted(one["to"] for one in project.outbox()) == [
        "+447911123456",
        "+447911123457",
        "+447911123459",
    ]


def test_people_who_are_new_in_the_file_get_it_later_and_the_others_do_not_get_it_again(project: Project):
    project.starter()
    project.run("send", "sale.yaml", "--yes")
    project.write("people.csv", PEOPLE + "07911123460,Ida,gold\n")
    assert project.run("send", "sale.yaml", "--yes").status == 0
    assert [one["to"] for one in project.outbox()][3:] == ["+447911123460"]


def test_a_plan_is_sent_exactly_as_it_was_approved_whatever_the_files_say_now(project: Project):
    project.starter()
    plan = project.run("plan", "sale.yaml", "--json").json["plan"]
    project.write("sale.yaml", CAMPAIGN.replace("20%", "99%"))
    project.write("people.csv", PEOPLE + "07911123460,Ida,gold\n")
    sent = project.run("send", "--plan", plan)
    assert sent.status == 0
    assert "changed since the plan" in sent.err
    assert {one["body"] for one in project.outbox()} == {
        f"Hi {name}, 20% off until Sunday. Reply STOP to opt out" for name in ("Ann", "Ben", "Zoë")
    }


def test_dry_run_is_the_plan_and_sends_nothing(project: Project):
    dry = project.starter().run("send", "sale.yaml", "--dry-run", "--json")
    assert dry.status == 0
    assert dry.json["digest"] == project.run("plan", "sale.yaml", "--json").json["digest"]
    assert project.outbox() == []


def test_over_budget_stops_before_the_first_message(project: Project):
    sent = project.starter().run("send", "sale.yaml", "--yes", "--max-cost", "0.10 GBP")
    assert sent.status == 6
    assert "0.12 GBP" in sent.err
    assert "0.10 GBP" in sent.err
    assert project.outbox() == []
    plan = project.run("plan", "sale.yaml", "--max-cost", "0.10 GBP", "--json")
    assert plan.status == 6
    assert project.run("send", "--plan", plan.json["plan"], "--yes").status == 6
    assert project.outbox() == []


def test_a_budget_cannot_be_kept_where_a_price_is_unknown(project: Project):
    people = PEOPLE + "+4915112345678,Hal,gold\n"
    sent = project.starter(people=people).run("send", "sale.yaml", "--yes", "--max-cost", "50 GBP")
    assert sent.status == 6
    assert "without a known price" in sent.err


def test_limit_sends_to_the_first_and_the_next_call_to_the_others(project: Project):
    project.starter()
    assert project.run("send", "sale.yaml", "--yes", "--limit", "1").status == 0
    assert [one["to"] for one in project.outbox()] == ["+447911123456"]
    assert project.run("send", "sale.yaml", "--yes").status == 0
    assert len({one["to"] for one in project.outbox()}) == len(project.outbox()) == 3


def test_a_test_message_goes_to_me_and_is_counted_nowhere(project: Project):
    project.starter()
    tested = project.run("send", "sale.yaml", "--test-to", "07400 123456", "--yes", "--json")
    assert tested.status == 0
    assert [one["to"] for one in project.outbox()] == ["+447400123456"]
    assert project.outbox()[0]["body"].startswith("Hi Ann")
    assert project.run("plan", "sale.yaml", "--json").json["recipients"] == 3


def test_a_message_can_be_tested_after_everybody_has_it(project: Project):
    project.starter().run("send", "sale.yaml", "--yes")
    assert project.run("send", "sale.yaml", "--test-to", "07400 123456", "--yes").status == 0
    assert [one["to"] for one in project.outbox()][3:] == ["+447400123456"]


def test_suppressed_people_are_left_out_and_the_plan_says_so(project: Project):
    project.starter()
    project.run("ledger", "create")
    project.run("optout", "add", "07911123457")
    found = project.run("plan", "sale.yaml", "--json").json
    assert found["excluded"]["opted-out"] == 1
    project.run("send", "sale.yaml", "--yes")
    assert "+447911123457" not in [one["to"] for one in project.outbox()]


def test_someone_who_opts_out_after_the_approval_gets_nothing(project: Project):
    plan = project.starter().run("plan", "sale.yaml", "--json").json["plan"]
    project.run("ledger", "create")
    project.run("optout", "add", "+447911123459")
    assert project.run("send", "--plan", plan, "--json").json["excluded"]["opted-out"] == 1
    assert "+447911123459" not in [one["to"] for one in project.outbox()]


def test_where_selects_and_says_whom_it_did_not(project: Project):
    found = (
        project.starter(campaign=CAMPAIGN + "where: plan == 'gold'\n").run("plan", "sale.yaml", "--json").json
    )
    assert found["recipients"] == 2
    assert found["excluded"]["filtered"] == 1


def test_when_the_first_of_two_rows_is_filtered_out_the_second_is_sent(project: Project):
    people = "mobile,first_name,plan\n07911123456,Ann,silver\n+447911123456,Anna,gold\n"
    project.starter(people=people, campaign=CAMPAIGN + "where: plan == 'gold'\n")
    found = project.run("plan", "sale.yaml", "--json").json
    assert found["excluded"] == {"filtered": 1}
    assert found["recipients"] == 1


def test_once_per_messages_a_person_once_for_each_value(project: Project):
    people = "mobile,first_name,visit\n07911123456,Ann,1\n07911123456,Ann,2\n07911123456,Ann,1\n"
    project.starter(people=people, campaign=CAMPAIGN + 'once_per: "{{ visit }}"\n')
    found = project.run("plan", "sale.yaml", "--json").json
    assert found["recipients"] == 2
    assert found["excluded"] == {"duplicate": 1}
    project.run("send", "sale.yaml", "--yes")
    project.write("people.csv", people + "07911123456,Ann,3\n")
    project.run("send", "sale.yaml", "--yes")
    assert len(project.outbox()) == 3


def test_a_new_occurrence_reaches_the_same_people_again(project: Project):
    project.starter()
    project.run("send", "sale.yaml", "--yes", "--occurrence", "march")
    project.run("send", "sale.yaml", "--yes", "--occurrence", "march")
    project.run("send", "sale.yaml", "--yes", "--occurrence", "april")
    assert len(project.outbox()) == 6


def test_people_of_an_excluded_run_and_an_excluded_file_stay_out(project: Project):
    project.starter()
    project.run("send", "sale.yaml", "--yes", "--limit", "1")
    project.write("staff.csv", "phone\n+44 7911 123457\n")
    other = CAMPAIGN.replace("name: spring-sale", "name: other")
    project.write("other.yaml", other + "exclude: {runs: [spring-sale], file: staff.csv}\n")
    found = project.run("plan", "other.yaml", "--json").json
    assert found["excluded"]["excluded-run"] == 2  # both rows of the number
    assert found["excluded"]["excluded-list"] == 1
    assert found["recipients"] == 1


def test_the_holdout_is_never_messaged_and_variants_share_the_rest(project: Project):
    people = "mobile,first_name\n" + "".join(f"0791112{n:04d},P{n}\n" for n in range(1000))
    campaign = CAMPAIGN.split("message:")[0] + (
        "holdout: 10%\nvariants:\n  short: {message: Sale! Reply STOP to opt out, weight: 1}\n"
        "  long: {message: 'Sale, {{ first_name }}! STOP: reply STOP', weight: 3}\n"
    )
    found = project.starter(people=people, campaign=campaign).run("plan", "sale.yaml", "--json").json
    assert 70 <= found["excluded"]["holdout"] <= 130
    assert sum(found["variants"].values()) == found["recipients"]
    assert 2.3 < found["variants"]["long"] / found["variants"]["short"] < 3.9


def test_contacts_come_from_standard_input_too(project: Project):
    project.starter(campaign=CAMPAIGN.replace("people.csv", '"-"'))
    sent = project.run("send", "sale.yaml", "--yes", stdin=PEOPLE)
    assert sent.status == 0
    assert len(project.outbox()) == 3


def test_before_its_hour_a_campaign_waits_and_says_until_when(project: Project):
    project.starter(campaign=CAMPAIGN + "schedule: {not_before: 2999-01-01 09:00, timezone: Europe/London}\n")
    sent = project.run("send", "sale.yaml", "--yes", "--json")
    assert sent.status == 0
    assert sent.json["ended"] == "waiting"
    assert project.outbox() == []


def test_after_its_hour_a_campaign_expires_and_nothing_leaves(project: Project):
    project.starter(campaign=CAMPAIGN + "schedule: {expires: 2020-01-01 09:00, timezone: Europe/London}\n")
    sent = project.run("send", "sale.yaml", "--yes", "--json")
    assert sent.json["ended"] == "expired"
    assert sent.json["states"]["expired"] == 3
    assert project.outbox() == []


def test_json_is_one_document_on_stdout_and_talk_is_on_stderr(project: Project):
    sent = project.starter().run("send", "sale.yaml", "--yes", "--json")
    assert sent.json["ended"] == "finished"
    assert sent.json["states"] == {"accepted": 3, "skipped": 3}


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("send",), 2),
        (("send", "--plan", "rnothere"), 2),
        (("send", "sale.yaml", "--plan", "rnothere", "--limit", "3"), 2),
        (("plan", "missing.yaml"), 3),
        (("plan", "sale.yaml", "--out", "plan.docx"), 2),
        (("plan", "sale.yaml", "--max-cost", "lots"), 2),
        (("send", "sale.yaml", "--test-to", "12"), 2),
        (("preview", "sale.yaml", "--longest", "--row", "2"), 2),
        (("preview", "sale.yaml", "--row", "99"), 2),
    ],
)
def test_what_is_wrong_on_the_command_line_is_said_in_a_line(project: Project, arguments, status):
    done = project.starter().run(*arguments)
    assert done.status == status
    assert done.err.strip()
    assert done.out == ""


def test_preview_shows_the_message_and_why_someone_gets_none(project: Project):
    project.starter()
    shown = project.run("preview", "sale.yaml", "--contact", "+44 7911 123456", "--json").json["rows"]
    assert [row["reason"] for row in shown] == [None, "duplicate"]
    assert shown[0]["body"].startswith("Hi Ann")
    missing = project.run("preview", "sale.yaml", "--row", "6", "--json").json["rows"][0]
    assert (missing["reason"], missing["detail"]) == ("missing-value", "column first_name")


def test_preview_names_each_replacement_that_keeps_a_message_gsm(project: Project):
    project.starter(people="mobile,first_name\n07911123456,O\u2019Neil\n")
    row = project.run("preview", "sale.yaml", "--json").json["rows"][0]
    assert row["encoding"] == "GSM-7"
    assert row["replacements"] == [{"position": 5, "before": "\u2019", "after": "'"}]
    assert row["body"].startswith("Hi O'Neil")


def test_preview_by_chance_is_the_same_for_the_same_seed(project: Project):
    people = "mobile,first_name\n" + "".join(f"0791112{n:04d},P{n}\n" for n in range(200))
    project.starter(people=people)
    first = project.run("preview", "sale.yaml", "--random", "5", "--seed", "7", "--json").json
    again = project.run("preview", "sale.yaml", "--random", "5", "--seed", "7", "--json").json
    other = project.run("preview", "sale.yaml", "--random", "5", "--seed", "8", "--json").json
    assert first == again != other
    assert len(first["rows"]) == 5


def test_the_costliest_message_has_the_highest_price(project: Project):
    people = PEOPLE + f"07911123470,{'Łukasz' * 20},gold\n"
    project.starter(people=people)
    costliest = project.run("preview", "sale.yaml", "--costliest", "--json").json["rows"][0]
    assert costliest["line"] == 8
    assert costliest["parts"] == 3
    assert costliest["cost"] == "0.12"


@pytest.mark.parametrize(("purpose", "reached"), [("marketing", 2), ("transactional", 2), ("emergency", 3)])
def test_an_opt_out_binds_all_but_codes_and_emergencies(project: Project, purpose: str, reached: int):
    project.starter(campaign=CAMPAIGN.replace("marketing", purpose))
    project.run("ledger", "create")
    project.run("optout", "add", "07911123457")
    assert project.run("plan", "sale.yaml", "--json").json["recipients"] == reached
