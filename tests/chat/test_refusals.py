from bot.actions.aliases import AliasRefusal
from bot.actions.people import PeopleRefusal
from bot.actions.sources import SourceRefusal
from bot.actions.subscriptions import SubscriptionRefusal, UnreadableQuery
from bot.chat.refusals import SENTENCES, sentence
from bot.locales import words

REASONS = [reason for kinds in (AliasRefusal, PeopleRefusal, SourceRefusal, SubscriptionRefusal) for reason in kinds]


def test_every_refusal_has_a_sentence_of_its_own() -> None:
    assert set(REASONS) - set(SENTENCES) == {SubscriptionRefusal.UNREADABLE}
    assert len(SENTENCES) == len(set(SENTENCES.values())) == len(set(REASONS)) - 1


def test_a_mistake_in_a_query_is_shown_at_its_place() -> None:
    refused = UnreadableQuery("a" * 50 + " <AND", 51, "Write a word.")
    shown = str(sentence(refused, words("en")))
    assert shown == f"Write a word.\n<code>{'a' * 39} </code>👉<code>&lt;AND</code>"
