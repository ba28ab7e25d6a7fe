"""Email by SMTP, to a relay that signs (DKIM) and delivers: settings, MIME, the conversation, answers, the gateway."""
