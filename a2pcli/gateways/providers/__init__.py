"""Providers with a gateway of their own: a file each, pure functions from messages to requests and back.

``common`` has what they share; what their codes mean is in ``gateways.codes``, what their receipts' words mean in
``contacts.data``.
"""
