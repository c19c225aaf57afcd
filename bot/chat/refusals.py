"""Refusals: the table from the reason why an action was refused to its sentence."""

from enum import Enum

from markupsafe import Markup

from bot.actions.refused import Refused
from bot.actions.subscriptions import SubscriptionRefusal, UnreadableQuery
from bot.chat.admin import refusals as admin
from bot.locales import Words

AROUND = 40  # characters shown on each side of a mistake in a query


def _(sentence: str) -> str:
    """Mark a sentence for the catalogue; it is translated for the reader."""
    return sentence


SENTENCES: dict[Enum, str] = {
    SubscriptionRefusal.TOO_MANY_AT_ONCE: _("That is too many at once: send up to {most}."),
    SubscriptionRefusal.NO_ROOM: _("You can watch {most} things at most. Remove some first: /list"),
    SubscriptionRefusal.NO_SUCH_NUMBER: _("There is no number {number} in your list of {count}: /list"),
    SubscriptionRefusal.NUMBER_FIRST: _("Say which one by its number in /list, like this: /edit 2 Aleppo"),
    SubscriptionRefusal.NOT_WATCHED: _("You are not watching <b>{label}</b>: /list"),
    SubscriptionRefusal.SINGLE_ONLY: _("Name one of them, like this: /latest Idlib"),
    SubscriptionRefusal.GONE: _("You are not watching that any more: /list"),
    SubscriptionRefusal.WATCHED_ALREADY: _("You are already watching <b>{label}</b>"),
    **admin.SENTENCES,
}


def sentence(refused: Refused, words: Words) -> Markup:
    """Return the sentence for a refusal in the reader's language."""
    if isinstance(refused, UnreadableQuery):
        return _unreadable(refused)
    return words.say(SENTENCES[refused.reason], **refused.values)


def _unreadable(query: UnreadableQuery) -> Markup:
    """Return the mistake, and the query around its place."""
    label, at = query.label, min(query.position, len(query.label))
    before, after = label[:at][-AROUND:], label[at:][:AROUND] or " "  # enough to find the place
    shown = Markup("<code>{before}</code>👉<code>{after}</code>").format(before=before, after=after)
    return Markup("{reason}\n{shown}").format(reason=query.mistake, shown=shown)
