"""The types of gateways that come with a2pcli. The settings know their names without importing any of them."""

from __future__ import annotations

GROUP = "a2pcli.gateways"
"""The entry points of all gateways, those of other packages too."""

BUILT_IN: dict[str, tuple[str, str]] = {
    "outbox": (
        "a2pcli.gateways.outbox:OutboxGateway",
        "Writes messages to a JSON-lines file; sends nothing",
    ),
    "console": ("a2pcli.gateways.console:ConsoleGateway", "Prints messages; sends nothing"),
    "simulator": (
        "a2pcli.gateways.simulator:SimulatorGateway",
        "Behaves like a provider, with delays and errors; sends nothing",
    ),
    "http": ("a2pcli.gateways.http.gateway:DeclarativeHttpGateway", "Any HTTP API, described in YAML"),
    "twilio": (
        "a2pcli.gateways.providers.twilio:TwilioGateway",
        "Twilio Programmable Messaging: SMS, MMS, WhatsApp templates, RCS texts",
    ),
    "vonage": (
        "a2pcli.gateways.providers.vonage:VonageGateway",
        "Vonage: SMS, by the SMS API or the Messages API; MMS, WhatsApp, RCS and Viber by the latter",
    ),
    "infobip": (
        "a2pcli.gateways.providers.infobip:InfobipGateway",
        "Infobip: SMS, WhatsApp, Viber, RCS, MMS, in batches",
    ),
    "sinch": ("a2pcli.gateways.providers.sinch:SinchGateway", "Sinch: SMS and MMS"),
    "telnyx": (
        "a2pcli.gateways.providers.telnyx:TelnyxGateway",
        "Telnyx: SMS and MMS, with an idempotency key",
    ),
    "plivo": ("a2pcli.gateways.providers.plivo:PlivoGateway", "Plivo: SMS and MMS"),
    "kannel": (
        "a2pcli.gateways.providers.kannel:KannelGateway",
        "Kannel: SMS by your own Kannel's sendsms",
    ),
    "bird": ("a2pcli.gateways.providers.bird:BirdGateway", "Bird (MessageBird): SMS and MMS"),
    "bandwidth": ("a2pcli.gateways.providers.bandwidth:BandwidthGateway", "Bandwidth: SMS and MMS"),
    "clickatell": (
        "a2pcli.gateways.providers.clickatell:ClickatellGateway",
        "Clickatell: SMS, in batches",
    ),
    "africastalking": (
        "a2pcli.gateways.providers.africastalking:AfricasTalkingGateway",
        "Africa's Talking: SMS",
    ),
    "linkmobility": (
        "a2pcli.gateways.providers.linkmobility:LinkMobilityGateway",
        "LINK Mobility: SMS, in batches",
    ),
    "portatext": ("a2pcli.gateways.providers.portatext:PortaTextGateway", "PortaText: SMS"),
    "jasmin": ("a2pcli.gateways.providers.jasmin:JasminGateway", "Jasmin: SMS by your own Jasmin's HTTP API"),
    "smtp": ("a2pcli.gateways.smtp.gateway:SmtpGateway", "Email by SMTP, over a relay (extra `email`)"),
    "postmark": ("a2pcli.gateways.providers.postmark:PostmarkGateway", "Postmark: email, in batches"),
    "ses": ("a2pcli.gateways.providers.ses:SesGateway", "Amazon SES v2: email (extra `aws`)"),
    "aws_sms": (
        "a2pcli.gateways.providers.aws_sms:AwsSmsGateway",
        "AWS End User Messaging: SMS and MMS (extra `aws`)",
    ),
    "sns": ("a2pcli.gateways.providers.sns:SnsGateway", "Amazon SNS: SMS (extra `aws`)"),
    "whatsapp": (
        "a2pcli.gateways.providers.whatsapp:WhatsAppGateway",
        "WhatsApp Business Cloud API: templates, and free text in the service window",
    ),
    "rbm": ("a2pcli.gateways.providers.rbm:RbmGateway", "RCS for Business by Google (extra `rcs`)"),
    "telegram": (
        "a2pcli.gateways.providers.telegram:TelegramGateway",
        "Telegram, by a bot: texts, pictures, buttons",
    ),
    "messenger": (
        "a2pcli.gateways.providers.messenger:MessengerGateway",
        "Messenger (Meta), for a page: texts, cards, buttons",
    ),
    "viber": ("a2pcli.gateways.providers.viber:ViberGateway", "Viber, by a bot: texts, pictures, a button"),
    "apprise": (
        "a2pcli.gateways.apprise:AppriseGateway",
        "Any of apprise's services, by URL (extra `apprise`)",
    ),
    "smpp": ("a2pcli.gateways.smpp:smpp_gateway", "SMPP 3.4, straight to an operator (extra `smpp`)"),
}
"""Reserved type: where it lives, and the line ``a2pcli gateways`` shows. The targets are entry points too."""

BUILT_IN_GATEWAYS = ("outbox", "console")
"""Gateways that need no settings: their names work without being configured."""


def type_names() -> frozenset[str]:
    """Every type that a block can name, those of other packages too. Imports none of them."""
    from importlib.metadata import entry_points

    return frozenset((*BUILT_IN, *(point.name for point in entry_points(group=GROUP))))


CONFIRM_THEMSELVES = frozenset({"twilio", "telnyx", "plivo", "aws_sms", "sns", "bandwidth"})
"""Types whose providers confirm STOP and answer HELP unless that is switched off there: twilio.com/docs (opt-out
keywords), developers.telnyx.com (advanced opt-in/out), docs.aws.amazon.com/sms-voice (self-managed opt-outs); for
Plivo and Bandwidth it depends on the number, so it is assumed."""

OLD_CA = "ca_file"
"""What the key ``ca`` was called in blocks of type smpp; it is still taken."""
