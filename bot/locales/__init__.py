"""Translations of the bot's sentences (GNU gettext).

In: a locale code ("en", "ar") from Telegram or the chat's settings. Out: `Words`, whose methods translate a
sentence by that language's catalogue. Not here: which language a chat uses, and sending.
"""

import gettext
import unicodedata
from functools import cache
from pathlib import Path

from babel import Locale
from markupsafe import Markup

CATALOGUES = Path(__file__).parent
DEFAULT = "en"
RIGHT_TO_LEFT_MARK = "\u200f"
LANGUAGES = {"en": "English", "ar": "العربية"}  # supported languages, each by its own name
ISOLATE, END_ISOLATE = "\u2068", "\u2069"  # FSI, PDI: the text between has a direction of its own (UAX #9)


def isolate(text: str, *, right_to_left: bool) -> str:
    """Return `text`, isolated if it has letters of the other direction, which could reorder its line."""
    opposite = ("L",) if right_to_left else ("R", "AL")
    foreign = any(unicodedata.bidirectional(letter) in opposite for letter in text)
    return f"{ISOLATE}{text}{END_ISOLATE}" if foreign else text


class Words:
    """Translator into a language. The code has the English sentences; the catalogue has their translations."""

    def __init__(self, locale: str, catalogue: gettext.NullTranslations) -> None:
        self.locale = locale
        self.right_to_left = Locale.parse(locale).text_direction == "rtl"
        self.mark = (
            RIGHT_TO_LEFT_MARK if self.right_to_left else ""
        )  # before a line that may begin in another direction
        self.gettext = catalogue.gettext
        self.ngettext = catalogue.ngettext

    def say(self, sentence: str, **values: object) -> Markup:
        """Return a translated sentence with each `{name}` replaced by its value, escaped unless it is Markup.

        Plain text of the other direction is isolated, so that it cannot reorder the line.
        """
        return Markup(self.gettext(sentence)).format(**self._isolated(values))  # noqa: S704 - our own markup

    def say_many(self, one: str, many: str, number: int, **values: object) -> Markup:
        """Return the translated sentence in the plural form for `number`, which replaces `{number}`."""
        sentence = Markup(self.ngettext(one, many, number))  # noqa: S704 - our own markup
        return sentence.format(number=number, **self._isolated(values))

    def isolate(self, text: str) -> str:
        """Return a foreign text, isolated for use in a line of this language."""
        return isolate(text, right_to_left=self.right_to_left)

    def _isolated(self, values: dict[str, object]) -> dict[str, object]:
        return {
            name: self.isolate(value)
            if type(value) is str
            else value  # Markup is our own: its parts are isolated already
            for name, value in values.items()
        }


def words(locale: str) -> Words:
    """Return the translator for `locale`, or the English one if there is no catalogue for it."""
    language = locale.replace("-", "_").split("_")[0].lower()
    return _words(language if language in LANGUAGES else DEFAULT)  # cached: what a message names must not fill it


@cache
def _words(language: str) -> Words:
    catalogue = gettext.translation("watchword", CATALOGUES, [language], fallback=language == DEFAULT)
    return Words(language, catalogue)
