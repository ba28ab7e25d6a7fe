"""From a campaign and a contacts file to a plan: who gets which message, and who is excluded and why.

``prepare`` compiles the campaign, ``stages`` lists the checks that every row passes, ``workers`` runs them on several
processes, and ``pipeline`` does what depends on other rows. ``plan`` stores the result in the ledger under an id and a
digest. ``check`` finds problems before that, and ``preview`` shows messages without storing anything.
Start reading at ``STAGES`` in ``stages.py``.
"""
