"""The web service that providers call: a door like the command line. It reads requests, calls actions, and answers.

``app.py`` answers requests, ``storing.py`` hands what they hold to the ledger's thread in batches, ``server.py`` runs
it all until it is told to stop.
"""
