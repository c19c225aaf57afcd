"""Material changes: whether a further headline of an event says something that is worth a sound.

Compared are headlines only, with all of the event that the reader was shown: a count that grew, a denial that appears
or vanishes, a place or a full name that none of them has. In doubt it is no change: the headline is shown all the same,
without a sound. Counts that are no count of anything (years, ages, sums, shares, times) are left out.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from bot.stories.fingerprint import fold
from bot.stories.vocabulary import COMMON, PRESS

Places = Callable[[str], Collection[str]]  # the places that a headline names


def _words(listed: str) -> frozenset[str]:
    return frozenset(map(fold, listed.split()))


def _table(**words: str) -> Mapping[str, str]:
    return {fold(word): kind for kind, listed in words.items() for word in listed.split()}


_CASUALTIES = _table(
    dead="""dead die dies died death deaths kill kills killed killing killings toll fatality fatalities bodies
        قتيل قتيلا قتلى قتل مقتل وفاة وفيات ضحية ضحايا شهيد شهيدا شهداء الضحايا القتلى الشهداء الوفيات حصيلة""",
    hurt="""hurt hurts injure injures injured injuries wound wounds wounded
        جريح جريحا جرحى مصاب مصابا مصابين إصابة إصابات الجرحى المصابين""",
    missing="missing trapped مفقود مفقودا مفقودين مفقودون محاصرين",
)
_NUMBERS = {
    fold(word): number
    for number, words in {
        1: "one",
        2: "two قتيلان قتيلين جريحان جريحين شخصان شخصين شهيدان شهيدين",
        3: "three ثلاثة ثلاث",
        4: "four أربعة أربع",
        5: "five خمسة خمس",
        6: "six ستة ست",
        7: "seven سبعة سبع",
        8: "eight ثمانية ثماني",
        9: "nine تسعة تسع",
        10: "ten عشرة عشر",
        11: "eleven",
        12: "twelve",
        24: "dozens عشرات العشرات",
        200: "hundreds مئات المئات",
        2000: "thousands آلاف الآلاف",
    }.items()
    for word in words.split()
}
_DUAL = {fold(word): kind for word, kind in {"قتيلان": "dead", "قتيلين": "dead", "شهيدان": "dead", "شهيدين": "dead",
                                            "جريحان": "hurt", "جريحين": "hurt"}.items()}  # fmt: skip
_TIMES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "الف": 10**3, "مليون": 10**6, "مليار": 10**9}
_UNCOUNTED = _words(
    """second seconds minute minutes hour hours day days week weeks month months year years am pm gmt utc
        km kilometer kilometre mile miles meter metre meters metres feet inch degree degrees percent per cent
        dollar dollars euro euros pound pounds january february march april may june july august september october
        november december jan feb mar apr jun jul aug sep sept oct nov dec magnitude
        ساعة ساعات دقيقة دقائق يوم يوما أيام أسبوع أسابيع شهر أشهر سنة سنوات عام عاما أعوام كيلومتر كيلومترا متر مترا
        دولار يورو درجة درجات بالمئة كانون شباط آذار نيسان أيار حزيران تموز آب أيلول تشرين يناير فبراير مارس أبريل
        مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر"""
)
_DENIALS = _words(
    """not no never none nobody deny denies denied denying denial reject rejects rejected refute refutes refuted
        false hoax cannot cant wont isnt arent wasnt werent didnt doesnt dont hasnt havent
        لا لم لن ليس ليست ليسوا نفى نفت ينفي تنفي ينفون نفي يكذب تكذب كذب تكذيب"""
)
_CLAUSE = re.compile(r"\s*(?:[;:–—،؛]|,(?!\d)|\s-\s|\s(?:and|as|with)\s|\sو(?=\d))\s*", re.IGNORECASE)
_TOKEN = re.compile(r"\d+(?:[,٬]\d{3})+|[^\W_]+(?:['’][^\W_]+)*")
_FIGURE = re.compile(
    r"(?<![\w$€£¥.,:/-])\d{1,3}(?:[,٬]\d{3}){1,4}(?![\w%]|[,٬]\d)|(?<![\w$€£¥.,:/-])\d{1,15}(?![\w%:/-]|[.,٫]\d)"
)
_YEARS = range(1900, 2101)
_NEAR = 10  # words between a number and what it counts
_CAPITALISED = re.compile(r"\b[A-Z][a-z]+(?:['’-][A-Z]?[a-z]+)*")
_FULL_NAME = re.compile(rf"(?<=\S )(?:{_CAPITALISED.pattern} )+{_CAPITALISED.pattern}")


def is_material(title: str, shown: Sequence[str], places: Places = lambda _: ()) -> bool:
    """Return whether a headline changes what the headlines that were `shown` say of an event."""
    return (
        grew(title, shown)
        or is_denied(title) not in map(is_denied, shown)
        or bool(set(places(title)).difference(*map(places, shown)))
        or bool(_names(title).difference(_all_words(shown)))
    )


def grew(title: str, shown: Iterable[str]) -> bool:
    """Return whether a headline counts more of something than any that was shown; of victims any number is more."""
    known: dict[str, int] = {}
    for kind, number in (count for headline in shown for count in counts(headline)):
        known[kind] = max(number, known.get(kind, 0))
    return any(
        number > known.get(kind, 0 if kind in _CASUALTIES.values() else number) for kind, number in counts(title)
    )


def counts(title: str) -> Iterator[tuple[str, int]]:
    """Yield what a headline counts, and how many: ("dead", 12), ("ship", 3)."""
    for clause in _CLAUSE.split(title):
        words = [(match.start(), fold(match[0])) for match in _TOKEN.finditer(clause)]
        figures = {match.start(): int(re.sub(r"\D", "", match[0])) for match in _FIGURE.finditer(clause)}
        for place, (start, word) in enumerate(words):
            number = figures.get(start, _NUMBERS.get(word))
            if number is None:
                continue
            after = [other for _, other in words[place + 1 :]]
            if after and after[0] in _TIMES:
                number, after = number * _TIMES[after[0]], after[1:]
            before = [other for _, other in reversed(words[:place])]
            if kind := _DUAL.get(word) or _counted(number, before, after):
                yield kind, number


def _counted(number: int, before: Sequence[str], after: Sequence[str]) -> str | None:
    """Return what a number counts by the words before it, the nearest first, and after it; None if nothing."""
    if after and after[0] in _UNCOUNTED:
        return None
    near = [(float(place), _CASUALTIES[word]) for place, word in enumerate(after[:_NEAR]) if word in _CASUALTIES]
    near += [(place + 0.5, _CASUALTIES[word]) for place, word in enumerate(before[:_NEAR]) if word in _CASUALTIES]
    if near:
        return min(near)[1]
    if number in _YEARS or not after or after[0] in COMMON or not after[0].isalpha():
        return None
    return after[0].rstrip("s")


def is_denied(title: str) -> bool:
    """Return whether a headline denies something."""
    return any(fold(match[0]).replace("'", "").replace("’", "") in _DENIALS for match in _TOKEN.finditer(title))


def _names(title: str) -> set[str]:
    """Return the full names in a headline, folded; none where all words are capitalised, as names do not stand out."""
    words = [word for word in title.split()[1:] if word.isalpha()]
    if 2 * sum(word[0].isupper() for word in words) > len(words):
        return set()
    names = (fold(match[0]).split() for match in _FULL_NAME.finditer(title))
    return {name[-1] for name in names if not PRESS.intersection(name)}


def _all_words(shown: Iterable[str]) -> set[str]:
    return {fold(match[0]) for headline in shown for match in _TOKEN.finditer(headline)}
