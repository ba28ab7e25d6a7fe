"""The usual script for a newsletter: csv, jinja2, an inliner of styles, EmailMessage and smtplib over one connection.

    python benchmarks/usual_email_script.py contacts.csv PORT css-inline|premailer|finished

One row after the other: it checks the address with a regular expression, skips duplicates, renders HTML and text,
writes the styles into the elements, and sends. It keeps no ledger. ``finished`` makes one email and sends it again and
again, which is the part that nobody's campaign can do without.
"""

from __future__ import annotations

import csv
import re
import smtplib
import sys
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from itertools import repeat
from pathlib import Path

import jinja2

HERE = Path(__file__).resolve().parent
SENDER = "Example Outdoor <news@shop.example.com>"
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def inliner(name: str) -> Callable[[str], str]:
    if name == "premailer":
        import logging

        import premailer

        whole: Callable[[str], str] = premailer.Premailer(
            cssutils_logging_level=logging.CRITICAL, disable_validation=True
        ).transform
        return whole
    import css_inline

    made: Callable[[str], str] = css_inline.CSSInliner(load_remote_stylesheets=False).inline
    return made


def recipients(contacts: str) -> Iterator[dict[str, str]]:
    seen: set[str] = set()
    with open(contacts, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            to = row["email"].strip()
            if ADDRESS.fullmatch(to) and to.lower() not in seen:
                seen.add(to.lower())
                yield row


def emails(contacts: str, inline: Callable[[str], str]) -> Iterator[EmailMessage]:
    html = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(
        (HERE / "newsletter.html").read_text()
    )
    text = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(
        (HERE / "newsletter.txt").read_text()
    )
    for row in recipients(contacts):
        email = EmailMessage()
        email["From"], email["To"] = SENDER, row["email"].strip()
        email["Subject"] = f"{row['first_name']}, the autumn sale begins"
        email["Date"], email["Message-ID"] = formatdate(), make_msgid(domain="shop.example.com")
        email["Reply-To"] = "help@shop.example.com"
        email["List-Unsubscribe"] = f"<https://shop.example.com/leave?c={row['customer_id']}>"
        email["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        email.set_content(text.render(**row))
        email.add_alternative(inline(html.render(**row)), subtype="html")
        yield email


def main(contacts: str, port: int, how: str) -> None:
    made = emails(contacts, inliner(how))
    if how == "finished":
        made = repeat(next(made), sum(1 for _ in recipients(contacts)))
    sent = 0
    with smtplib.SMTP("127.0.0.1", port) as server:
        for email in made:
            server.send_message(email)
            sent += 1
    print(sent)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
