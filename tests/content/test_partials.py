"""Partials come from the campaign's folder and nowhere else, and are checked like the message."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from templatekit import problems, render, template

from a2pcli.content.templates import TemplateFailure


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A campaign's folder with partials, beside a folder that is none of its business."""
    home = tmp_path / "campaigns"
    (home / "parts").mkdir(parents=True)
    files = {
        "footer.txt": "Reply STOP, {{ plan }}\n",
        "parts/deep.txt": "{% include 'footer.txt' %}!",
        "macros.txt": "{% macro greet(name) %}Hi {{ name | title }}{% endmacro %}{% set shop = 'ACME' %}",
        "asks.txt": "{% macro hi() %}Hi {{ first_name }}{% endmacro %}",
        "counts.txt": "{% set ns = namespace(n=0) %}{% macro up() %}{% set ns.n = ns.n + 1 %}{{ ns.n }}{% endmacro %}",
        "base.txt": "A {% block body %}default {{ points }}{% endblock %}\n{% block end %}END{% endblock %}",
        "middle.txt": "{% extends 'base.txt' %}{% block body %}middle + {{ super() }}{% endblock %}",
        "bad.txt": "ok\n{{ plna }}",
        "broken.txt": "ok\n{% if %}",
        "number.txt": "ok\n{{ points | number }}",
        "a.txt": "{% include 'b.txt' %}",
        "b.txt": "{% include 'a.txt' %}",
        "wide.txt": "{% include 'wider.txt' %}" * 9,
        "wider.txt": "{% include 'footer.txt' %}" * 9,
        "latin.txt": b"caf\xe9",
        "large.txt": "x" * 50_001,
        "crlf.txt": "\ufeffone\r\ntwo\r\n",
    }
    for name, text in files.items():
        (home / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("secret")
    (home / "link.txt").symlink_to(tmp_path / "outside" / "secret.txt")
    (home / "out").symlink_to(tmp_path / "outside")
    (home / "alias.txt").symlink_to("footer.txt")
    (home / "self.txt").symlink_to("self.txt")
    os.mkfifo(home / "pipe.txt")
    return home


@pytest.mark.parametrize(
    ("source", "body"),
    [
        ("Hi\n{% include 'footer.txt' %}\nBye", "Hi\nReply STOP, p\nBye"),
        ("{% include 'parts/deep.txt' %}", "Reply STOP, p!"),
        ("{% include 'alias.txt' %}", "Reply STOP, p"),
        ("{% include 'crlf.txt' %}", "one\ntwo"),
        ("{% include 'none.txt' ignore missing %}{{ plan }}", "p"),
        ("{% include ['none.txt', 'footer.txt'] %}", "Reply STOP, p"),
        (
            "{% for i in [1, 2] %}{% include 'footer.txt' %}{{ i }}{% endfor %}",
            "Reply STOP, p1Reply STOP, p2",
        ),
        ("{% set plan = 'q' %}{% include 'footer.txt' %}", "Reply STOP, q"),
        ("{% from 'macros.txt' import greet %}{{ greet(first_name) }}", "Hi Ann"),
        ("{% import 'macros.txt' as m %}{{ m.greet('x') }} {{ m.shop }}", "Hi X ACME"),
        ("{% from 'asks.txt' import hi with context %}{{ hi() }}", "Hi ann"),
        ("{% extends 'base.txt' %}{% block body %}mine {{ plan }}{% endblock %}", "A mine p\nEND"),
        (
            "{% extends 'middle.txt' %}{% block body %}mine + {{ super() }}{% endblock %}",
            "A mine + middle + default 5\nEND",
        ),
        (
            "{% extends 'base.txt' %}\n{% set x = plan %}\n{% block end %}{{ x }}{% endblock %}",
            "A default 5\np",
        ),
    ],
)
def test_partials_are_part_of_the_message(folder: Path, source: str, body: str) -> None:
    assert render(source, folder=folder, plan="p", first_name="ann", points="5") == body


def test_the_wording_of_partials_is_the_messages_wording(folder: Path) -> None:
    assert "Reply STOP" in template("Hi {{ plan }}{% include 'parts/deep.txt' %}", folder=folder).wording


def test_columns_of_partials_are_the_messages_columns(folder: Path) -> None:
    assert template("{% include 'parts/deep.txt' %}", folder=folder).columns == {"plan"}
    assert template("{% extends 'middle.txt' %}", folder=folder).columns == {"points"}
    seen = template("{% from 'asks.txt' import hi with context %}{{ hi() }}", folder=folder)
    assert (seen.columns, seen.defaulted) == ({"first_name"}, frozenset())


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{% include 'link.txt' %}", "spring.yaml:10:15: 'link.txt' leads out of the campaign's folder"),
        ("{% include 'out/secret.txt' %}", "'out/secret.txt' leads out of the campaign's folder"),
        ("{% include '../outside/secret.txt' %}", "is not a file name inside the campaign's folder"),
        ("{% include 'parts/../../outside/secret.txt' %}", "is not a file name inside the campaign's folder"),
        ("{% include '..\\\\outside\\\\secret.txt' %}", "is not a file name inside the campaign's folder"),
        ("{% include '/etc/passwd' %}", "is not a file name inside the campaign's folder"),
        ("{% import 'file:///etc/passwd' as x %}", "is not a file name inside the campaign's folder"),
        ("{% include 'a\\0b' %}", "is not a file name inside the campaign's folder"),
        ("{% include 'self.txt' %}", "'self.txt' is a symbolic link to itself"),
        ("{% include 'pipe.txt' %}", "'pipe.txt' is not a file"),
        ("{% include 'parts' %}", "'parts' is not a file"),
        ("{% include 'footer.txt/x' %}", "no file 'footer.txt/x'"),
        (
            "{% include 'foter.txt' %}",
            "no file 'foter.txt' in the campaign's folder (did you mean 'footer.txt'?)",
        ),
        ("{% include plan %}", "the file's name must be written out, in quotes"),
        ("{% include 'footer.txt' without context %}", "'without context' is not supported"),
        (
            "{% include 'a.txt' %}",
            "b.txt:1:13: partials include each other in a circle: 'a.txt' includes 'b.txt' incl",
        ),
        ("{% include 'wide.txt' %}", "more than 50 partials"),
        ("{% include 'latin.txt' %}", "'latin.txt' is not UTF-8 text"),
        ("{% include 'large.txt' %}", "'large.txt' is larger than 50 kB"),
        ("a\n{% include 'bad.txt' %}", "bad.txt:2:4: unknown column 'plna' (did you mean 'plan'?)"),
        ("{% include 'broken.txt' %}", "broken.txt:2:1: expected an expression, got '%}'"),
        ("{% from 'macros.txt' import great %}", "'macros.txt' has no 'great' (did you mean 'greet'?)"),
        (
            "{% import 'macros.txt' as m %}{{ m.great() }}",
            "'macros.txt' has no 'great' (did you mean 'greet'?)",
        ),
        (
            "{% from 'asks.txt' import hi %}{{ hi() }}",
            "asks.txt:1:23: an imported file does not see the column",
        ),
        ("{% extends 'base.txt' %}lost", "text outside of a block is never shown"),
        ("{% if plan %}{% extends 'base.txt' %}{% endif %}", "'extends' must stand at the top"),
        ("{% block a %}{{ super() }}{% endblock %}", "super() has no block above it to show"),
    ],
)
def test_a_wrong_partial_is_an_error_at_its_place(folder: Path, source: str, expected: str) -> None:
    assert expected in problems(source, folder=folder)[0]


def test_a_partial_that_fails_on_a_row_names_its_own_line(folder: Path) -> None:
    with pytest.raises(TemplateFailure, match=r"^number\.txt line 2: number: 'x' is not a number$"):
        render("a\n{% include 'number.txt' %}", folder=folder, points="x")


def test_a_state_kept_in_an_imported_file_is_new_for_every_row(folder: Path) -> None:
    counting = template("{% from 'counts.txt' import up %}{{ up() }}{{ up() }}{{ plan }}", folder=folder)
    assert [counting.render({"plan": name}) for name in "abc"] == ["12a", "12b", "12c"]


def test_rendering_reads_no_file(folder: Path) -> None:
    compiled = template(
        "{% include 'footer.txt' %}{% from 'macros.txt' import greet %}{{ greet('x') }}", folder=folder
    )
    for name in ("footer.txt", "macros.txt"):
        (folder / name).unlink()
    assert compiled.render({"plan": "p"}) == "Reply STOP, pHi X"
