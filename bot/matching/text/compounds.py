"""What Arabic and Persian write as one word or as two: عبدالله and عبد الله, می‌خواهد, می خواهد and میخواهد.

In: the words of a query's name. Out: other ways to write them. In a text a ZWNJ parts two words (see `analysis`), so it
is as good as a space; what stands without either is told here, by a few parts that names and verbs are made with.
"""

from bot.matching.text.analysis import ZWNJ, Token

BEFORE_ARTICLE = ("عبد", "ابو", "ابا", "ابي", "ذو")  # and a word that has the article: عبد الرحمن, أبو الغيط
ARTICLE = "ال"
AFTER = ("الله", "الدين")  # حزب الله, صلاح الدين
PERSIAN_LETTERS = frozenset("یکپچژگ" + ZWNJ)
PERSIAN_BEFORE = ("نمي", "مي")  # as folded, with Arabic's letters
PERSIAN_AFTER = ("هايي", "هاي", "ها")
PERSIAN_AFTER_SPACE = (*PERSIAN_AFTER, "اي")
SHORTEST = 3  # letters of the other part of a word that is taken apart


def other_ways(found: list[Token], text: str) -> list[list[Token]]:
    """Return the words of `text` each taken apart, and those that belong together as one, where that changes them."""
    if text.isascii():
        return []
    is_persian = not PERSIAN_LETTERS.isdisjoint(text)
    apart = [token._replace(folded=part) for token in found for part in _apart(token.folded, is_persian)]
    together: list[Token] = []
    for token in found:
        if together and _belong(together[-1].folded, token, is_persian):
            together[-1] = together[-1]._replace(folded=together[-1].folded + token.folded)
        else:
            together.append(token)
    return [way for way in (apart, together) if len(way) != len(found)]


def _apart(folded: str, is_persian: bool) -> tuple[str, ...]:
    """Return a word as the two it is made of, or as it is. (Not after می: میدان is a square, and no "I know".)"""
    for part in BEFORE_ARTICLE:
        if folded.startswith(part + ARTICLE) and len(folded) > len(part + ARTICLE) + 1:
            return part, folded.removeprefix(part)
    for part in (*AFTER, *(PERSIAN_AFTER if is_persian else ())):
        rest = folded.removesuffix(part)
        if rest != folded and len(rest) >= SHORTEST:
            return rest, part
    return (folded,)


def _belong(before: str, token: Token, is_persian: bool) -> bool:
    """Return whether a word is written on to the one before it by some."""
    after = token.folded
    if token.glued == ZWNJ or after in AFTER or (before in BEFORE_ARTICLE and after.startswith(ARTICLE)):
        return True
    return is_persian and (after in PERSIAN_AFTER_SPACE or before in PERSIAN_BEFORE)
