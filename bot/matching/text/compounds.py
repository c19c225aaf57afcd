"""Compounds: Arabic and Persian words written as one or as two, as عبدالله and عبد الله, or می خواهد and میخواهد.

In: the words of a query's name. Out: other ways to write them. In a text a ZWNJ (می‌خواهد) separates words as a
space does (see `analysis`); a compound without either is recognised here by common parts of names and verbs.
"""

from bot.matching.text.analysis import ZWNJ, Token

BEFORE_ARTICLE = ("عبد", "ابو", "ابا", "ابي", "ذو")  # followed by a word with the article: عبد الرحمن, أبو الغيط
ARTICLE = "ال"
AFTER = ("الله", "الدين")  # حزب الله, صلاح الدين
PERSIAN_LETTERS = frozenset("یکپچژگ" + ZWNJ)
PERSIAN_BEFORE = ("نمي", "مي")  # folded, so with Arabic letters
PERSIAN_AFTER = ("هايي", "هاي", "ها")
PERSIAN_AFTER_SPACE = (*PERSIAN_AFTER, "اي")
SHORTEST = 3  # letters of the other part of a word that is split


def other_ways(found: list[Token], text: str) -> list[list[Token]]:
    """Return the words of `text` with each compound split, and with each compound joined, where that changes them."""
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
    """Return the two parts of a compound, or the word. (Never split after می: میدان is a square, not "I know".)"""
    for part in BEFORE_ARTICLE:
        if folded.startswith(part + ARTICLE) and len(folded) > len(part + ARTICLE) + 1:
            return part, folded.removeprefix(part)
    for part in (*AFTER, *(PERSIAN_AFTER if is_persian else ())):
        rest = folded.removesuffix(part)
        if rest != folded and len(rest) >= SHORTEST:
            return rest, part
    return (folded,)


def _belong(before: str, token: Token, is_persian: bool) -> bool:
    """Return whether some texts write a word together with the word before it."""
    after = token.folded
    if token.glued == ZWNJ or after in AFTER or (before in BEFORE_ARTICLE and after.startswith(ARTICLE)):
        return True
    return is_persian and (after in PERSIAN_AFTER_SPACE or before in PERSIAN_BEFORE)
