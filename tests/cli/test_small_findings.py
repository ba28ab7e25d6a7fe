"""What is a note and no fault, what is said at ``check`` already, and screens that name what they leave away."""

from __future__ import annotations

import subprocess

import pytest
import readykit
from clikit import CAMPAIGN, RATES, SETTINGS, Project

ORDER = CAMPAIGN.replace("marketing", "transactional")
FIRST = ORDER.split("message:")[0]


def codes(project: Project) -> dict[str, str]:
    found = project.run("check", "sale.yaml", "--json").json["problems"]
    return {one["code"]: one["severity"] for one in found}


@pytest.mark.parametrize(
    "text", ["שלום {{ first_name }}, ההזמנה מוכנה", "Привет {{ first_name }}", "สวัสดี", "Γειά σου"]
)
def test_another_script_is_no_fault(project: Project, text: str):
    project.starter(campaign=FIRST + f'message: "{text}"\n', people="mobile,first_name\n07911123456,Ann\n")
    assert codes(project)["ucs-2"] == "note"
    assert project.run("check", "sale.yaml", "--strict").status == 0


@pytest.mark.parametrize(
    "text", ["Hi {{ first_name }} 🎉", "\u200fHi {{ first_name }}", "Zażółć {{ first_name }}"]
)
def test_what_could_be_written_in_gsm_is_still_warned_of(project: Project, text: str):
    project.starter(campaign=FIRST + f'message: "{text}"\n', people="mobile,first_name\n07911123456,Ann\n")
    assert codes(project)["ucs-2"] == "warning"
    assert project.run("check", "sale.yaml", "--strict").status == 3


def test_a_project_that_wants_no_ucs_2_is_told_so_in_any_script(project: Project):
    project.starter(campaign=FIRST + 'message: "Привет"\n', people="mobile,first_name\n07911123456,Ann\n")
    project.write("a2pcli.yaml", SETTINGS + "rules: {ucs-2: error}\n")
    assert project.run("check", "sale.yaml").status == 3


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_another_delimiter_is_a_note(project: Project, delimiter: str):
    project.starter(campaign=ORDER, people=f"mobile{delimiter}first_name\n07911123456{delimiter}Ann\n")
    ran = project.run("check", "sale.yaml", "--strict")
    assert ran.status == 0
    assert "note: the cells are separated by" in ran.err


def test_destinations_without_a_price_are_told_before_the_plan(project: Project):
    people = "mobile,first_name\n07911123456,Ann\n+33612345678,Bo\n+33612345679,Cy\n"
    project.starter(campaign=ORDER + "limits: {cost: 5 GBP}\n", people=people)
    ran = project.run("check", "sale.yaml", "--strict")
    assert ran.status == 3
    assert "no price is known for numbers in FR (2)" in ran.err
    assert project.run("plan", "sale.yaml").status == 6
    project.write("rates.csv", RATES + "*,sms,FR,,,part,0.06,,GBP,,\n")
    assert project.run("check", "sale.yaml", "--strict").status == 0
    project.write("rates.csv", RATES)
    project.write("sale.yaml", ORDER + "limits: {cost: 5 GBP, unpriced: exclude}\n")
    assert project.run("check", "sale.yaml", "--strict").status == 0


@pytest.mark.parametrize("key", ["timezone", "unknown_zone"])
def test_a_zone_without_summer_time_is_said(project: Project, key: str):
    project.starter(campaign=ORDER + f"schedule: {{{key}: EST}}\n")
    assert codes(project)["fixed-zone"] == "warning"
    project.starter(campaign=ORDER + f"schedule: {{{key}: America/New_York}}\n")
    assert "fixed-zone" not in codes(project)


@pytest.mark.parametrize(("zone", "side"), [("Etc/GMT+5", "behind"), ("Etc/GMT-5", "ahead of")])
def test_a_zone_whose_sign_is_the_other_way_round_is_told_as_what_it_is(
    project: Project, zone: str, side: str
):
    project.starter(campaign=ORDER + f"schedule: {{timezone: {zone}}}\n")
    assert f"{zone} is 5 hours {side} UTC, all year" in project.run("check", "sale.yaml").err


def test_a_column_that_only_looks_like_the_one_that_is_asked_for(project: Project):
    project.starter(
        campaign=ORDER.replace(
            "contacts: people.csv", "contacts: {file: people.csv, columns: {phone: mobile}}"
        )
    )
    project.write("people.csv", "mоbile,first_name\n07911123456,Ann\n")  # a Cyrillic o
    assert "'о' in it is CYRILLIC SMALL LETTER O" in project.run("check", "sale.yaml").err


def test_old_plans_are_counted_and_not_listed(project: Project):
    project.starter()
    for occurrence in ("one", "two", "three"):
        project.run("plan", "sale.yaml", "--occurrence", occurrence)
    newest = project.run("runs", "--json").json["runs"][0]["run"]
    ran = project.run("runs")
    assert ran.out.count("spring-sale") == 1
    assert newest in ran.out
    assert "2 older plans that were never sent are not shown: a2pcli runs --all" in ran.err
    assert project.run("runs", "--all").out.count("spring-sale") == 3
    assert len(project.run("runs", "--json").json["runs"]) == 3


def test_plans_that_newer_ones_replaced_are_counted_among_the_old_ones(project: Project):
    project.starter()
    for _ in range(5):
        project.run("plan", "sale.yaml")
    assert "4 older plans that were never sent are not shown: a2pcli runs --all" in project.run("runs").err
    assert project.run("runs", "--all").out.count("spring-sale") == 5


def test_a_list_that_is_cut_says_so(project: Project):
    project.starter()
    for occurrence in ("one", "two", "three"):
        project.run("send", "sale.yaml", "--yes", "--occurrence", occurrence)
    assert (
        "older runs are not shown: a2pcli runs --limit 20, or --all"
        in project.run("runs", "--limit", "2").err
    )
    assert "not shown" not in project.run("runs").err


def test_a_preview_says_which_arm_it_is(project: Project):
    arms = "variants:\n  short: {message: 'Hi, Reply STOP'}\n  long: {message: 'Hello, Reply STOP'}\n"
    project.starter(campaign=CAMPAIGN.split("message:")[0] + arms)
    arm = project.run("preview", "sale.yaml", "--row", "2", "--json").json["rows"][0]["variant"]
    assert f"line 2  {arm}" in project.run("preview", "sale.yaml", "--row", "2").out


def test_what_goes_to_a_pipe_on_stderr_is_not_cut_into_lines(project: Project):
    """A command or a path is one piece for whoever reads a log."""
    folder = "a folder whose name is so long that eighty columns are not enough for it/" * 2
    project.write(f"{folder}sale.yaml", CAMPAIGN)
    project.write(f"{folder}people.csv", "mobile,first_name\n+447911123456,Ann\n")
    done = readykit.run(
        "send", f"{folder}sale.yaml", "--json",
        cwd=project.folder, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 6
    (line,) = [line for line in done.stderr.splitlines() if "nothing was sent" in line]
    assert line.endswith(")")
