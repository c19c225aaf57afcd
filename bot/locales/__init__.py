"""What the bot says, in the reader's language.

In: a locale code ("en", "ar"), as Telegram or the reader gave it. Out: `Words`, whose `gettext` and
`ngettext` look a sentence up in that language's catalogue. Not here: who is spoken to, or how it is sent.
"""

import gettext
from functools import cache
from pathlib import Path

CATALOGUES = Path(__file__).parent
DEFAULT = "en"


class Words:
    """One language's sentences. Sentences are written in English in the code; the catalogue has the rest."""

    def __init__(self, locale: str, catalogue: gettext.NullTranslations) -> None:
        self.locale = locale
        self.gettext = catalogue.gettext
        self.ngettext = catalogue.ngettext


@cache
def words(locale: str) -> Words:
    """Return the sentences for `locale`, or English where there is no catalogue for it."""
    language = locale.replace("-", "_").split("_")[0].lower() or DEFAULT
    catalogue = gettext.translation("watchword", CATALOGUES, [language], fallback=True)
    return Words(language if isinstance(catalogue, gettext.GNUTranslations) else DEFAULT, catalogue)
