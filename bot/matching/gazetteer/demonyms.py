"""The words for a people and what is theirs, inflected: "syrien" stands for syrienne, syriens and syriennes.

In: a word as `data/peoples.tsv` has it, and its language. Out: every form that stands for itself in a text. Regular
endings only; what is irregular is written out in the table.
"""

import re

MORE = {  # language -> endings of a word, and what stands in their place in its other forms; the first that fits
    "ar": (("ي", ("ي", "ية", "يون", "يين", "يات", "يو")), ("", ("",))),
    "fr": (
        ("ien", ("ien", "ienne", "iens", "iennes")),
        ("éen", ("éen", "éenne", "éens", "éennes")),
        ("s", ("s", "se", "ses")),
        ("e", ("e", "es")),
        ("", ("", "e", "s", "es")),
    ),
    "es": (
        ("o", ("o", "a", "os", "as")),
        ("és", ("és", "esa", "eses", "esas")),
        ("án", ("án", "ana", "anes", "anas")),
        ("ón", ("ón", "ona", "ones", "onas")),
        ("ol", ("ol", "ola", "oles", "olas")),
        ("í", ("í", "íes", "ís")),
        ("ú", ("ú", "úes", "ús")),
        ("", ("", "s")),
    ),
    "de": (
        ("isch", ("isch", "ische", "ischer", "ischen", "isches", "ischem")),
        ("deutsch", ("deutsch", "deutsche", "deutscher", "deutschen", "deutsches", "deutschem")),
        ("Deutsche", ("Deutsche", "Deutscher", "Deutschen")),
        ("e", ("e", "en", "in", "innen")),
        ("er", ("er", "ern", "ers", "erin", "erinnen")),
        ("in", ("in", "innen")),
        ("", ("",)),
    ),
}  # fmt: skip
TURKISH_PLURALS = (
    ("lar", ("", "ı", "ın", "a", "dan", "da")),
    ("ler", ("", "i", "in", "e", "den", "de")),
)
BACK_VOWELS = "aıou"


def inflected(word: str, language: str) -> list[str]:
    """Return every form of a people's word of the table (its words joined by "_", where they are several)."""
    words = word.replace("_", " ")
    if language == "ru":
        return _russian(words)
    if language == "tr":
        return _turkish(words)
    if language == "ar" and " " in words and all(part.endswith("ي") for part in words.split()):
        parts = [inflected(part, language) for part in words.split()]  # each of "كوري شمالي" has the ending
        return [" ".join(forms) for forms in zip(*parts, strict=True)]
    for ending, others in MORE[language]:
        if words.endswith(ending):
            return [words.removesuffix(ending) + other for other in others]
    return [words]


def _russian(word: str) -> list[str]:
    """Return a people's word, and the singular of сирийцы; its cases are found by its stem."""
    if not word.endswith("цы"):
        return [word]
    base = word.removesuffix("цы")
    return [word, base.removesuffix("й") + "ец"]


def _turkish(word: str) -> list[str]:
    """Return a people's word, and its plural in the commonest cases."""
    vowels = re.findall("[aıouâeiöü]", word.lower())
    plural, cases = TURKISH_PLURALS[0 if vowels and vowels[-1] in BACK_VOWELS + "â" else 1]
    return [word, *(word + plural + case for case in cases)]
