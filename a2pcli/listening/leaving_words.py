"""The words of the page to unsubscribe, in several languages."""

from __future__ import annotations

from a2pcli.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """Sentences with ``{who}`` (a masked address) and ``{what}`` (a programme)."""

    title: str
    asked: str
    asked_all: str
    button: str
    done_title: str
    done: str
    done_all: str
    later: str
    bad_title: str
    bad: str
    busy: str


WORDS = {
    "en": Words(
        "Unsubscribe",
        "Do you want to get no more messages of “{what}” at {who}?",
        "Do you want to get no more messages at {who}?",
        "Unsubscribe",
        "You are unsubscribed",
        "{who} gets no more messages of “{what}”.",
        "{who} gets no more messages.",
        "A message that is already on its way may still arrive.",
        "This link does not work",
        "It is incomplete or no longer valid. Please open it again from the message.",
        "This could not be saved just now. Please try again in a minute.",
    ),
    "de": Words(
        "Abmelden",
        "Möchten Sie an {who} keine Nachrichten von „{what}“ mehr erhalten?",
        "Möchten Sie an {who} keine Nachrichten mehr erhalten?",
        "Abmelden",
        "Sie sind abgemeldet",
        "{who} erhält keine Nachrichten von „{what}“ mehr.",
        "{who} erhält keine Nachrichten mehr.",
        "Eine Nachricht, die schon unterwegs ist, kann noch ankommen.",
        "Dieser Link funktioniert nicht",
        "Er ist unvollständig oder nicht mehr gültig. Bitte öffnen Sie ihn noch einmal aus der Nachricht.",
        "Das konnte gerade nicht gespeichert werden. Bitte versuchen Sie es in einer Minute noch einmal.",
    ),
    "fr": Words(
        "Se désabonner",
        "Voulez-vous ne plus recevoir les messages de « {what} » à {who} ?",
        "Voulez-vous ne plus recevoir de messages à {who} ?",
        "Se désabonner",
        "Vous êtes désabonné(e)",
        "{who} ne recevra plus les messages de « {what} ».",
        "{who} ne recevra plus de messages.",
        "Un message déjà en route peut encore arriver.",
        "Ce lien ne fonctionne pas",
        "Il est incomplet ou n’est plus valable. Veuillez l’ouvrir à nouveau depuis le message.",
        "L’enregistrement a échoué. Veuillez réessayer dans une minute.",
    ),
    "es": Words(
        "Darse de baja",
        "¿Quiere dejar de recibir los mensajes de «{what}» en {who}?",
        "¿Quiere dejar de recibir mensajes en {who}?",
        "Darme de baja",
        "Se ha dado de baja",
        "{who} ya no recibirá mensajes de «{what}».",
        "{who} ya no recibirá mensajes.",
        "Un mensaje que ya está en camino aún puede llegar.",
        "Este enlace no funciona",
        "Está incompleto o ya no es válido. Ábralo de nuevo desde el mensaje.",
        "No se ha podido guardar. Inténtelo de nuevo dentro de un minuto.",
    ),
    "it": Words(
        "Annulla l’iscrizione",
        "Non vuole più ricevere i messaggi di «{what}» a {who}?",
        "Non vuole più ricevere messaggi a {who}?",
        "Annulla l’iscrizione",
        "Iscrizione annullata",
        "{who} non riceverà più messaggi di «{what}».",
        "{who} non riceverà più messaggi.",
        "Un messaggio già inviato può ancora arrivare.",
        "Questo link non funziona",
        "È incompleto o non più valido. Lo apra di nuovo dal messaggio.",
        "Non è stato possibile salvare. Riprovi tra un minuto.",
    ),
    "pt": Words(
        "Cancelar a subscrição",
        "Deseja deixar de receber as mensagens de “{what}” em {who}?",
        "Deseja deixar de receber mensagens em {who}?",
        "Cancelar a subscrição",
        "Subscrição cancelada",
        "{who} não receberá mais mensagens de “{what}”.",
        "{who} não receberá mais mensagens.",
        "Uma mensagem já enviada ainda pode chegar.",
        "Este link não funciona",
        "Está incompleto ou já não é válido. Abra-o novamente a partir da mensagem.",
        "Não foi possível guardar. Tente novamente dentro de um minuto.",
    ),
    "nl": Words(
        "Uitschrijven",
        "Wilt u op {who} geen berichten van ‘{what}’ meer ontvangen?",
        "Wilt u op {who} geen berichten meer ontvangen?",
        "Uitschrijven",
        "U bent uitgeschreven",
        "{who} ontvangt geen berichten van ‘{what}’ meer.",
        "{who} ontvangt geen berichten meer.",
        "Een bericht dat al onderweg is, kan nog aankomen.",
        "Deze link werkt niet",
        "De link is onvolledig of niet meer geldig. Open hem opnieuw vanuit het bericht.",
        "Dit kon nu niet worden opgeslagen. Probeer het over een minuut opnieuw.",
    ),
}


def language_of(accepted: str) -> str:
    """The language that a browser's ``Accept-Language`` wants most, of those that there are; English otherwise.

    >>> language_of("fr-CH, fr;q=0.9, en;q=0.8"), language_of("ja, de;q=0.2"), language_of("de;q=0"), language_of("")
    ('fr', 'de', 'en', 'en')
    """
    wanted: list[tuple[float, str]] = []
    for one in accepted[:500].split(","):
        name, _, rest = one.partition(";")
        try:
            weight = float(rest.strip().removeprefix("q=")) if rest else 1.0
        except ValueError:
            continue
        language = name.strip().lower().partition("-")[0]
        if language in WORDS and weight > 0:
            wanted.append((-weight, language))
    return min(wanted, key=lambda one: one[0])[1] if wanted else "en"
