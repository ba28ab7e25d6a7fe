"""Addresses: phone numbers, email addresses and chat ids, and where their owners are.

``kinds`` lists the kinds of address and compares, masks and keys them; ``columns`` reads whole columns. ``phone/``
validates phone numbers by the numbering plans of libphonenumber and repairs what spreadsheets did to them; ``email``
and ``handle`` are the other kinds. ``zones/`` finds a recipient's country, region and time zones. Everything else in
a2pcli asks this package. Start reading at ``kinds.py``."""
