"""Suggestions: other forms of a query that found nothing in the last week, or too much, chosen by what they find."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.matching.engine.document import PLACE
from bot.matching.gazetteer import places
from bot.matching.query.ast import Expr, Language, leaves
from bot.matching.query.parser import parse
from bot.matching.query.printer import format_query
from bot.matching.text.analysis import Case, is_small_word, tokens
from bot.search.budget import Allowance
from bot.search.recent import DAYS, RecentEntry, RecentMatches, Week
from bot.search.variants import narrower, wider

EXCLUDED = re.compile(r" NOT (\w+)(?=[ )]|$)")
MANY = 50  # stories a day: nobody reads more
MOST = MANY * DAYS.days  # stories of a week
OFFERED = 3
BESIDE = 3  # places, and as many other names, that are tried as additions to a query
# Shares of the entries found that an addition must be in: one in fewer leaves little, one in more narrows nothing.
SELDOM, NEARLY_ALL = 0.03, 0.7
MOST_FAR = 24  # forms tried that are two changes away
SAMPLE = 500  # entries searched for additions
JUDGED = 200  # entries judged in full for one form: a form that needs more is not offered
SHORTEST = 4  # letters of a name that is tried as an addition


@dataclass(frozen=True, slots=True)
class Form:
    """Another form of a query, as it is typed, and its number of stories in the week."""

    text: str
    stories: int


async def advise(week: Week, expr: Expr, found: RecentMatches, allowance: Allowance | None = None) -> list[Form]:
    """Return wider forms of a query that found nothing, narrower forms of one that found too much, else none."""
    stories = week.stories(found.entries)
    if not found.entries and found.is_whole:
        near = wider(expr)
        far = list(dict.fromkeys(farther for form in near for farther in wider(form)))[:MOST_FAR]
        return await _with_stories(week, near, MOST, allowance) or await _with_stories(week, far, MOST, allowance)
    if stories <= MOST:
        return []
    if allowance is not None and allowance.is_spent:
        return []
    additions = await _additions(week, expr, found.entries)
    return await _with_stories(week, narrower(expr, additions), int(NEARLY_ALL * stories), allowance)


async def _with_stories(week: Week, exprs: Sequence[Expr], most: int, allowance: Allowance | None) -> list[Form]:
    """Return the first OFFERED forms that find one to `most` stories, in their order."""
    found = zip(exprs, await week.find(exprs, judged=JUDGED, allowance=allowance), strict=True)
    forms = [Form(_typed(expr), week.stories(matches.entries)) for expr, matches in found if matches.is_whole]
    return [form for form in forms if 0 < form.stories <= most][:OFFERED]


async def _additions(week: Week, expr: Expr, found: Sequence[RecentEntry]) -> list[str]:
    """Return places and other names that many of the entries have, but not nearly all."""
    texts = [leaf.text for leaf in leaves(expr) if not isinstance(leaf, Language)]
    own = {concept for text in texts for concept in places.concepts(text)}
    own |= {places.country_of(concept) for concept in own}
    words = {token.folded for text in texts for token in tokens(text)}
    sample = found[:SAMPLE]
    few, many = SELDOM * len(sample), NEARLY_ALL * len(sample)
    named, others = await week.companions(sample)
    nearby = [places.name_of(key.removeprefix(PLACE)) for key, count in named if few <= count <= many]
    known = [name for name in nearby if name and own.isdisjoint(places.concepts(name))]
    new = [
        folded.upper() if case is Case.UPPER else folded.title()
        for (folded, case), count in others
        if few <= count <= many and folded not in words and _is_distinctive(folded)
    ]
    return known[:BESIDE] + new[:BESIDE]


def _is_distinctive(folded: str) -> bool:
    return len(folded) >= SHORTEST and folded.isalpha() and not is_small_word(folded) and not places.is_name(folded)


def _typed(expr: Expr) -> str:
    """Return the text of a query as people type it: "-word" for an exclusion of one word."""
    text = format_query(expr)
    short = EXCLUDED.sub(r" -\1", text)
    return short if parse(short) == expr else text
