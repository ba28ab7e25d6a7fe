"""Contacts files: tables of every kind, read as chunks of text columns.

``source`` opens a file or standard input, ``table`` gives its rows as chunks, whatever the format: CSV in any encoding
and dialect, workbooks (xlsx, xlsb, xls, ods), Parquet, JSON lines. ``columns`` matches headers to names,
and ``facts`` recognises columns about consent, opt-outs and places. Nothing here decides who gets a message.
Start reading at ``table.py``.
"""
