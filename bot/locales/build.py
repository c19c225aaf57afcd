"""Catalogue builder: `python -m bot.locales.build` updates the catalogues from the code, `… texts` prints them.

The code has the English sentences. Every other language has a `watchword.po`, which people edit, and a `watchword.mo`
compiled from it; both are committed, so that a fresh clone has every language without a build step.
"""

import re
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.plurals import get_plural
from babel.messages.pofile import read_po, write_po

from bot.locales import CATALOGUES, DEFAULT, LANGUAGES, words

CODE = CATALOGUES.parent
KEYWORDS = {"say": None, "say_many": (1, 2), "many": (1, 2), "gettext": None, "ngettext": (1, 2), "_": None}
PLACEHOLDER = re.compile(r"\{(\w+)\}")
TAG = re.compile(r"</?(\w+)>")
MANY = (0, 1, 2, 3, 11, 100)  # a number for each plural form of Arabic, which has the most
SAMPLES = {
    "label": "Idlib",
    "labels": "Idlib, Aleppo",
    "query": "Idlib",
    "name": "Idlib",
    "text": "Idlib",
    "terms": "إدلب",
    "title": "Demo Times",
    "host": "feeds.example",
    "zone": "Europe/Berlin",
    "time": "08:00",
    "choice": "Asia/Damascus, Asia/Amman",
    "schedule": "Daily",
    "command": "/list",
    "meaning": "…",
    "reason": "…",
    "language": "Arabic",
    "place": "Syria",
    "words": "joint committee",
    "letters": "terror",
    "left": "Egypt",
    "right": "Russia",
    "sign": "AND",
    "word": "the",
    "example": "/allow 123456789",
    "person": "123456789",
    "people": "1001, 1002",
    "code": "5f0c3a9e7d21b846",
}


def extracted() -> Catalog:
    """Return a catalogue template with every sentence of the code."""
    catalog = Catalog(project="Watchword", charset="utf-8")
    found = extract_from_dir(CODE, keywords=KEYWORDS, method_map=[("locales/build.py", "ignore"), ("**.py", "python")])
    for path, __, sentence, ___, ____ in sorted(found, key=lambda message: (message[0], message[1])):
        catalog.add(sentence, locations=[(f"bot/{path}", 0)])
    return catalog


def read(language: str) -> Catalog:
    """Return the parsed `watchword.po` of a language."""
    with _path(language, "po").open("rb") as file:
        return read_po(file, locale=language)


def _path(language: str, kind: str) -> Path:
    return CATALOGUES / language / "LC_MESSAGES" / f"watchword.{kind}"


def compiled(catalog: Catalog) -> bytes:
    """Return a catalogue in gettext's binary format."""
    out = BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def update(language: str) -> None:
    """Update a language's files: new sentences are added untranslated, stale ones removed."""
    path = _path(language, "po")
    path.parent.mkdir(parents=True, exist_ok=True)
    catalog = read(language) if path.exists() else Catalog(locale=language, project="Watchword", charset="utf-8")
    sentences = extracted()
    if {message.id for message in catalog} != {message.id for message in sentences}:
        catalog.update(sentences, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        with path.open("wb") as file:
            write_po(file, catalog, width=120, include_lineno=False)
    _path(language, "mo").write_bytes(compiled(catalog))


def problems(language: str) -> list[str]:
    """Return the problems of a catalogue: sentences missing, stale, or with other placeholders or tags."""
    catalog, sentences = read(language), extracted()
    wrong = [f"stale: {message.id}" for message in catalog if message.id and message.id not in sentences]
    for sentence in sentences:
        translated = catalog.get(sentence.id) if sentence.id else None
        if sentence.id and translated is None:
            wrong.append(f"missing: {sentence.id}")
        elif translated is not None and sentence.id:
            wrong += _wrong(translated, get_plural(language)[0])
    return wrong


def _wrong(message: Message, plurals: int) -> list[str]:
    forms = [form or "" for form in _forms(message.string)]
    sources = _forms(message.id)
    if not all(forms) or (len(sources) > 1 and len(forms) != plurals):
        return [f"untranslated: {message.id}"]
    free = {"number", "count"} if len(sources) > 1 else set()  # Arabic writes "one" and "two" as words
    wrong = []
    for form in forms:
        if set(PLACEHOLDER.findall(form)) | free != set(PLACEHOLDER.findall(sources[-1])) | free:
            wrong.append(f"other placeholders: {form}")
        if sorted(TAG.findall(form)) != sorted(TAG.findall(sources[-1])):
            wrong.append(f"other tags: {form}")
    return wrong


def _forms(text: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [text] if isinstance(text, str) else list(text or ())


def texts(language: str) -> Iterator[str]:
    """Yield every sentence of a language, with sample values for its placeholders."""
    reader = words(language)
    for sentence in extracted():
        if not sentence.id:
            continue
        if isinstance(sentence.id, tuple | list):
            for number in MANY:
                yield _filled(reader.ngettext(sentence.id[0], sentence.id[1], number), str(number))
        else:
            yield _filled(reader.gettext(str(sentence.id)), "7")


def _filled(sentence: str, number: str) -> str:
    return PLACEHOLDER.sub(lambda found: SAMPLES.get(found[1], number), sentence)


def main(arguments: list[str]) -> int:
    """Update the catalogues, or print every sentence; return 1 if a catalogue has problems."""
    if arguments == ["texts"]:
        for language, name in LANGUAGES.items():
            print(f"\n## {name}\n")
            print("\n".join(dict.fromkeys(texts(language))))
        return 0
    wrong = []
    for language in LANGUAGES:
        if language != DEFAULT:
            update(language)
            wrong += [f"{language}: {problem}" for problem in problems(language)]
    print("\n".join(wrong) or "Every sentence is translated.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
