"""Table of names in two scripts: members of the United Nations, English queries on Arabic news and the reverse.

The baseline is a plain search for the name in the other language (CLDR): whole words, vowel marks folded, and in
Arabic the attached و ف ب ك ل ال removed. Recall is relative to its hits. Homographs (a name that is also another word,
or part of another country's name) are counted separately. `python -m tests.relevance.scripts` prints fifty hits that
the baseline does not have, for reading.
"""

import gzip
import json
import os
import random
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from babel import Locale

from bot.matching.text.analysis import word_set
from tests.relevance.match import found, read_lines

MEMBERS = word_set(
    "AD AE AF AG AL AM AO AR AT AU AZ BA BB BD BE BF BG BH BI BJ BN BO BR BS BT BW BY BZ CA CD CF CG CH CI CL CM CN "
    "CO CR CU CV CY CZ DE DJ DK DM DO DZ EC EE EG ER ES ET FI FJ FM FR GA GB GD GE GH GM GN GQ GR GT GW GY HN HR HT "
    "HU ID IE IL IN IQ IR IS IT JM JO JP KE KG KH KI KM KN KP KR KW KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME "
    "MG MH MK ML MM MN MR MT MU MV MW MX MY MZ NA NE NG NI NL NO NP NR NZ OM PA PE PG PH PK PL PT PW PY QA RO RS RU "
    "RW SA SB SC SD SE SG SI SK SL SM SN SO SR SS ST SV SY SZ TD TG TH TJ TL TM TN TO TR TT TV TZ UA UG US UY UZ VC "
    "VE VN VU WS YE ZA ZM ZW"
)
# Names that are words, people, or part of another country's name, where they are looked for.
ENGLISH_HOMOGRAPHS = word_set("TD JO GE TR GN NE SD CD CG IE DM CU ML OM CL SM")
ARABIC_HOMOGRAPHS = word_set("ML OM SD GN NE CD CG IE DM JO TD")
SAMPLE, SEED = 50, 4
AROUND = 70  # characters printed on each side of a hit

_MARKS = re.compile("[\u0640\u064b-\u065f\u0670]")
_PREFIXES = re.compile("(?=([وف]?)([بكل]?)(ال)?)")

Pair = tuple[str, str]  # (code of the country, article)


class Side(NamedTuple):
    """The countries looked for by `names` among `articles`, where a plain search looks for `others`."""

    label: str
    names: dict[str, str]
    others: dict[str, str]
    articles: list[dict[str, Any]]
    homographs: frozenset[str]


def report(root: Path, out: TextIO) -> None:
    """Print, for each direction and both, how much of what a plain search finds is found."""
    out.write(f"\n{'one name, two scripts':24}{'plain':>8}{'both':>8}{'recall':>8}{'extra':>8}  homographs' recall\n")
    total: Counter[str] = Counter()
    for side in sides(root):
        counts = count(side, set(plain(side)), set(ours(side)))
        out.write(line(side.label, counts))
        total.update(counts)
    out.write(line("pooled", total))


def line(label: str, counts: Counter[str]) -> str:
    """Return one line of the table."""
    recall, apart = (counts[kind + "both"] / (counts[kind + "plain"] or 1) for kind in ("", "homograph "))
    cells = f"{counts['plain']:8}{counts['both']:8}{recall:8.3f}{counts['extra']:8}"
    return f"{label:24}{cells}  {apart:.3f} of {counts['homograph plain']}, {counts['homograph extra']} extra\n"


def count(side: Side, theirs: set[Pair], mine: set[Pair]) -> Counter[str]:
    """Return how many hits each has, homographs apart."""
    counts: Counter[str] = Counter()
    for label, pairs in (("plain", theirs), ("both", theirs & mine), ("extra", mine - theirs)):
        counts.update(("homograph " if code in side.homographs else "") + label for code, _article in pairs)
    return counts


def sides(root: Path) -> list[Side]:
    """Return English names among Arabic news, and Arabic names among English ones."""
    english, arabic = names("en"), names("ar")
    with gzip.open(root / "relevance" / "docs.jsonl.gz", "rt", encoding="utf-8") as file:
        documents = [json.loads(text) for text in file]
    news = read_lines(root / "data" / "ag_news.jsonl.xz") + documents
    arabic_news = read_lines(root / "data" / "arabic_news.jsonl.xz")
    return [
        Side("English in Arabic news", english, arabic, arabic_news, ARABIC_HOMOGRAPHS),
        Side("Arabic in English news", arabic, english, news, ENGLISH_HOMOGRAPHS),
    ]


def names(language: str) -> dict[str, str]:
    """Return the members' names as CLDR has them, without a remark in parentheses."""
    territories = Locale.parse(language).territories
    return {code: territories[code].split("(")[0].split(" - ")[0].strip() for code in sorted(MEMBERS)}


def ours(side: Side) -> dict[Pair, dict[str, Any]]:
    """Return what `watchword match` finds."""
    hits = found(dict.fromkeys(side.names.values()), side.articles)  # both Congos are "Congo"
    return {(code, hit["article"]): hit for hit in hits for code in side.names if side.names[code] == hit["query"]}


def plain(side: Side) -> Iterable[Pair]:
    """Yield what a search for the whole words of the other name finds."""
    wanted = {code: tuple(words(name)) for code, name in side.others.items()}
    for article in side.articles:
        forms = [bare(word) for word in words(f"{article['title']}\n{article['text']}")]
        places: dict[str, list[int]] = {}
        for position, found_forms in enumerate(forms):
            for form in found_forms:
                places.setdefault(form, []).append(position)
        for code, name in wanted.items():
            if any(stands(name, forms, start) for start in places.get(name[0], ())):
                yield code, article["id"]


def stands(name: tuple[str, ...], forms: list[set[str]], start: int) -> bool:
    """Return whether the words of a name stand one after the other from `start` on."""
    after = forms[start : start + len(name)]
    return len(after) == len(name) and all(word in found_forms for word, found_forms in zip(name, after, strict=True))


def words(text: str) -> list[str]:
    """Return the words of a text, in small letters and without vowel marks."""
    return re.findall(r"\w+", _MARKS.sub("", unicodedata.normalize("NFC", text)).casefold())


def bare(word: str) -> set[str]:
    """Return a word, and an Arabic one without each beginning of what may be written on before it."""
    forms = {word}
    if "\u0600" <= word[0] <= "\u06ff":
        conjunction, preposition, _article = _PREFIXES.match(word).groups()  # type: ignore[union-attr]  # matches all
        without = word.removeprefix(conjunction)
        forms |= {without, without.removeprefix(preposition)}
        if preposition == "ل":
            forms.add("ا" + without)  # للأردن
        forms |= {form.removeprefix("ال") for form in forms}
    return forms


def sample(root: Path, out: TextIO) -> None:
    """Print some of the hits that the plain search does not have, to be read."""
    extra = []
    for side in sides(root):
        texts = {article["id"]: article for article in side.articles}
        mine = ours(side)
        extra += [(side.names[p[0]], mine[p], texts[p[1]]) for p in sorted(set(mine) - set(plain(side)))]
    for number, (name, hit, article) in enumerate(random.Random(SEED).sample(extra, SAMPLE), 1):
        out.write(f"{number:3} {name} · {article['id']}\n")
        for term in hit["terms"][:3]:
            text, start, end = article[term["field"]], term["start"], term["end"]
            before, after = text[max(0, start - AROUND) : start], text[end : end + AROUND]
            out.write(f"    {term['rule']}: {before}[{term['text']}]{after}\n".replace("\n", " ").rstrip() + "\n")


if __name__ == "__main__":
    sample(Path(os.environ["WATCHWORD_DATA"]), sys.stdout)
