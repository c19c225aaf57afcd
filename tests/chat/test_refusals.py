from collections import Counter

from bot.actions.aliases import AliasRefusal
from bot.actions.people import PeopleRefusal
from bot.actions.sources import SourceRefusal
from bot.actions.subscriptions import SubscriptionRefusal, UnreadableQuery
from bot.chat.refusals import SENTENCES, sentence
from bot.locales import words

REASONS = [reason for kinds in (AliasRefusal, PeopleRefusal, SourceRefusal, SubscriptionRefusal) for reason in kinds]


def test_every_refusal_has_a_sentence_and_no_two_are_one_key() -> None:
    assert set(Counter(str(reason) for reason in REASONS).values()) == {1}  # a StrEnum is equal to its text
    assert set(SENTENCES) == set(REASONS) - {SubscriptionRefusal.UNREADABLE}


def test_a_mistake_in_a_query_is_shown_at_its_place() -> None:
    refused = UnreadableQuery("a" * 50 + " <AND", 51, "Write a word.")
    shown = str(sentence(refused, words("en")))
    assert shown == f"Write a word.\n<code>{'a' * 39} </code>👉<code>&lt;AND</code>"
