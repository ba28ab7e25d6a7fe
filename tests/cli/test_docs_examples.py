"""What the documentation and the help tell people to type works as it stands there."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from clikit import Project

from a2pcli.cli.app import COMMANDS, build_app

pexpect = pytest.importorskip("pexpect")

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), flags=re.M | re.S)


def block_with(page: Path, language: str, text: str) -> str:
    (found,) = (block for block in blocks(page, language) if text in block)
    return found


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and sub-command: its words, and the command."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


ALL = dict(commands(typer.main.get_command(build_app())))


def options(command: Any) -> set[str]:
    return {
        "-h",
        "--help",
        *(name for param in command.params for name in param.opts if name.startswith("-")),
    }


def typed(line: str) -> list[str] | None:
    """The words after ``a2pcli`` in a line of a shell, up to a pipe, a redirection or a comment."""
    found = re.search(r"(?:^|&& |\$ |ExecStart=)(?:/\S*/)?a2pcli (.*)", line)
    if found is None:
        return None
    text = re.sub(r"`|\\$", "", found[1])
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|>&;")
    lexer.whitespace_split = True
    words = list(lexer)
    ends = [place for place, word in enumerate(words) if set(word) <= set("|>&;")]
    return words[: ends[0]] if ends else words


def check_typed(words: list[str]) -> None:
    """The command is there, and has every option that is used."""
    path: tuple[str, ...] = ()
    while len(path) < len(words) and (*path, words[len(path)]) in ALL:
        path = (*path, words[len(path)])
    command = ALL[path]
    assert path or words == ["--version"], f"no such command: a2pcli {' '.join(words)}"
    whole = words == ["--version"] or not getattr(command, "commands", None) or command.invoke_without_command
    assert whole, f"half a command: a2pcli {' '.join(words)}"
    for word in words[len(path) :]:
        if word.startswith("--"):
            assert word.partition("=")[0] in options(command), f"a2pcli {' '.join(words)}: no {word}"


def documented() -> list[tuple[str, list[str]]]:
    found = []
    for page in PAGES:
        for language in ("sh", "cron", "bash", "ini"):
            for block in blocks(page, language):
                found += [(page.name, words) for line in block.splitlines() if (words := typed(line))]
    return found


def test_the_documentation_names_only_commands_and_options_that_are_there():
    lines = documented()
    assert len(lines) > 15
    for _, words in lines:
        check_typed(words)


@pytest.mark.parametrize("path", [path for path in ALL if path], ids=" ".join)
def test_every_help_has_an_example_that_can_be_typed(project: Project, path: tuple[str, ...]):
    done = project.run(*path, "--help")
    assert done.status == 0
    text = re.sub(r"\n    +", " ", done.out)  # an example that was wrapped
    examples = re.findall(r"(?:Example|Cron):\s+(a2pcli .*)", text)
    assert examples, done.out
    for example in examples:
        words = typed(example)
        assert words
        check_typed(words)
        assert tuple(words[: len(path)]) == path


def test_the_first_screen_says_each_command_in_a_line_that_a_terminal_of_80_columns_shows_whole(
    project: Project,
):
    first = project.run("--help", COLUMNS="80").out
    for name, (_, line) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(line)}$", first, flags=re.M)


@pytest.mark.parametrize("arguments", [("help",), ("help", "plan"), ("help", "optout", "add"), ("-h",)])
def test_help_is_a_command_too(project: Project, arguments: tuple[str, ...]):
    asked = project.run(*arguments)
    assert (asked.status, asked.err) == (0, "")
    assert asked.out == project.run(*[word for word in arguments if word not in ("help", "-h")], "--help").out


def test_without_a_command_the_help_is_shown(project: Project):
    alone = project.run()
    assert alone.status == 2
    assert project.run("--help").out.strip() in alone.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_a_shell_can_be_had(project: Project, shell: str):
    # --show-completion guesses the shell from the parent process, which a test may not have.
    shown = project.run(_A2PCLI_COMPLETE=f"source_{shell}")
    assert shown.status == 0
    assert "_A2PCLI_COMPLETE" in shown.out


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("a2pcli pl", {"plan"}),
        ("a2pcli re", {"report", "receipts", "replies", "reconcile", "retry"}),
        ("a2pcli ", set(COMMANDS)),
        ("a2pcli gateways t", {"test"}),
        ("a2pcli send --max", {"--max-cost"}),
        ("a2pcli schema c", {"campaign"}),
    ],
)
def test_the_shell_completes_commands_and_options(project: Project, line: str, offered: set[str]):
    words = line.split(" ")
    done = project.run(_A2PCLI_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1))
    assert set(done.out.split()) == offered


def test_the_first_campaign_of_the_readme_runs_as_it_is_written(tmp_path: Path):
    """In a shell, in a terminal, in an empty folder; the one question is answered with y."""
    shims = tmp_path / "bin"
    shims.mkdir()
    (shims / "a2pcli").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m a2pcli "$@"\n')
    (shims / "a2pcli").chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    block = block_with(ROOT / "README.md", "sh", "a2pcli init shop")
    environ = {**os.environ, "PATH": f"{shims}:{os.environ['PATH']}", "NO_COLOR": "1", "TERM": "xterm"}
    shell = pexpect.spawn("sh", ["-ec", block], cwd=str(work), env=environ, encoding="utf-8", timeout=300)
    shell.expect_exact("? [y/N] ")
    shell.sendline("y")
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 0, shell.before
    sent = [json.loads(line) for line in (work / "shop/.a2pcli/outbox.jsonl").read_text("utf-8").splitlines()]
    assert len({one["to"] for one in sent}) == len(sent) >= 5
    assert "accepted" in shell.before


def test_the_next_commands_of_the_readme_work_in_the_starter(project: Project):
    assert project.run("init", "shop").status == 0
    shop = Project(project.folder / "shop")
    block = block_with(ROOT / "README.md", "sh", "--test-to")
    test, send = (words for line in block.splitlines() if (words := typed(line)))
    missing = shop.run(*test)  # the starter names Twilio in a comment, its secrets are the user's
    assert missing.status == 3
    assert "twilio" in missing.err
    done = shop.run(*send, "--yes")
    assert done.status == 0
    assert [one["to"] for one in shop.outbox()] == ["+447911123456"]


def test_the_campaign_of_the_readme_is_valid(project: Project):
    project.write("a2pcli.yaml", "region: GB\nrates: rates.csv\n")
    project.write("rates.csv", "country,unit,price,currency\nGB,part,0.04,GBP\n")
    project.write("campaigns/spring.yaml", block_with(ROOT / "README.md", "yaml", "name: spring-sale"))
    project.write(
        "campaigns/customers.csv",
        "Mobile No.,First Name,plan,points\n07400 123456,Ann,gold,250\n07400 123457,,gold,101\n"
        "07400 123458,Cid,basic,999\n",
    )
    checked = project.run("check", "campaigns/spring.yaml", "--json")
    assert checked.status == 0, checked.out + checked.err
    assert checked.json["problems"] == []
    found = project.run("plan", "campaigns/spring.yaml", "--json").json
    assert found["recipients"] == 2
    assert found["excluded"] == {"filtered": 1}


GATEWAYS = blocks(ROOT / "docs" / "gateways.md", "yaml")


@pytest.mark.parametrize("place", range(len(GATEWAYS)))
def test_every_example_of_a_gateway_is_ready_to_use(project: Project, place: int):
    block = GATEWAYS[place]
    project.write("a2pcli.yaml", block)
    names = re.findall(r"\$\{([A-Z_]+)\}", block)
    secrets = {name: "AC" + "0" * 32 if name.endswith("_ACCOUNT") else "s3cret" for name in names}
    listed = project.run("gateways", "--json", **secrets)
    assert listed.status == 0, listed.err
    assert listed.err == ""
    configured = [one for one in listed.json["gateways"] if one["configured"]]
    assert configured
    assert all(one["ready"] and not one["problems"] for one in configured), configured
