"""The ledger: the only record of what was planned, attempted and sent, in SQLite or PostgreSQL.

``tables`` defines the tables and ``migrations`` upgrades old ledgers; ``chunks`` stores plans as compressed columns,
and ``attempts`` is one row for each message that was claimed. ``one_claim`` decides, in one transaction, who may be
messaged now; ``outcomes`` records what gateways answered. ``holds`` says which process sends a run, ``integrity``
checks everything, and ``views`` is what ``ledger query`` offers. Start reading at ``tables.py`` and ``store.py``."""
