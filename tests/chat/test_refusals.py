from bot.actions.aliases import AliasRefusal
from bot.actions.people import PeopleRefusal
from bot.actions.sources import SourceRefusal
from bot.actions.subscriptions import SubscriptionRefusal
from bot.chat.refusals import SENTENCES


def test_every_refusal_has_a_sentence_of_its_own() -> None:
    reasons = {*AliasRefusal, *PeopleRefusal, *SourceRefusal, *SubscriptionRefusal}
    assert reasons - set(SENTENCES) == {SubscriptionRefusal.UNREADABLE}
    assert len(SENTENCES) == len(set(SENTENCES.values()))
