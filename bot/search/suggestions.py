"""Advice: for a query that found nothing in a week, or too much, other forms of it that the week had."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.matching.engine.document import PLACE
from bot.matching.gazetteer import places
from bot.matching.query.ast import Expr, Language, leaves
from bot.matching.query.parser import parse
from bot.matching.query.printer import format_query
from bot.matching.text.analysis import Case, is_small_word, tokens
from bot.search.recent import DAYS, Answer, Held, Week
from bot.search.variants import narrower, wider

EXCLUDED = re.compile(r" NOT (\w+)(?=[ )]|$)")
MANY = 50  # stories a day: more is nobody's interest
MOST = MANY * DAYS.days  # stories of a week
OFFERED = 3
BESIDE = 3  # places, and as many other names, that are tried beside a query
SELDOM, NEARLY_ALL = 0.03, 0.7  # of what the query found: what fewer have leaves little, what more have tells nothing
MOST_FAR = 24  # forms two steps away are tried
SAMPLE = 500  # entries are asked what else they name
JUDGED = 200  # entries are judged for one form: one that would take more is not offered
SHORTEST = 4  # letters of a name that is tried


@dataclass(frozen=True, slots=True)
class Form:
    """Another form of a query, as it is typed, and how many stories the week had for it."""

    text: str
    stories: int


async def advise(week: Week, expr: Expr, found: Answer) -> list[Form]:
    """Return wider forms of a query that found nothing, narrower ones of one that found too much, else none."""
    stories = week.stories(found.held)
    if not found.held and found.is_whole:
        near = wider(expr)
        far = list(dict.fromkeys(farther for one in near for farther in wider(one)))[:MOST_FAR]
        return await _with_stories(week, near, MOST) or await _with_stories(week, far, MOST)
    if stories <= MOST:
        return []
    return await _with_stories(week, narrower(expr, await _beside(week, expr, found.held)), int(NEARLY_ALL * stories))


async def _with_stories(week: Week, exprs: Sequence[Expr], most: int) -> list[Form]:
    """Return the forms that find something, and no more than `most`, in their order."""
    found = zip(exprs, await week.find(exprs, judged=JUDGED), strict=True)
    forms = [Form(_typed(expr), week.stories(one.held)) for expr, one in found if one.is_whole]
    return [form for form in forms if 0 < form.stories <= most][:OFFERED]


async def _beside(week: Week, expr: Expr, found: Sequence[Held]) -> list[str]:
    """Return the places and other names that many of the entries have, but not nearly all."""
    texts = [leaf.text for leaf in leaves(expr) if not isinstance(leaf, Language)]
    own = {concept for text in texts for concept in places.concepts(text)}
    own |= {places.country_of(concept) for concept in own}
    words = {token.folded for text in texts for token in tokens(text)}
    sample = found[:SAMPLE]
    few, many = SELDOM * len(sample), NEARLY_ALL * len(sample)
    named, others = await week.companions(sample)
    beside = [places.name_of(key.removeprefix(PLACE)) for key, count in named if few <= count <= many]
    known = [name for name in beside if name and own.isdisjoint(places.concepts(name))]
    new = [
        folded.upper() if case is Case.UPPER else folded.title()
        for (folded, case), count in others
        if few <= count <= many and folded not in words and _tells(folded)
    ]
    return known[:BESIDE] + new[:BESIDE]


def _tells(folded: str) -> bool:
    return len(folded) >= SHORTEST and folded.isalpha() and not is_small_word(folded) and not places.is_name(folded)


def _typed(expr: Expr) -> str:
    """Return a query as people type it: an exclusion with its dash."""
    text = format_query(expr)
    short = EXCLUDED.sub(r" -\1", text)
    return short if parse(short) == expr else text
