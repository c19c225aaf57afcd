"""Refusals: the sentence for each reason why an admin's action was not carried out."""

from enum import Enum

from bot.actions.aliases import AliasRefusal
from bot.actions.people import PeopleRefusal
from bot.actions.sources import SourceRefusal


def _(sentence: str) -> str:
    """Mark a sentence for the catalogue; it is looked up in the reader's language."""
    return sentence


SENTENCES: dict[Enum, str] = {
    AliasRefusal.TOO_COMMON: _("“{name}” is in {share} of 100 articles: too common to be another name."),
    AliasRefusal.TWO_ALIASES: _(
        "<b>{one}</b> and <b>{other}</b> are two aliases: remove one of them first. /alias shows them."
    ),
    AliasRefusal.TOO_MANY: _("There are {most} aliases, the most there can be. Remove one first."),
    AliasRefusal.IN_FILE: _("<b>{name}</b> stands in the configuration’s file; it can be removed there only."),
    AliasRefusal.NOT_FOUND: _("No alias has <b>{name}</b>: /alias shows them."),
    AliasRefusal.CHANGED: _("That alias was changed since: /alias"),
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
