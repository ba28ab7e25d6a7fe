"""Writes what the documentation takes from the code; `--check` fails when a file is behind the code.

docs/cli.md holds every ``--help``; docs/reference.md holds, between markers, the keys of campaigns and settings, the
exit codes and the reason codes; docs/gateways.md the keys of gateways that have many.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CONFIDENCE = {"H": "high", "M": "medium", "L": "low"}
os.environ.update(COLUMNS="100", NO_COLOR="1", TERM="dumb")


def cli_page() -> str:
    from typer.testing import CliRunner

    from a2pcli.cli.app import COMMANDS, build_app

    runner = CliRunner()
    pages = ["# Command line", "", "Every command's `--help`, as the program prints it.", ""]
    for path in [(), *((name,) for name in COMMANDS)]:
        pages += list(_help_pages(runner, build_app(path), path))
    return "\n".join(pages).rstrip() + "\n"


def _help_pages(runner: Any, app: Any, path: tuple[str, ...]) -> Iterator[str]:
    result = runner.invoke(app, [*path, "--help"], prog_name="a2pcli", terminal_width=100)
    text = result.output.strip("\n")
    yield f"## `{' '.join(('a2pcli', *path))}`"
    yield f"\n```text\n{text}\n```\n"
    section = text.partition("\nCommands:\n")[2]
    if path and section:
        for name in re.findall(r"^  ([a-z-]+)", section, flags=re.M):
            yield from _help_pages(runner, app, (*path, name))


def exit_codes() -> str:
    import ast
    import inspect

    from a2pcli import errors

    body = ast.parse(inspect.getsource(errors.ExitStatus)).body[0].body  # type: ignore[attr-defined]
    words = {}
    for member, text in pairwise(body):
        if isinstance(member, ast.Assign) and isinstance(text, ast.Expr):
            words[member.targets[0].id] = text.value.value  # type: ignore[attr-defined]
    rows = [f"| {int(status)} | {words[status.name]} |" for status in errors.ExitStatus]
    return "\n".join(["| code | meaning |", "|---|---|", *rows])


def reasons() -> str:
    from a2pcli.reasons import SENTENCES

    rows = [f"| `{code}` | {text} |" for code, text in SENTENCES.items()]
    return "\n".join(["| code | meaning |", "|---|---|", *rows])


def law_tables() -> str:
    """Every rule of the packaged law by kind, then by place."""
    from a2pcli.rules import calendars, facts
    from a2pcli.rules.law import Law

    titles = {
        facts.HoursRule: "Hours",
        facts.CapRule: "Frequency",
        facts.ConsentRule: "Consent",
        facts.CopyRule: "Wording",
        facts.SenderRule: "Senders",
        facts.RevocationRule: "Opt-outs",
    }
    pieces = []
    for kind, title in titles.items():
        pieces += [
            f"### {title}",
            "",
            "| rule | what it says | source | checked | confidence |",
            "|---|---|---|---|---|",
        ]
        for rule in Law.load().rules.values():
            if isinstance(rule, kind):
                says = rule.says + (f" *{rule.note}*" if rule.note else "")
                cells = (
                    f"`{rule.id}`",
                    says,
                    rule.source,
                    str(rule.checked or ""),
                    CONFIDENCE[rule.confidence],
                )
                pieces.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
        pieces.append("")
    pieces += ["### Holidays by statute", "", "| calendar | source | note |", "|---|---|---|"]
    pieces += [
        f"| `{name}` | {source} | {_cell(note)} |" for name, (source, note) in calendars.sources().items()
    ]
    return "\n".join(pieces).rstrip()


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<")


def copy_rules() -> str:
    """Every copy rule with its strictness where nobody changed it."""
    from a2pcli.config.copy_rules import COPY_RULES, SAYS
    from a2pcli.planning.lint import DEFAULTS

    rows = [f"| `{name}` | {SAYS[name]} | {DEFAULTS[name]} |" for name in COPY_RULES]
    return "\n".join(["| rule | what it says | strictness |", "|---|---|---|", *rows])


def json_page() -> str:
    """Every document that ``--json`` prints, from the types in ``a2pcli.cli.documents``."""
    from a2pcli.cli.documents import VERSION, documents, output_schema

    schema = output_schema()
    shapes: dict[str, Any] = schema["$defs"]
    printed = {kind.__name__ for some in documents().values() for kind in some}
    pieces = [
        "# What commands print with `--json`",
        "",
        "One JSON document on stdout and nothing else. It begins with `schema`, the version of these keys, now",
        f"{VERSION}: the number goes up when a key changes its meaning or is removed; new keys may be added. Times are",
        "ISO 8601 in UTC, money is decimal text, `?` marks what may be null. `a2pcli schema output` prints the same as",
        "JSON Schema.",
        "",
        "A command that fails prints `Failure`, unless it prints its own document with what it could and could not do;",
        "the sentences for people are on stderr as always. `a2pcli send --log-format json` prints events instead:",
        "[Running unattended](unattended.md#4-read-the-log).",
        "",
    ]
    for command, some in documents().items():
        pieces += [f"## {command}", ""]
        for kind in some:
            pieces += _shape(shapes[kind.__name__])
    pieces += ["## Shapes", ""]
    for name in sorted(set(shapes) - printed | {"Failure"}):
        pieces += [f"### {name.rstrip('_')}", "", *_shape(shapes[name])]
    return "\n".join(pieces).rstrip() + "\n"


def _shape(shape: dict[str, Any]) -> list[str]:
    rows = [
        f"| `{key}` | {_type(value)} | {_cell(value.get('description', ''))} |"
        for key, value in shape.get("properties", {}).items()
        if key != "schema"
    ]
    says = shape.get("description", "").replace("``", "`")
    return [says, "", "| key | type | meaning |", "|---|---|---|", *rows, ""]


def _type(value: dict[str, Any]) -> str:
    """``integer``, ``text?``, ``list of Problem``, ``text to integer``."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{name.rstrip('_')}](#{name.rstrip('_').lower()})"
    if "anyOf" in value:
        kinds = [_type(one) for one in value["anyOf"] if one.get("type") != "null"]
        return " or ".join(kinds) + ("?" if len(kinds) < len(value["anyOf"]) else "")
    match value.get("type"):
        case "array":
            return f"list of {_type(value.get('items', {}))}"
        case "object":
            inside = value.get("additionalProperties")
            return f"text to {_type(inside)}" if isinstance(inside, dict) and inside else "object"
        case "string":
            return "moment" if value.get("format") == "date-time" else "text"
        case None:
            return "any"
        case other:
            return str(other)


def rules_page() -> str:
    text = (ROOT / "docs" / "rules.md").read_text("utf-8")
    return _filled(text, {"law": law_tables(), "copy-rules": copy_rules()})


def _filled(text: str, parts: dict[str, str]) -> str:
    for name, content in parts.items():
        pattern = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.S)
        text = pattern.sub(lambda match, content=content: match[1] + content + "\n" + match[2], text)
    return text


def reference_page() -> str:
    from a2pcli.config.schema import markdown

    text = (ROOT / "docs" / "reference.md").read_text("utf-8")
    parts = {
        "campaign": markdown("campaign").rstrip(),
        "settings": markdown("settings").rstrip(),
        "exit-codes": exit_codes(),
        "reasons": reasons(),
    }
    return _filled(text, parts)


def query_page() -> str:
    """docs/query.md with the views of ``a2pcli ledger query``."""
    from a2pcli.ledger.views import views

    pieces = []
    for view in views():
        rows = [f"| `{one.name}` | {one.kind} | {one.says} |" for one in view.columns]
        pieces += [
            f"## `{view.name}`",
            "",
            view.says,
            "",
            "| column | kind | meaning |",
            "|---|---|---|",
            *rows,
            "",
        ]
    made = "\n".join(pieces).rstrip()
    text = (ROOT / "docs" / "query.md").read_text("utf-8")
    pattern = re.compile(r"(<!-- generated: views -->\n).*?(<!-- end -->)", re.S)
    return pattern.sub(lambda found: f"{found[1]}\n{made}\n\n{found[2]}", text)


def gateways_page() -> str:
    """docs/gateways.md with the keys of the gateways that have many."""
    from a2pcli.gateways.guide import guide_to
    from a2pcli.gateways.registry import BUILT_IN
    from a2pcli.gateways.smpp.settings import SmppBlock

    text = (ROOT / "docs" / "gateways.md").read_text("utf-8")
    examples = {}
    for kind in BUILT_IN:
        guide = guide_to(kind)
        if guide is not None:
            examples[f"example {kind}"] = f"```yaml\ngateways:\n{guide.block()}```"
    return _filled(text, {"smpp-keys": block_keys(SmppBlock), **examples})


def own_gateway_page() -> str:
    """docs/own-gateway.md with the files of the example package."""
    files = {}
    for path in (ROOT / "docs" / "examples" / "pigeon-gateway").glob("*.*"):
        language = {".py": "python", ".toml": "toml"}.get(path.suffix)
        if language:
            files[f"file {path.name}"] = f"```{language}\n{path.read_text('utf-8')}```"
    return _filled((ROOT / "docs" / "own-gateway.md").read_text("utf-8"), files)


def block_keys(model: Any) -> str:
    """The keys of a gateway's block, without those that every gateway takes; of keys with keys of their own too."""
    from a2pcli.gateways import guide

    rows = ["| key | default | meaning |", "|---|---|---|"]
    for key in guide.block_keys(model):
        if not key.shared:
            default = "required" if key.default is None else f"`{key.default}`" if key.default else ""
            rows.append(f"| `{key.path}` | {default} | {_cell(key.meaning)} |")
    return "\n".join(rows)


def main() -> int:
    pages = {
        "docs/cli.md": cli_page(),
        "docs/gateways.md": gateways_page(),
        "docs/json.md": json_page(),
        "docs/own-gateway.md": own_gateway_page(),
        "docs/query.md": query_page(),
        "docs/reference.md": reference_page(),
        "docs/rules.md": rules_page(),
    }
    behind = []
    for name, content in pages.items():
        path = ROOT / name
        if not path.exists() or path.read_text("utf-8") != content:
            behind.append(name)
            if "--check" not in sys.argv:
                path.write_text(content, "utf-8")
    if behind:
        print(
            ("behind the code (run `make docs`): " if "--check" in sys.argv else "written: ")
            + ", ".join(behind)
        )
    return 1 if behind and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
