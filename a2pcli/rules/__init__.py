"""The rules that decide whether a message may be sent, as data and pure functions. No database.

``law`` loads the rules of each country from ``data/law`` with their sources; ``clock`` and ``windows`` answer when a
message may be sent; ``senders`` says which sender a destination accepts; ``copy*`` check the wording; ``keywords`` and
``consent_words`` understand replies and answers. Start reading at ``law.py`` and ``clock.py``.
"""
