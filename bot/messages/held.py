"""The message that says how much news is held for a chat, because it had its alerts of this hour."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bot.locales import Words
from bot.messages.callbacks import HeldAct, HeldButton
from bot.messages.safe_text import clean, clip
from bot.models import Button, Message

NAMED = 5  # subscriptions in the text; the rest is in the sum
LABEL, KEY = 60, 24  # code points of a label in the text and on a button


@dataclass(frozen=True, slots=True)
class HeldNews:
    """The number of stories that wait for one of a chat's instant subscriptions."""

    subscription_id: int
    label: str
    stories: int


def held_message(held: Sequence[HeldNews], words: Words, *, alerts: int, has_buttons: bool) -> Message:
    """Return the message: what waits, the most first, and what may be done about it."""
    total = sum(news.stories for news in held)
    waiting = words.say(", ").join(
        Markup("{} {}").format(news.stories, words.isolate(clip(clean(news.label), LABEL))) for news in held[:NAMED]
    )
    first = words.say_many("<b>{number} alert in an hour.</b>", "<b>{number} alerts in an hour.</b>", alerts)
    second = words.say_many("{number} more waits: {terms}", "{number} more wait: {terms}", total, terms=waiting)
    return Message(first + " " + second, _buttons(held, words) if has_buttons else ())


def _buttons(held: Sequence[HeldNews], words: Words) -> tuple[tuple[Button, ...], ...]:
    _, most = words.gettext, held[0]
    hourly = _("{label} hourly").format(label=words.isolate(clip(clean(most.label), KEY)))
    return (
        (HeldButton(HeldAct.SHOW).labelled(_("Show them now")),),
        (
            HeldButton(HeldAct.HOURLY, most.subscription_id).labelled(hourly),
            HeldButton(HeldAct.DIGEST).labelled(_("Digest only")),
        ),
    )
