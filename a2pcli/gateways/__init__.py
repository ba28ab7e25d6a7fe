"""Gateways: the providers that messages are sent through.

``base`` defines what a gateway is: it takes a batch and says for each message accepted, rejected, not sent or unknown.
``engine`` sends HTTP requests for ``providers`` (one file each) and for ``http``, any API described in YAML.
``callbacks`` is what a provider tells by calling a URL of ours.
``outbox``, ``console`` and ``simulator`` send nothing, for rehearsals and tests. ``registry`` makes a gateway from
settings; ``testing`` has the contract that each one passes. Start reading at ``base.py``.
"""
