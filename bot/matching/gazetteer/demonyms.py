"""Demonyms: inflects the nouns and adjectives of peoples, as "syrien" to syrienne, syriens and syriennes.

In: a word of `data/peoples.tsv` and its language. Out: its forms in texts. Regular endings only; irregular forms are in
the table.
"""

import re

MORE = {  # language -> endings of a word, each with its replacements in the other forms; the first match wins
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
    """Return every form of a demonym of the table, where "_" joins several words."""
    words = word.replace("_", " ")
    if language == "ru":
        return _russian(words)
    if language == "tr":
        return _turkish(words)
    if language == "ar" and " " in words and all(part.endswith("ي") for part in words.split()):
        parts = [inflected(part, language) for part in words.split()]  # both words of "كوري شمالي" have the ending
        return [" ".join(forms) for forms in zip(*parts, strict=True)]
    for ending, endings in MORE[language]:
        if words.endswith(ending):
            return [words.removesuffix(ending) + new_ending for new_ending in endings]
    return [words]


def _russian(word: str) -> list[str]:
    """Return a demonym, and the singular of a plural like сирийцы; their cases are matched by the stem."""
    if not word.endswith("цы"):
        return [word]
    base = word.removesuffix("цы")
    return [word, base.removesuffix("й") + "ец"]


def _turkish(word: str) -> list[str]:
    """Return a demonym, and its plural in the commonest cases."""
    vowels = re.findall("[aıouâeiöü]", word.lower())
    plural, cases = TURKISH_PLURALS[0 if vowels and vowels[-1] in BACK_VOWELS + "â" else 1]
    return [word, *(word + plural + case for case in cases)]
