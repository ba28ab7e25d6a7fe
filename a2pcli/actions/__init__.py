"""What a user can do, one function each, the same for every door: the command line today, a web app tomorrow.

An action takes plain values, opens the ledger of the ``Project`` it is given, does its work, writes its own entry into
the audit trail, and gives back data. What goes wrong is an ``A2PError``. Nothing here prints, exits or asks. Where
only a person may decide, the caller hands in a function: it is called with what is to be decided before anything is
changed, and raises ``Refused`` for a no.
"""
