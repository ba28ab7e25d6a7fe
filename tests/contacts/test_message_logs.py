"""Whose number counts in a file of messages: the person's, never ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from a2pcli.contacts.checked import PeopleRows
from a2pcli.contacts.message_log import person_columns, text_column, way_of
from a2pcli.contacts.table import Table, open_table
from a2pcli.errors import InvalidInput

ANN, BEN, OURS = "+14155552671", "+14155552672", "+12025550100"


def opened(folder: Path, header: str, *rows: str) -> Table:
    path = folder / "log.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return open_table(str(path))


def people(table: Table, *, replies: bool = True, own: frozenset[str] = frozenset()) -> list[str | None]:
    found = person_columns(table, None, are_replies=replies, own=own)
    return [number for chunk in PeopleRows(table, found, "US", own).chunks()
            for number in chunk.columns["@address"].to_pylist()]  # fmt: skip


HEADERS = [
    "From,To,Body",  # Twilio, Plivo
    "from,to,text",  # Infobip, Sinch
    "sender,recipient,message",
    "msisdn,to,text",  # Vonage
    "msisdn,short_code,content",
    "originator,destination,body",  # MessageBird
    "source,dest,msg",
    "Source Number,Destination Number,Message",
    "source_addr,destination_addr,short_message",  # SMPP
    "SenderNumber,RecipientID,TextDecoded",  # Gammu
    "cli,cld,message_text",  # Telnyx
    "originationNumber,destinationNumber,messageBody",  # AWS
    "source_tn,destination_tn,text",  # Bandwidth
    "From Number,To Number,Message Text",
    "Expéditeur,Destinataire,Message",
    "Absender,Empfänger,Nachricht",
    "Remitente,Destinatario,Texto",
    "mittente,destinatario,testo",
    "remetente,destinatário,mensagem",
    "отправитель,получатель,текст",
    "发件人,收件人,内容",
    "FROM,VMN,TEXT",
    "phone,to,text",
    "mobile,virtual_number,reply",
]


@pytest.mark.parametrize("header", HEADERS)
def test_in_a_file_of_replies_the_person_is_who_wrote(tmp_path: Path, header: str) -> None:
    assert people(opened(tmp_path, header, f"{ANN},{OURS},STOP", f"{BEN},{OURS},hi")) == [ANN, BEN]


@pytest.mark.parametrize("header", [header for header in HEADERS if "RecipientID" not in header])
def test_the_order_of_the_columns_changes_nothing(tmp_path: Path, header: str) -> None:
    backwards = ",".join(reversed(header.split(",")))
    assert people(opened(tmp_path, backwards, f"STOP,{OURS},{ANN}", f"hi,{OURS},{BEN}")) == [ANN, BEN]


@pytest.mark.parametrize(
    "header", ["From,To,Body", "sender,recipient,message", "originator,destination,text"]
)
def test_in_a_list_it_is_asked_which_column_is_the_person(tmp_path: Path, header: str) -> None:
    table = opened(tmp_path, header, f"{ANN},{OURS},STOP")
    with pytest.raises(InvalidInput) as caught:
        people(table, replies=False)
    (problem,) = caught.value.problems
    assert problem.code == "which-person"
    assert f"--column '{header.partition(',')[0]}'" in (problem.hint or "")


def test_knowing_our_own_numbers_a_list_needs_no_question(tmp_path: Path) -> None:
    own = frozenset({OURS[1:]})
    assert people(opened(tmp_path, "From,To,Body", f"{ANN},{OURS},STOP"), replies=False, own=own) == [ANN]
    assert people(opened(tmp_path, "From,To,Body", f"{OURS},{ANN},STOP"), replies=False, own=own) == [ANN]


@pytest.mark.parametrize(
    ("inbound", "outbound"),
    [("inbound", "outbound-api"), ("Inbound", "Outbound"), ("MO", "MT"), ("received", "sent"), ("in", "out"),
     ("incoming", "outgoing"), ("entrante", "saliente"), ("eingehend", "ausgehend"), ("входящее", "исходящее")],
)  # fmt: skip
@pytest.mark.parametrize("replies", [True, False])
def test_a_column_of_directions_says_whose_each_row_is(
    tmp_path: Path, inbound: str, outbound: str, replies: bool
) -> None:
    table = opened(
        tmp_path, "Direction,From,To,Body", f"{inbound},{ANN},{OURS},STOP", f"{outbound},{OURS},{BEN},Hi"
    )
    assert people(table, replies=replies) == [ANN, None if replies else BEN]


def test_a_row_without_a_direction_is_refused(tmp_path: Path) -> None:
    table = opened(
        tmp_path, "Direction,From,To,Body", f"inbound,{ANN},{OURS},STOP", f"sideways,{OURS},{BEN},x"
    )
    found = person_columns(table, None, are_replies=True)
    (chunk,) = PeopleRows(table, found, None).chunks()
    assert chunk.columns["@reason"].to_pylist() == [None, "ambiguous-number"]


def test_a_type_column_is_a_direction_only_where_every_cell_is_one(tmp_path: Path) -> None:
    table = opened(tmp_path, "type,from,to,text", f"inbox,{ANN},{OURS},STOP", f"sent,{OURS},{BEN},Hi")
    assert people(table) == [ANN, None]
    assert people(opened(tmp_path, "type,from,to,text", f"text,{ANN},{OURS},STOP")) == [ANN]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("to,text", f"{ANN},STOP"),
        ("phone,from,text", f"{ANN},{BEN},STOP"),
        ("from,sender,text", f"{ANN},{BEN},STOP"),
    ],
)
def test_what_is_not_plain_is_asked(tmp_path: Path, header: str, row: str) -> None:
    with pytest.raises(InvalidInput, match="whose number is it"):
        people(opened(tmp_path, header, row))


def test_a_log_of_what_we_sent_is_no_file_of_replies(tmp_path: Path) -> None:
    rows = [f"{OURS},{person},Reply STOP to end" for person in (ANN, BEN, "+14155552673")]
    with pytest.raises(InvalidInput, match="every message is from one number"):
        people(opened(tmp_path, "From,To,Body", *rows))
    with pytest.raises(InvalidInput, match="senders of your own"):
        people(opened(tmp_path, "From,To,Body", *rows), own=frozenset({OURS[1:]}))


def test_words_in_a_column_called_source_are_no_numbers(tmp_path: Path) -> None:
    """As in an export of the suppression list, or of consents."""
    assert people(opened(tmp_path, "number,source", f"{ANN},web form", f"{BEN},reply"), replies=False) == [
        ANN,
        BEN,
    ]


def test_our_own_senders_are_nobody(tmp_path: Path) -> None:
    table = opened(tmp_path, "phone,text", f"{ANN},STOP", f"{OURS},STOP", "72975,STOP")
    own = frozenset({OURS[1:], "72975"})
    assert people(table, own=own) == [ANN, None, None]


@pytest.mark.parametrize(
    ("cell", "way"), [("", "?"), ("delivered", "?"), ("INBOUND", "in"), ("outbound-call", "out")]
)
def test_directions_are_read_by_their_words(cell: str, way: str) -> None:
    assert way_of(cell) == way


@pytest.mark.parametrize("header", ["from,Body", "from,Clean text", "from,Nachricht", "from,reply"])
def test_the_column_of_texts_is_found(tmp_path: Path, header: str) -> None:
    assert (
        text_column(opened(tmp_path, header, f"{ANN},x")) == opened(tmp_path, header, f"{ANN},x").columns[1]
    )
