"""Text that is damaged, or in an encoding that was guessed."""

from __future__ import annotations

import pytest
from tablekit import read, rows_of, written

from a2pcli.contacts.table import ReadOptions, open_table

NUMBER = "+447400123456"
MARKS = {
    "utf-16-le": b"\xff\xfe",
    "utf-16-be": b"\xfe\xff",
    "utf-32-le": b"\xff\xfe\0\0",
    "utf-32-be": b"\0\0\xfe\xff",
}
HALF = {
    "utf-16-le": b"\x3d\xd8",
    "utf-16-be": b"\xd8\x3d",
    "utf-32-le": b"\x3d\xd8\0\0",
    "utf-32-be": b"\0\0\xd8\x3d",
}


@pytest.mark.parametrize("name", MARKS)
@pytest.mark.parametrize("how", ["marked", "declared"])
def test_half_a_character_costs_its_row_in_every_wide_encoding(tmp_path, name, how):
    text = "phone,name\n" + f"{NUMBER},Jo@o\n" + "+447400123457,Bo\n"
    content = text.encode(name).replace("@".encode(name), HALF[name])
    options = {"encoding": name} if how == "declared" else {}
    rows = read(tmp_path, (MARKS[name] if how == "marked" else b"") + content, **options)
    assert [(row.line, row.reason, row.cells[1]) for row in rows] == [
        (2, "invalid-text", "Jo\ufffdo"), (3, None, "Bo"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["utf-16-le", "utf-16-be"])
def test_half_a_character_is_seen_without_a_mark_too(tmp_path, name):
    text = "phone,first_name\n" + f"{NUMBER},Jo@o\n" * 3
    rows = read(tmp_path, text.encode(name).replace("@".encode(name), HALF[name], 1))
    assert [row.reason for row in rows] == ["invalid-text", None, None]


def test_a_file_cut_within_a_character_loses_that_row_alone(tmp_path):
    content = b"\xff\xfe" + f"phone,name\n{NUMBER},Ann\n+447400123457,Bo".encode("utf-16-le")
    assert [row.reason for row in read(tmp_path, content + b"\x6f")] == [None, "invalid-text"]


@pytest.mark.parametrize("mark", [b"\xff\xfe", b""])
def test_half_a_character_in_json_lines_costs_its_row(tmp_path, mark):
    text = f'{{"phone": "{NUMBER}", "name": "Jo@o"}}\n{{"phone": "+447400123457", "name": "Bo"}}\n'
    content = mark + text.encode("utf-16-le").replace("@".encode("utf-16-le"), HALF["utf-16-le"])
    options = {} if mark else {"encoding": "utf-16-le"}
    rows = read(tmp_path, content, "people.jsonl", **options)
    assert [row.reason for row in rows] == ["invalid-text", None]


def opened(tmp_path, names: str, page: str):
    content = "phone,name\n" + "".join(
        f"+4474001234{row:02d},{name}\n" for row, name in enumerate(names.split())
    )
    return open_table(written(tmp_path, content.encode(page)))


@pytest.mark.parametrize(
    ("page", "names", "shown"),
    [
        ("cp850", "Ann José", "line 3 has 'Jos‚' ('José' in cp850"),
        ("cp850", "Björn Ann", "'Björn' in cp850"),
        ("cp850", "Muñoz", "'Muñoz' in cp850"),
        ("mac_roman", "Müller", "in mac_roman"),
        ("mac_roman", "Straße", "'Straße' in mac_roman"),
        ("cp1250", "Paweł", "'Paweł' in cp1250"),
        ("cp1250", "Łukasz", "'Łukasz' in cp1250"),
        ("cp1251", "Иван Пётр", "'Иван' in cp1251"),
        ("cp1251", "Телефон", "('Телефон' in cp1251"),
        ("cp1253", "Γιώργος", "'Γιώργος' in cp1253"),
        ("cp1254", "Ayşe Işıl", "'Ayşe' in cp1254"),
        ("cp932", "田中さん", "'田中さん' in cp932"),
        ("cp932", "佐々木マリー", "'佐々木マリー' in cp932"),
        ("gb18030", "王小明", "not look like Windows-1252"),
    ],
)
def test_a_guess_that_does_not_read_like_words_is_asked_about(tmp_path, page, names, shown):
    (question,) = opened(tmp_path, names, page).questions
    assert shown in question.message
    assert page in str(question.hint)


@pytest.mark.parametrize(
    "names",
    ["José Zoë Müller", "Núñez Ærø Åse", "Straße GÖTEBORG École", "O’Brien “quoted” „deutsch“", "50€ £5 25°C",
     "façade… naïve™", "m² km² 1º Mª ½", "«oui» ¿qué? ¡hola!", "Ålesund–Bergen"],
)  # fmt: skip
def test_western_text_in_windows_1252_is_a_guess_and_no_question(tmp_path, names):
    table = opened(tmp_path, names, "cp1252")
    assert (table.questions, [note.code for note in table.notes]) == ([], ["guessed-encoding"])


def test_a_guess_that_reads_right_is_confirmed_with_the_encoding_it_was_read_in(tmp_path):
    (note,) = opened(tmp_path, "José Müller", "cp1252").notes
    assert "encoding: cp1252" in str(note.hint)
    assert "cp850" not in str(note.hint)


def test_who_states_the_encoding_is_not_asked(tmp_path):
    path = written(tmp_path, f"phone,name\n{NUMBER},José\n".encode("cp850"))
    table = open_table(path, options=ReadOptions(encoding="cp850"))
    assert (table.questions, table.notes, rows_of(table)[0].cells) == ([], [], (NUMBER, "José"))


@pytest.mark.parametrize("ends", ["\r", "\n", "\r\n"])
def test_lines_are_counted_whatever_ends_them(tmp_path, ends):
    content = ends.join(["phone,name", *[f"{NUMBER},Ann"] * 3, f"{NUMBER},José", ""])
    (note,) = open_table(written(tmp_path, content.encode("cp1252"))).notes
    assert "line 5 has 'José'" in note.message
    table = open_table(written(tmp_path, content.replace("José", "Jo\0")))
    rows_of(table)
    assert [(note.code, note.line) for note in table.notes] == [("nul-characters", 5)]


def test_a_line_of_utf_8_in_a_windows_1252_file_is_told_with_its_line(tmp_path):
    names = ("Zoë".encode("cp1252"), "Jörg".encode("cp1252"), "Renée".encode())
    lines = b"".join(NUMBER.encode() + b"," + name + b"\n" for name in names)
    table = open_table(written(tmp_path, b"phone,name\n" + lines))
    told = [(note.line, note.message) for note in table.notes if note.code == "mixed-encoding"]
    assert [line for line, _ in told] == [4]
    assert "'RenÃ©e' is probably 'Renée'" in told[0][1]
