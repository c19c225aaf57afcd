"""Stories: the clustering as the bot runs it, which takes the places of headlines from the gazetteer."""

from bot.matching.gazetteer.namesakes import is_other_thing, is_person
from bot.matching.gazetteer.places import country_of, mentions
from bot.matching.text.analysis import Text
from bot.stories.cluster import Clusterer

ORGANISATIONS = frozenset({"UN", "EU", "NATO"})  # names of the gazetteer that are of no place


def new_clusterer() -> Clusterer:
    """Return an empty clusterer that knows places."""
    return Clusterer(places=places, related=related)


def places(title: str, language: str | None) -> tuple[str, ...]:
    """Return the concepts of the places that a title names, without those in names of clubs, papers and people."""
    text = Text(title)
    found: dict[str, None] = {}
    for mention in mentions(text.tokens, language or ""):
        start, end = mention.start, mention.end
        if is_other_thing(text, start, end, is_city=mention.is_city):
            continue
        if end - start == 1 and is_person(text, start):
            continue
        found |= dict.fromkeys(concept for concept in mention.concepts if concept not in ORGANISATIONS)
    return tuple(found)


def related(first: str, second: str) -> bool:
    """Return whether two concepts are one place, or one is the country of the other."""
    if first == second:
        return True
    return (first == country_of(second)) if "/" in second else (second == country_of(first))
