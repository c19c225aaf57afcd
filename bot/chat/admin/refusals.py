"""Refusals: the sentence for each reason why an admin's action was not carried out."""

from enum import StrEnum

from markupsafe import Markup

from bot.actions.people import PeopleRefusal
from bot.actions.refused import Refused
from bot.actions.sources import SourceRefusal
from bot.locales import Words


def _(sentence: str) -> str:
    """Mark a sentence for the catalogue; it is looked up in the reader's language."""
    return sentence


SENTENCES: dict[StrEnum, str] = {
    PeopleRefusal.INVITATIONS_OFF: _("Invitations count where access.mode is “invite” in the configuration."),
    PeopleRefusal.NUMBER_OF_USES: _(
        "Send /invite for one person, /invite 20 for twenty, /invite many, or /invite list."
    ),
    PeopleRefusal.IS_ADMIN: _("Admins are named in the configuration; they cannot be banned."),
    PeopleRefusal.NOT_BANNED: _("That person is not banned. Banned are: {people}"),
    PeopleRefusal.TOO_LONG: _("Keep it within {most} characters."),
    SourceRefusal.ALREADY_ADDED: _("That source is there already: /sources"),
    SourceRefusal.BROKEN_FEED: _("That page names a feed that does not work."),
    SourceRefusal.NOT_FOUND: _("Say which one by its number in /sources."),
    SourceRefusal.REMOVED: _("That source is not there any more: /sources"),
}


def sentence(refused: Refused, words: Words) -> Markup:
    """Return the sentence for a refusal in the reader's language."""
    return words.say(SENTENCES[refused.reason], **{name: _shown(value) for name, value in refused.values.items()})


def _shown(value: object) -> object:
    """Return a value of a sentence; a tuple is written as a list."""
    return (", ".join(map(str, value)) or "–") if isinstance(value, tuple) else value
