"""Refusals: the sentence for each reason why an admin's action was not carried out."""

from enum import StrEnum

from markupsafe import Markup

from bot.actions.refused import Refused
from bot.actions.sources import SourceRefusal
from bot.locales import Words


def _(sentence: str) -> str:
    """Mark a sentence for the catalogue; it is looked up in the reader's language."""
    return sentence


SENTENCES: dict[StrEnum, str] = {
    SourceRefusal.ALREADY_ADDED: _("That source is there already: /sources"),
    SourceRefusal.BROKEN_FEED: _("That page names a feed that does not work."),
    SourceRefusal.NOT_FOUND: _("Say which one by its number in /sources."),
    SourceRefusal.REMOVED: _("That source is not there any more: /sources"),
}


def sentence(refused: Refused, words: Words) -> Markup:
    """Return the sentence for a refusal in the reader's language."""
    return words.say(SENTENCES[refused.reason], **refused.values)
