"""Choice of subscriptions: those that a person means by numbers of the list or by words."""

from collections.abc import Sequence

from bot.actions.refused import Refused
from bot.actions.subscriptions import SubscriptionRefusal
from bot.errors import QueryError
from bot.matching.query.parser import parse, split_queries
from bot.matching.query.printer import format_query
from bot.storage.subscriptions import Subscription

LONGEST_SHOWN = 100  # characters of a label that was not found


def choose(subscriptions_: Sequence[Subscription], typed: str) -> list[Subscription]:
    """Return the subscriptions with the numbers that were typed (1 is the first), or with the words between commas.

    Refused if a number or a query has no subscription.
    """
    numbers = typed.replace(",", " ").replace("،", " ").split()
    if all(number.isdecimal() for number in numbers):
        return [numbered(subscriptions_, number) for number in dict.fromkeys(numbers)]
    return [_named(subscriptions_, label) for label in dict.fromkeys(split_queries(typed))]


def choose_single(subscriptions_: Sequence[Subscription], typed: str) -> Subscription:
    """Return the subscription with the number or the words that were typed; Refused if there is none, or several."""
    chosen = choose(subscriptions_, typed.strip())
    if len(chosen) != 1:
        raise Refused(SubscriptionRefusal.SINGLE_ONLY)
    return chosen[0]


def numbered(subscriptions_: Sequence[Subscription], typed: str) -> Subscription:
    """Return the subscription with a number of the list; Refused if there is none, or no number was typed."""
    if not typed.isdecimal():
        raise Refused(SubscriptionRefusal.NUMBER_FIRST)
    number, count = int(typed[:9]), len(subscriptions_)
    if not 1 <= number <= count:
        raise Refused(SubscriptionRefusal.NO_SUCH_NUMBER, number=typed[:9], count=count)
    return subscriptions_[number - 1]


def _named(subscriptions_: Sequence[Subscription], label: str) -> Subscription:
    text = label.strip().casefold()
    try:
        canonical = format_query(parse(label)).casefold()
    except QueryError:
        canonical = text
    for subscription in subscriptions_:
        if subscription.label.strip().casefold() == text or subscription.text.casefold() in (text, canonical):
            return subscription
    raise Refused(SubscriptionRefusal.NOT_WATCHED, label=label[:LONGEST_SHOWN])
