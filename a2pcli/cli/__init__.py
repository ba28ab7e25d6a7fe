"""The command line.

``commands/`` has a file for each command: it reads options, calls an action and shows the result. ``screens/`` builds
what a terminal shows, ``documents/`` describes what ``--json`` prints, and ``terminal/`` handles streams, questions and
errors. Only this package prints, asks or exits. Start reading at ``app.py`` (the list of commands) and ``main.py``.
"""
