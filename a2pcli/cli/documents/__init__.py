"""What each command prints with ``--json``: one place for the documentation, the JSON Schema and the test.

``VERSION`` goes up when a key changes its meaning or goes away; new keys do not change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

VERSION = 2
"""Every document begins with it, under ``schema``."""


def documents() -> Mapping[str, tuple[type, ...]]:
    """The documents that each command prints; several where it depends on what happened."""
    from a2pcli.cli.documents import (
        conversations,
        events,
        explained,
        others,
        otp,
        people_lists,
        plans,
        receipts,
        runs,
        surveys,
        templates,
    )

    return {
        "init": (others.Init,),
        "check": (plans.Check,),
        "preview": (plans.Preview,),
        "draft": (conversations.Drafted,),
        "plan": (plans.Plan,),
        "send": (runs.Sent, runs.NothingToSend, plans.Plan, runs.TestMessage),
        "runs": (runs.Runs,),
        "report": (runs.Report, runs.NoRun),
        "receipts import": (receipts.ReceiptsImport,),
        "receipts pull": (receipts.Pull,),
        "replies pull": (receipts.Pull,),
        "cancel": (runs.Cancelled,),
        "explain": (explained.Explained,),
        "retry": (runs.Retried,),
        "reconcile": (runs.Reconciled,),
        "count": (others.Count, others.CountCharacters),
        "gateways": (others.Gateways,),
        "gateways add": (others.GatewayAdded,),
        "gateways show": (others.GatewayShown,),
        "gateways test": (others.GatewayTest,),
        "templates sync": (templates.TemplatesSynced,),
        "templates list": (templates.Templates,),
        "contacts check": (others.ContactsCheck,),
        "contacts reach": (templates.Reached,),
        "replies check": (conversations.RulesChecked,),
        "replies test": (conversations.ReplyTried,),
        "replies usage": (conversations.BotsUsed,),
        "inbox list": (conversations.Inbox,),
        "inbox show": (conversations.ConversationShown,),
        "inbox reply": (conversations.ConversationReplied,),
        "inbox assign": (conversations.ConversationChanged,),
        "inbox close": (conversations.ConversationChanged,),
        "survey check": (surveys.SurveysChecked,),
        "survey start": (surveys.SurveyStarted,),
        "survey list": (surveys.SurveyList,),
        "survey results": (surveys.SurveyResult,),
        "otp send": (otp.CodeSent,),
        "otp verify": (otp.CodeEntered,),
        "trigger": (events.Triggered,),
        "optout add": (people_lists.Added,),
        "optout remove": (people_lists.Removed,),
        "optout list": (people_lists.Suppressions,),
        "optout import": (people_lists.OptOutImport,),
        "optout export": (people_lists.Exported,),
        "optout check": (people_lists.OptOutCheck,),
        "optout reply": (people_lists.Reply,),
        "optout replies": (people_lists.Replies,),
        "consent record": (people_lists.ConsentRecorded,),
        "consent import": (people_lists.ConsentImport,),
        "consent show": (people_lists.ConsentShown,),
        "consent list": (people_lists.Consents,),
        "consent export": (people_lists.ConsentsExported,),
        "consent revoke": (people_lists.ConsentRevoked,),
        "audit list": (others.AuditList,),
        "audit verify": (others.AuditVerified,),
        "prune": (others.Pruned,),
        "people export": (others.PersonExported,),
        "people erase": (others.PersonErased,),
        "schema": (others.SchemaWritten,),
        "ledger create": (others.LedgerChanged,),
        "ledger accept": (others.LedgerChanged,),
        "ledger check": (others.LedgerChecked,),
        "ledger query": (others.LedgerAnswer, others.LedgerViews),
        "ledger encrypt": (others.LedgerChanged,),
        "ledger decrypt": (others.LedgerChanged,),
        "ledger rekey": (others.LedgerChanged,),
    }


def output_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12): a definition of each document, and under ``commands`` which command prints which."""
    from pydantic import TypeAdapter

    from a2pcli.cli.documents.shapes import Failure

    printed = documents()
    kinds = {kind.__name__: kind for some in printed.values() for kind in some} | {"Failure": Failure}
    adapters: list[Any] = [(name, "serialization", TypeAdapter(kind)) for name, kind in kinds.items()]
    _, schema = TypeAdapter.json_schemas(adapters, ref_template="#/$defs/{model}")
    definitions: dict[str, Any] = schema["$defs"]
    for name, definition in definitions.items():
        if definition.get("type") == "object" and "properties" in definition:
            definition["additionalProperties"] = False
            if name in kinds:
                version = {"const": VERSION, "description": "version of the documents"}
                definition["properties"] = {"schema": version, **definition["properties"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "what a2pcli prints with --json",
        "version": VERSION,
        "commands": {
            command: {"anyOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in (*some, Failure)]}
            for command, some in printed.items()
        },
        "$defs": definitions,
    }
