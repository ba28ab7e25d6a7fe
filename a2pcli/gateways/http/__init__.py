"""``type: http``: a gateway for any HTTP API, described in YAML instead of code.

``declared`` is the block in the settings and its checks; ``templating`` fills in a request, within the bounds of
``bounded_templates``; ``answers`` reads what comes back. ``gateway`` puts them together: start reading there.
"""
