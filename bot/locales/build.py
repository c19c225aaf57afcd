"""Catalogues: `python -m bot.locales.build` updates them from the code, `… texts` prints their sentences.

English is in the code; every other language has a `watchword.po`, which people edit, and the `watchword.mo` that is
compiled from it. Both are in the repository: a fresh clone has every language without a build step.
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
MANY = (0, 1, 2, 3, 11, 100)  # one number for each plural form of Arabic, which has the most
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
    """Return a catalogue with every sentence of the code, without translations."""
    catalog = Catalog(project="Watchword", charset="utf-8")
    found = extract_from_dir(CODE, keywords=KEYWORDS, method_map=[("locales/build.py", "ignore"), ("**.py", "python")])
    for path, __, sentence, ___, ____ in sorted(found, key=lambda message: (message[0], message[1])):
        catalog.add(sentence, locations=[(f"bot/{path}", 0)])
    return catalog


def read(language: str) -> Catalog:
    """Return a language's catalogue as people edited it."""
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
    """Update a language's files: new sentences are added untranslated, and those no longer in the code removed."""
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
    """Return the faults of a language: sentences missing, stale, or with other placeholders or tags."""
    catalog, sentences = read(language), extracted()
    wrong = [f"stale: {message.id}" for message in catalog if message.id and message.id not in sentences]
    for message in sentences:
        translation = catalog.get(message.id) if message.id else None
        if message.id and translation is None:
            wrong.append(f"missing: {message.id}")
        elif translation is not None and message.id:
            wrong += _wrong(translation, get_plural(language)[0])
    return wrong


def _wrong(message: Message, plurals: int) -> list[str]:
    forms = [form or "" for form in _forms(message.string)]
    sources = _forms(message.id)
    if not all(forms) or (len(sources) > 1 and len(forms) != plurals):
        return [f"untranslated: {message.id}"]
    free = {"number", "count"} if len(sources) > 1 else set()  # "one" and "two" are words in Arabic
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
    """Yield every sentence of a language, with sample values in it."""
    reader = words(language)
    for message in extracted():
        if not message.id:
            continue
        if isinstance(message.id, tuple | list):
            for number in MANY:
                yield _filled(reader.ngettext(message.id[0], message.id[1], number), str(number))
        else:
            yield _filled(reader.gettext(str(message.id)), "7")


def _filled(sentence: str, number: str) -> str:
    return PLACEHOLDER.sub(lambda found: SAMPLES.get(found[1], number), sentence)


def main(arguments: list[str]) -> int:
    """Update the catalogues, or print every sentence; 1 if something is left to translate."""
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
