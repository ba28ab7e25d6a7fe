"""Gateways: the providers a message can leave through."""
