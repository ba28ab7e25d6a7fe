"""``hours:`` of the settings: a project's own hours, in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from clikit import Project

from a2pcli.config.load import load_settings
from a2pcli.errors import InvalidInput
from a2pcli.rules.law import Law, law_of


def law(folder: Path, text: str) -> Law:
    (folder / "a2pcli.yaml").write_text(text)
    return law_of(load_settings(folder))


def rules(made: Law, country: str) -> list[str]:
    return [rule.id for rule in made.hours(country)]


def test_one_line_gives_hours_to_a_country_that_has_none_by_law(tmp_path: Path) -> None:
    assert rules(Law.load(), "GB") == []
    assert rules(law(tmp_path, "hours: 08:00-21:00\n"), "GB") == ["own-hours"]


def test_own_hours_hold_beside_the_laws_and_replace_the_default(tmp_path: Path) -> None:
    made = law(tmp_path, "hours: 08:00-21:00\n")
    assert rules(made, "IN") == ["in-hours", "own-hours"]
    assert rules(Law.load(), "NG") == ["default-hours"]
    assert rules(made, "NG") == ["own-hours"]


def test_hours_may_be_for_one_country_and_for_all_others(tmp_path: Path) -> None:
    made = law(tmp_path, "hours: {gb: {mon-fri: 09:00-18:00}, default: 10:00-19:00}\n")
    assert rules(made, "GB") == ["own-hours-gb"]
    assert rules(made, "GG") == ["own-hours-gb"]  # 07911 is a number of Guernsey, and nobody knows
    assert rules(made, "NG") == ["own-hours"]
    alone = law(tmp_path, "hours: {NO: 09:00-18:00}\n")
    assert rules(alone, "NO") == ["own-hours-no"]
    assert rules(alone, "NG") == ["default-hours"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("8-21", "'8-21' is not a window of hours"),
        ("{GB: 25:00-26:00}", "goes past 24:00"),
        ("{GB: 08:00-20:00, mon: 08:00-20:00}", "'mon' is not a country"),
        ("{GB: 08:00-20:00, gb: 08:00-21:00}", "GB is given twice"),
        ("[08:00-20:00]", "hours"),
        ("{UK: 08:00-20:00}", "unknown region 'UK' (did you mean 'GB'?)"),
        ("{default: 09:00-20:00, ZZ: 08:00-20:00}", "unknown region 'ZZ'"),
    ],
)
def test_hours_that_mean_nothing_are_refused_at_their_place(tmp_path: Path, typed: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=r"a2pcli.yaml:1") as caught:
        law(tmp_path, f"hours: {typed}\n")
    assert said in str(caught.value)


def test_a_plan_says_where_no_hours_are_kept_and_how_to_set_some(project: Project) -> None:
    project.starter()
    assert "no legal sending hours known for GG" in project.run("plan", "sale.yaml").out
    settings = (project.folder / "a2pcli.yaml").read_text()
    project.write("a2pcli.yaml", settings + "hours: {GB: 08:00-21:00}\n")
    assert "no legal sending hours" not in project.run("plan", "sale.yaml").out
