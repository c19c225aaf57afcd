"""What the bot says, in the reader's language.

In: a locale code ("en", "ar"), as Telegram or the reader gave it. Out: `Words`, whose `gettext` and
`ngettext` look a sentence up in that language's catalogue. Not here: who is spoken to, or how it is sent.
"""

import gettext
import unicodedata
from functools import cache
from pathlib import Path

from markupsafe import Markup

CATALOGUES = Path(__file__).parent
DEFAULT = "en"
RIGHT_TO_LEFT = {"ar"}
RIGHT_TO_LEFT_MARK = "\u200f"
LANGUAGES = {"en": "English", "ar": "العربية"}  # what there is, each by its own name
ISOLATE, END_ISOLATE = "\u2068", "\u2069"  # FSI, PDI: what is between takes its own direction (UAX #9)


def isolate(text: str, *, right_to_left: bool) -> str:
    """Return `text`, kept from upsetting the order of its line where it has letters of the other direction."""
    other = ("L",) if right_to_left else ("R", "AL")
    foreign = any(unicodedata.bidirectional(letter) in other for letter in text)
    return f"{ISOLATE}{text}{END_ISOLATE}" if foreign else text


class Words:
    """One language's sentences. Sentences are written in English in the code; the catalogue has the rest."""

    def __init__(self, locale: str, catalogue: gettext.NullTranslations) -> None:
        self.locale = locale
        self.right_to_left = locale in RIGHT_TO_LEFT
        self.mark = (
            RIGHT_TO_LEFT_MARK if self.right_to_left else ""
        )  # before a line that may begin in another direction
        self.gettext = catalogue.gettext
        self.ngettext = catalogue.ngettext

    def say(self, sentence: str, **values: object) -> Markup:
        """Return a sentence with `{name}` replaced by its value, escaped unless it is Markup itself.

        Plain text of the other direction is isolated, so that it cannot upset the order of the line.
        """
        return Markup(self.gettext(sentence)).format(**self._isolated(values))  # noqa: S704 - our own markup

    def say_many(self, one: str, many: str, number: int, **values: object) -> Markup:
        """Return the sentence for `number` things; `{number}` in it is replaced too."""
        sentence = Markup(self.ngettext(one, many, number))  # noqa: S704 - our own markup
        return sentence.format(number=number, **self._isolated(values))

    def isolate(self, text: str) -> str:
        """Return other people's text as it may stand in a line of this language."""
        return isolate(text, right_to_left=self.right_to_left)

    def _isolated(self, values: dict[str, object]) -> dict[str, object]:
        return {
            name: self.isolate(value) if type(value) is str else value  # Markup was made by us: its parts are isolated
            for name, value in values.items()
        }


@cache
def words(locale: str) -> Words:
    """Return the sentences for `locale`, or English where there is no catalogue for it."""
    language = locale.replace("-", "_").split("_")[0].lower() or DEFAULT
    catalogue = gettext.translation("watchword", CATALOGUES, [language], fallback=True)
    return Words(language if isinstance(catalogue, gettext.GNUTranslations) else DEFAULT, catalogue)
