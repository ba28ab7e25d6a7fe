"""Twilio stands in ``gateways.providers.twilio``; this name stays for those who import it."""

from a2pcli.gateways.providers.twilio import TwilioBlock, TwilioGateway, TwilioProvider

__all__ = ["TwilioBlock", "TwilioGateway", "TwilioProvider"]
