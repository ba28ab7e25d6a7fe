"""What people give a2pcli that is wrong, and what it has to say about it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from clikit import CAMPAIGN, Project, Ran

Prepare = Callable[[Project], object]


SEND = ("send", "sale.yaml", "--yes")


BINARY = bytes(range(256)) * 8


@dataclass(frozen=True)
class Bad:
    """One thing that is wrong: what is prepared, what is called, how it ends and what is said about it."""

    name: str
    status: int
    says: str
    prepare: Prepare = lambda project: None
    call: tuple[str, ...] = SEND
    stdin: bytes = b""


def wrote(name: str, content: str | bytes) -> Prepare:
    return lambda project: project.write(name, content)


def changed(name: str, before: str, after: str) -> Prepare:
    def change(project: Project) -> None:
        text = (project.folder / name).read_text("utf-8")
        assert before in text
        project.write(name, text.replace(before, after))

    return change


def more(text: str) -> Prepare:
    return wrote("sale.yaml", CAMPAIGN + text)


def from_file(name: str, content: bytes) -> Prepare:
    def both(project: Project) -> None:
        changed("sale.yaml", "people.csv", name)(project)
        project.write(name, content)

    return both


def a_folder(name: str) -> Prepare:
    def replace(project: Project) -> None:
        path = project.folder / name
        path.unlink(missing_ok=True)
        path.mkdir(parents=True)

    return replace


def no(name: str) -> Prepare:
    return lambda project: (project.folder / name).unlink()


def database(statement: str) -> Prepare:
    """Somebody else's SQLite file where the ledger should be."""

    def make(project: Project) -> None:
        (project.folder / ".a2pcli").mkdir()
        with sqlite3.connect(project.folder / ".a2pcli" / "ledger.db") as connection:
            connection.execute(statement)
        connection.close()

    return make


def newer_ledger(project: Project) -> None:
    assert project.run("plan", "sale.yaml").status == 0
    with sqlite3.connect(project.folder / ".a2pcli" / "ledger.db") as connection:
        connection.execute("UPDATE a2pcli_revision SET version_num = '9999'")
    connection.close()


def gateway(block: str) -> Prepare:
    return wrote("a2pcli.yaml", f"region: GB\ngateway: p\ngateways:\n  p: {block}\n")


HTTP = "{type: http, url: 'https://x.example/', auth: {bearer: '${NO_SUCH_TOKEN}'}, json: {to: '{{ to }}'}}"


CAMPAIGN_FILE = [
    Bad("campaign missing", 3, r"^nope.yaml: no such file$", call=("send", "nope.yaml", "--yes")),
    Bad("campaign is a folder", 3, r"is a folder, not a file$", call=("send", ".", "--yes")),
    Bad("campaign empty", 3, r"^sale.yaml:1:1: the file is empty$", wrote("sale.yaml", "")),
    Bad("campaign binary", 3, r"^sale.yaml:\d+:\d+: byte 0x80 is not UTF-8", wrote("sale.yaml", BINARY)),
    Bad("campaign NUL", 3, r"^sale.yaml:6:1: .*U\+0000", wrote("sale.yaml", CAMPAIGN + "\0")),
    Bad("campaign UTF-16", 3, r"saved as UTF-16", wrote("sale.yaml", CAMPAIGN.encode("utf-16"))),
    Bad(
        "campaign latin-1",
        3,
        r"^sale.yaml:6:8: byte 0xFC",
        wrote("sale.yaml", CAMPAIGN.encode() + b"where: \xfc"),
    ),
    Bad("campaign is a list", 3, r"^sale.yaml:1:1: the file is a list", wrote("sale.yaml", "- a\n")),
    Bad("campaign is a word", 3, r"no 'key: value' lines", wrote("sale.yaml", "hello")),
    Bad("campaign bomb", 3, r"anchors such as", wrote("sale.yaml", "a: &a [1]\nb: [*a, *a]\n" + CAMPAIGN)),
    Bad("campaign bottomless", 3, r"nested more than", wrote("sale.yaml", "a: " + "[" * 5000)),
    Bad("campaign tab", 3, r"^sale.yaml:6:1: a tab", more("\tx: 1\n")),
    Bad("key twice", 3, r"key 'name' is given twice", more("name: x\n")),
    Bad("key unknown", 3, r"unknown key 'gatway' \(did you mean 'gateway'\?\)", more("gatway: outbox\n")),
    Bad("name is a path", 3, r"'name' cannot be", changed("sale.yaml", "spring-sale", "'../../x'")),
    Bad("gateway unknown", 3, r"no gateway 'pigeon'", more("gateway: pigeon\n")),
    Bad("budget unreadable", 3, r"^sale.yaml:6:16: 'lots'", more("limits: {cost: lots}\n")),
    Bad("limit below one", 3, r"must be at least 1", more("limits: {recipients: 0}\n")),
    Bad(
        "time zone as an offset", 3, r"'GMT\+1' \(IANA names look like", more("schedule: {timezone: GMT+1}\n")
    ),
    Bad("time zone unknown", 3, r"unknown time zone 'Mars/X'", more("schedule: {timezone: Mars/X}\n")),
    Bad("moment without a time", 3, r"has no time of day", more("schedule: {expires: 2029-01-01}\n")),
    Bad("sender too long", 3, r"has 16 characters", more("sender: ABCDEFGHIJKLMNOP\n")),
    Bad("holdout of all", 3, r"leaves no recipients", more("holdout: 100%\n")),
    Bad("media by sms", 3, r"media cannot be sent by sms", more("media: ['https://x.example/a.png']\n")),
]


TEMPLATES = [
    Bad(
        "braces open",
        3,
        r"^sale.yaml:5:\d+: expected '}}'",
        changed("sale.yaml", "first_name }}", "first_name "),
    ),
    Bad(
        "column unknown", 3, r"did you mean 'first_name'\?", changed("sale.yaml", "first_name", "frist_name")
    ),
    Bad(
        "filter unknown",
        3,
        r"unknown filter 'shout'",
        changed("sale.yaml", "first_name }}", "first_name | shout }}"),
    ),
    Bad("out of the sandbox", 3, r"cannot be reached", changed("sale.yaml", "first_name", "''.__class__")),
    Bad(
        "out of the folder",
        3,
        r"not a file name inside",
        changed("sale.yaml", "Hi {{", "{% include '../x' %}{{"),
    ),
    Bad(
        "partial missing",
        3,
        r"no file 'nope.txt'",
        changed("sale.yaml", "Hi {{", "{% include 'nope.txt' %}{{"),
    ),
    Bad(
        "loop without end",
        3,
        r"a range of more than",
        changed("sale.yaml", "Hi {{ first_name }}", "{% for i in range(10**9) %}x{% endfor %}"),
    ),
    Bad(
        "fails on every row",
        3,
        r"^sale.yaml: the template failed on all 4 rows that could get a message",
        changed("sale.yaml", "first_name }}", "first_name | int // 0 }}"),
    ),
    Bad("where half", 3, r"^sale.yaml:6:8: unexpected", more("where: plan ==\n")),
    Bad("where unknown", 3, r"unknown column 'plam'", more("where: plam == 'gold'\n")),
]


CONTACTS = [
    Bad("contacts missing", 3, r"^people.csv: no such file", no("people.csv")),
    Bad("contacts folder", 3, r"^people.csv: .*(directory|folder)", a_folder("people.csv")),
    Bad("contacts empty", 3, r"^people.csv: the file is empty$", wrote("people.csv", "")),
    Bad("contacts header only", 3, r"a header but no rows", wrote("people.csv", "mobile,first_name\n")),
    Bad("contacts without numbers", 3, r"no column with phone numbers", wrote("people.csv", "a,b\n1,2\n")),
    Bad("contacts binary", 3, r"^people.csv: this is not a text file", wrote("people.csv", BINARY)),
    Bad("contacts a picture", 3, r"is a picture", wrote("people.csv", b"\x89PNG\r\n\x1a\n" + BINARY)),
    Bad("contacts a PDF", 3, r"this is a PDF", from_file("people.pdf", b"%PDF-1.4\n")),
    Bad("workbook torn", 3, r"damaged workbook", from_file("people.xlsx", b"PK\x03\x04" + bytes(100))),
    Bad(
        "parquet torn",
        3,
        r"^people.parquet: the Parquet file is damaged",
        from_file("people.parquet", b"PAR1xx"),
    ),
    Bad("JSON lines torn", 3, r"^people.jsonl:1:\d+: not JSON", from_file("people.jsonl", b"{oops\n")),
    Bad("JSON lines of lists", 3, r"^people.jsonl:1: not a JSON object", from_file("people.jsonl", b"[1]\n")),
    Bad(
        "two number columns",
        3,
        r"2 columns are called 'mobile'",
        wrote("people.csv", "mobile,mobile,first_name\n1,2,3\n"),
    ),
    Bad(
        "quote never closed",
        3,
        r"^people.csv:2: a quotation mark opens here and is never closed",
        wrote("people.csv", 'mobile,first_name\n07911123456,"Ann\n07911123457,Ben\n'),
    ),
    Bad(
        "column mapped to nothing",
        3,
        r"no column 'Handy'",
        changed("sale.yaml", "people.csv", "{file: people.csv, columns: {phone: Handy}}"),
    ),
    Bad(
        "encoding unknown",
        3,
        r"unknown encoding 'klingon'",
        changed("sale.yaml", "people.csv", "{file: people.csv, encoding: klingon}"),
    ),
    Bad(
        "region unknown",
        3,
        r"unknown region 'ZZ'",
        changed("sale.yaml", "people.csv", "{file: people.csv, region: ZZ}"),
    ),
    Bad("NUL in the name", 3, r"a␀b", changed("sale.yaml", "people.csv", '"a\\0b"')),
    Bad("name without end", 3, r"(?i)name too long", changed("sale.yaml", "people.csv", "a" * 5000)),
    Bad("stdin empty", 3, r"^-: the file is empty$", changed("sale.yaml", "people.csv", "'-'")),
    Bad("stdin binary", 3, r"not a text file", changed("sale.yaml", "people.csv", "'-'"), stdin=BINARY),
    Bad("exclude missing", 3, r"^nope.csv: no such file", more("exclude: {file: nope.csv}\n")),
    Bad("exclude run unknown", 3, r"no run or campaign 'nope'", more("exclude: {runs: [nope]}\n")),
]


SETTINGS = [
    Bad("settings torn", 3, r"^a2pcli.yaml:2:1: ", wrote("a2pcli.yaml", "region: [\n")),
    Bad("settings unknown key", 3, r"did you mean 'region'\?", wrote("a2pcli.yaml", "regoin: GB\n")),
    Bad("settings binary", 3, r"^a2pcli.yaml:\d+:\d+: byte", wrote("a2pcli.yaml", BINARY)),
    Bad("secret missing", 3, r"^a2pcli.yaml:4:\d+: .*NO_SUCH_TOKEN is not set", gateway(HTTP)),
    Bad("gateway type unknown", 3, r"no gateway type 'pigeon'", gateway("{type: pigeon}")),
    Bad("gateway key unknown", 3, r"did you mean 'file'\?", gateway("{type: outbox, fiel: x}")),
    Bad("gateway pace unreadable", 3, r"'fast' is not a rate", gateway("{type: outbox, rate: fast}")),
    Bad(
        "gateway without an address", 3, r"^a2pcli.yaml:4:\d+: .*url", gateway("{type: http, json: {to: a}}")
    ),
    Bad("rates missing", 3, r"^rates.csv: cannot read the rate card: no such file", no("rates.csv")),
    Bad(
        "rates of something else", 3, r"^rates.csv:1:1: unknown column 'hello'", wrote("rates.csv", "hello\n")
    ),
    Bad(
        "rates in words",
        3,
        r"^rates.csv:2:17: 'cheap' is not an amount",
        changed("rates.csv", "0.04", "cheap"),
    ),
    Bad("rates binary", 3, r"^rates.csv:\d+: not UTF-8", wrote("rates.csv", BINARY)),
]


LEDGERS = [
    Bad("ledger is text", 3, r"this file is not a ledger", wrote(".a2pcli/ledger.db", "hello " * 2000)),
    Bad("ledger is a folder", 3, r"the ledger is a folder", a_folder(".a2pcli/ledger.db")),
    Bad("ledger's folder is a file", 3, r"cannot create the ledger", wrote(".a2pcli", "x")),
    Bad("ledger of another program", 3, r"belongs to another program", database("CREATE TABLE t (x)")),
    Bad("ledger of a newer version", 3, r"upgrade a2pcli", newer_ledger),
    Bad("ledger newer, only read", 3, r"upgrade a2pcli", newer_ledger, ("runs",)),
    Bad("ledger nobody knows", 3, r"unknown kind of ledger: mysql", call=(*SEND, "--ledger", "mysql://x/y")),
    Bad("ledger under a device", 3, r"cannot create the ledger", call=(*SEND, "--ledger", "/dev/null/x.db")),
    Bad(
        "ledger's server is not there, and its password stays unsaid",
        8,
        r"^postgresql://me:\*\*\*@127.0.0.1:1/x: the server does not answer",
        call=(*SEND, "--ledger", "postgresql://me:s3cr3t@127.0.0.1:1/x"),
    ),
]


ARGUMENTS = [
    Bad("budget unreadable here", 2, r"^--max-cost: 'lots'", call=(*SEND, "--max-cost", "lots")),
    Bad("budget below nothing", 2, r"^--max-cost: '-5 GBP'", call=(*SEND, "--max-cost", "-5 GBP")),
    Bad("budget not a number", 2, r"^--max-cost: 'nan GBP'", call=(*SEND, "--max-cost", "nan GBP")),
    Bad("currency unknown", 2, r"unknown currency 'QQQ'", call=(*SEND, "--max-cost", "5 QQQ")),
    Bad("limit in words", 2, r"'--limit': not a number", call=(*SEND, "--limit", "ten")),
    Bad("no concurrency", 2, r"'--concurrency': must be 1 or more", call=(*SEND, "--concurrency", "0")),
    Bad("plan unknown", 2, r"no run 'rzzzzzzz'", call=("send", "--plan", "rzzzzzzz")),
    Bad(
        "plan and a choice",
        2,
        r"cannot be combined with other selections",
        call=("send", "--plan", "rzzzzzzz", "--limit", "3"),
    ),
    Bad("neither campaign nor plan", 2, r"^name a CAMPAIGN, or --plan ID$", call=("send",)),
    Bad("test to nobody", 2, r"^--test-to 12: ", call=(*SEND, "--test-to", "12")),
    Bad("not UTF-8", 2, r"^argument 2 is not valid UTF-8$", call=("send", "a\udcff.yaml", "--yes")),
    Bad("NUL", 2, r"^argument 4 holds the character NUL$", call=("plan", "sale.yaml", "--out", "a\0.csv")),
    Bad("name of no end", 3, r"File name too long", call=("plan", "a" * 5000)),
    Bad(
        "result in an unknown form",
        2,
        r"use .csv, .jsonl or .parquet",
        call=("plan", "sale.yaml", "--out", "x.doc"),
    ),
    Bad("result nowhere", 3, r"^no/x.csv: cannot write", call=("plan", "sale.yaml", "--out", "no/x.csv")),
    Bad(
        "result a folder",
        3,
        r"cannot write: it is a folder",
        a_folder("x.csv"),
        ("plan", "sale.yaml", "--out", "x.csv"),
    ),
    Bad(
        "result over the contacts",
        2,
        r"that is the contacts file",
        call=("plan", "sale.yaml", "--out", "people.csv"),
    ),
    Bad(
        "result over the prices",
        2,
        r"that is the rate card",
        call=("plan", "sale.yaml", "--out", "./rates.csv"),
    ),
    Bad(
        "row that is not there",
        2,
        r"no contact starts at line 99",
        call=("preview", "sale.yaml", "--row", "99"),
    ),
    Bad("two choices", 2, r"use only one of", call=("preview", "sale.yaml", "--row", "2", "--longest")),
    Bad("run unknown", 2, r"no run 'nope'", call=("report", "nope")),
    Bad("run to settle unknown", 2, r"no run 'nope'", call=("reconcile", "nope")),
    Bad("gateway to test unknown", 3, r"no gateway 'nope'", call=("gateways", "test", "nope")),
    Bad(
        "gateway to test without its settings",
        3,
        r"gateway 'twilio' is not configured",
        call=("gateways", "test", "twilio"),
    ),
    Bad("init in a file's place", 3, r"^sale.yaml: is in the way", call=("init", "sale.yaml")),
    Bad("text that is none", 3, r"byte 0xFF is not UTF-8", call=("count", "-"), stdin=b"\xff\xfe\xfa"),
    Bad("folder to check missing", 3, r"^no/such: no such file", call=("check", "no/such")),
]


TABLE = [*CAMPAIGN_FILE, *TEMPLATES, *CONTACTS, *SETTINGS, *LEDGERS, *ARGUMENTS]


def well_told(done: Ran) -> None:
    """A sentence for people: no traceback, no defect, nothing on stdout that looks like a result."""
    assert "Traceback" not in done.err
    assert "defect" not in done.err
    assert "s3cr3t" not in done.err + done.out
    assert done.err.strip()


def without_room(kilobytes: str, *arguments: str) -> None:
    """The command in this process, which can write no file above a size. A sender gives the ledger half a minute to
    recover; this one gives it a second."""
    import resource

    from a2pcli.cli.main import run
    from a2pcli.sending import insisting, timing

    insisting.LEDGER_PAUSES = timing.LEDGER_PAUSES = (0.1, 0.3, 0.5)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(kilobytes) * 1024,) * 2)
    run(arguments)
