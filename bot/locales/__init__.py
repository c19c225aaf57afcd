"""What the bot says, in the reader's language.

In: a locale code ("en", "ar"), as Telegram or the reader gave it. Out: `Words`, whose `gettext` and
`ngettext` look a sentence up in that language's catalogue. Not here: who is spoken to, or how it is sent.
"""

import gettext
from functools import cache
from pathlib import Path

from markupsafe import Markup

CATALOGUES = Path(__file__).parent
DEFAULT = "en"


class Words:
    """One language's sentences. Sentences are written in English in the code; the catalogue has the rest."""

    def __init__(self, locale: str, catalogue: gettext.NullTranslations) -> None:
        self.locale = locale
        self.gettext = catalogue.gettext
        self.ngettext = catalogue.ngettext

    def say(self, sentence: str, **values: object) -> Markup:
        """Return a sentence with `{name}` replaced by its value, escaped unless it is Markup itself."""
        return Markup(self.gettext(sentence)).format(**values)  # noqa: S704 - the catalogue's own markup

    def say_many(self, one: str, many: str, number: int, **values: object) -> Markup:
        """Return the sentence for `number` things; `{number}` in it is replaced too."""
        return Markup(self.ngettext(one, many, number)).format(number=number, **values)  # noqa: S704


@cache
def words(locale: str) -> Words:
    """Return the sentences for `locale`, or English where there is no catalogue for it."""
    language = locale.replace("-", "_").split("_")[0].lower() or DEFAULT
    catalogue = gettext.translation("watchword", CATALOGUES, [language], fallback=True)
    return Words(language if isinstance(catalogue, gettext.GNUTranslations) else DEFAULT, catalogue)
