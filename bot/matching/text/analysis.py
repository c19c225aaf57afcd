"""Analysis: splits queries and texts into words, and gives each the keys under which it is indexed.

In: a text and its language. Out: tokens with their folded form, inflection keys, case and position in the text (code
points). Pure; the analysis of a chunk (the characters between two spaces) is cached, as most chunks of a text have
occurred before. (An article of 39 words takes 12 us when all are cached, half of it for its five punctuation marks; a
new word takes 2 us more, and 6 where the whole pattern of a token is needed.)

A token's *folded* form is NFKC, case-folded, without accents, vowel marks or invisible characters, and with one letter
for each that Arabic, Persian and Urdu write in several ways. Its *keys* are shared by all inflections of the word: a
Snowball stem, or in Arabic the word without its clitics. The folded form is always indexed too, so a wrong guess of the
language never loses an exact match.
"""

import re
import threading
import unicodedata
from collections.abc import Iterator
from enum import IntEnum
from functools import cached_property, lru_cache
from typing import NamedTuple, final

import gcld3
import Stemmer

MAX_CHARACTERS = 1 << 16  # of one field: the rest is not matched (docs/queries.md)
MOST_GUESSED = 400  # characters from which a language is guessed
SURE = 0.9  # probability from which a guess is accepted
ENOUGH = 12  # words from which any language is accepted
FEW_SCRIPTS = 60  # words from which the script of a text is determined
MOST_CHUNKS = 1 << 17  # in the cache
LONGEST_KEPT = 40  # characters of a chunk in the cache
LOUD = 0.7  # share of longer words with a capital from which capitals mean nothing: a headline in title case
SHORT = 3  # letters of a word that headlines write in small letters
LONGEST_ABBREVIATED = 3  # letters of a word whose dot may not end a sentence
CASE = "\x02"  # in a form: precedes the case of a word that is not in small letters


def word_set(text: str) -> frozenset[str]:
    """Return the words of a string."""
    return frozenset(text.split())


STEMMERS = {
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "eo": "esperanto",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fa": "persian",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "ne": "nepali",
    "nl": "dutch",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "st": "sesotho",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}
LANGUAGES_OF_SCRIPT = {
    "LATIN": (
        "en", "fr", "es", "de", "it", "pt", "nl", "sv", "da", "no", "fi", "hu", "ro", "ca", "tr", "pl", "cs", "eo",
        "et", "eu", "ga", "id", "lt", "st",
    ),
    "CYRILLIC": ("ru", "sr"),
    "ARABIC": ("ar", "fa"),
    "GREEK": ("el",),
    "ARMENIAN": ("hy",),
    "DEVANAGARI": ("hi", "ne"),
    "HEBREW": ("he", "yi"),
    "TAMIL": ("ta",),
}  # fmt: skip
NOT_ARABIC = frozenset(("ckb", "ku", "ps", "sd", "ug", "ur"))  # written in its letters, without a stemmer
_READ_LANGUAGES = NOT_ARABIC.union(*LANGUAGES_OF_SCRIPT.values())
NAMES_INFLECT = frozenset(
    ("ar", "cs", "el", "et", "eu", "fa", "fi", "he", "hu", "hy", "lt", "pl", "ru", "sr", "tr", "yi")
)


class Case(IntEnum):
    """The capitals of a word; NONE in a script without capitals."""

    NONE = 0
    LOWER = 1
    TITLE = 2
    UPPER = 3


class Token(NamedTuple):
    """A word of a text, without a possessive ending. `Text.span` returns its position in the text."""

    folded: str
    start: int  # within its chunk
    end: int
    case: Case
    glued: str  # the sign that joins it to the word before ("-" in "Al-Sisi"), or ""
    form: str  # the folded form and the case as one key (see `read_form`)
    breaks: bool = False  # a sentence ends before it: no name crosses this point
    begins: bool = False  # a sentence or line begins with it: its capital means nothing


_CASES = {f"{case:d}": case for case in Case}
_MARK_OF = tuple("" if case is Case.LOWER else f"{CASE}{case:d}" for case in Case)  # of each case, in a form


@final
class Chunk(NamedTuple):
    """Characters between two spaces that are more than a word: the words, the signs before and after them, and the runs
    of words (`start` to `end`, exclusive) that are glued together."""

    tokens: tuple[Token, ...]
    head: str
    tail: str
    runs: tuple[tuple[int, int], ...]


class Text:
    """The words of a text, in order; in a script without spaces, each character is a token."""

    def __init__(self, text: str) -> None:
        self.source = text[:MAX_CHARACTERS]
        self.tokens: list[Token] = []
        self.gaps: dict[int, str] = {}  # the signs before a token, if more than a space or glue
        self.runs: list[tuple[int, int]] = []  # tokens `start` to `end` (exclusive) that are glued together
        self._chunks = self.source.split(" ")
        add = self.tokens.append
        known = _known_chunks.get
        gap = "\n"  # the signs since the last word
        for chunk in self._chunks:
            read = known(chunk) or _chunk(chunk)
            if type(read) is not Chunk:
                if gap:
                    self._follow(gap, read)
                    gap = ""
                else:
                    add(read)
            elif read.tokens:
                gap = self._add(read, gap)
            else:
                gap += read.tail + " "

    def _add(self, read: Chunk, gap: str) -> str:
        """Add a chunk after a `gap`, and return the signs since its last word."""
        found, head, tail, runs = read
        at = len(self.tokens)
        for start, end in runs:
            self.runs.append((at + start, at + end))
        if gap or head:
            self._follow(gap + head, found[0])
            self.tokens += found[1:]
        else:
            self.tokens += found
        return tail and tail + " "

    def _follow(self, gap: str, word: Token) -> None:
        """Add a word after more than a space: a sentence or line may end there."""
        at = len(self.tokens)
        self.gaps[at] = gap
        breaks = at > 0 and _breaks(gap, self.tokens[-1])
        if breaks or "\n" in gap:
            folded, start, end, case, glued, form, _breaks_before, _begins = word
            word = Token(folded, start, end, case, glued, form, breaks, begins=True)  # faster than `_replace`
        self.tokens.append(word)

    @cached_property
    def _bases(self) -> list[int]:
        """The position at which the chunk of each token begins."""
        bases: list[int] = []
        at = 0
        for chunk in self._chunks:
            read = _known_chunks.get(chunk) or _chunk(chunk)
            if type(read) is Chunk:
                bases += [at] * len(read.tokens)
            else:
                bases.append(at)
            at += len(chunk) + 1
        return bases

    @cached_property
    def is_loud(self) -> bool:
        """Whether capitals mean nothing here: most longer words have one."""
        cases = [word.case for word in self.tokens if len(word.folded) > SHORT]
        cased = len(cases) - cases.count(Case.NONE)
        return cased > 0 and cased - cases.count(Case.LOWER) >= LOUD * cased

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the start and end of tokens `start` to `end` (exclusive) in the text, in code points."""
        return self._bases[start] + self.tokens[start].start, self._bases[end - 1] + self.tokens[end - 1].end


def tokens(text: str) -> list[Token]:
    """Return the words of a short text, with `start` and `end` as positions in the whole text."""
    read = Text(text)
    places = (read.span(position, position + 1) for position in range(len(read.tokens)))
    return [token._replace(start=start, end=end) for token, (start, end) in zip(read.tokens, places, strict=True)]


def read_form(form: str) -> tuple[str, Case]:
    """Return the folded form and the case of a token's `form`."""
    folded, mark, case = form.partition(CASE)
    return folded, _CASES[case] if mark else Case.LOWER


@lru_cache(1 << 17)
def fold(surface: str) -> str:
    """Return a word's folded form. Idempotent."""
    if surface.isascii():
        return surface.lower()
    text = unicodedata.normalize("NFKC", surface).casefold()
    text = _ACCENTS.sub("", unicodedata.normalize("NFD", text)).translate(_LETTERS)
    return unicodedata.normalize("NFKC", text)


@lru_cache(1 << 17)
def keys(folded: str, language: str) -> tuple[str, ...]:
    """Return the keys that the inflections of `folded` share in `language`; each starts with KEY.

    The script of the word comes first: an Arabic word in an article marked as English is read as Arabic.
    """
    language = language_of(folded, language)
    if not language:
        return ()
    if language in WRITTEN_ON:
        return tuple(KEY + form for form in sorted(WRITTEN_ON[language](folded)))
    return (KEY + (_english_stem(folded) if language == "en" else _snowball(folded, language)),)


@lru_cache(1 << 17)
def wanted_keys(folded: str, language: str) -> tuple[str, ...]:
    """Return the keys of a word of a query for an article in `language`.

    Clitics are removed from Arabic and Hebrew words of articles only; a query's word loses nothing but its article.
    (وزير is a minister, not زير with an "and".)
    """
    return fresh_wanted_keys(folded, language)


def fresh_wanted_keys(folded: str, language: str) -> tuple[str, ...]:
    """Return the same without the cache, whose room is for the words of articles."""
    article = ARTICLES.get(language_of(folded, language))
    if article is None:
        return keys.__wrapped__(folded, language)
    bare = folded.removeprefix(article)
    return (KEY + folded, KEY + bare) if bare != folded and len(bare) >= SHORTEST_LEFT else (KEY + folded,)


def language_of(folded: str, language: str) -> str:
    """Return the language in which a word of an article in `language` is read, by its script; "" if unknown."""
    languages = LANGUAGES_OF_SCRIPT.get(script(folded))
    if not languages or (language in NOT_ARABIC and "ar" in languages):
        return ""
    return language if language in languages else languages[0]


def read_language(language: str) -> str:
    """Return `language` if any word is read differently in it, else "", as feeds use any code."""
    return language if language in _READ_LANGUAGES else ""


@lru_cache(1 << 17)
def name_keys(folded: str, language: str) -> tuple[str, ...]:
    """Return the keys of a query's name: none in languages whose names do not inflect, so that Gates is not a gate."""
    return wanted_keys(folded, language) if language_of(folded, language) in NAMES_INFLECT else ()


def script(folded: str) -> str:
    """Return the script of a word's first letter, as Unicode names it ("LATIN"), or ""."""
    return "LATIN" if folded.isascii() and folded.isalpha() else _script(folded)


@lru_cache(1 << 16)
def _script(folded: str) -> str:
    return next((unicodedata.name(c, "").split(" ")[0] for c in folded if c.isalpha()), "")


def guess_language(text: str) -> str:
    """Return the likely language of `text` (ISO 639-1): CLD3's guess if it is sure, else by script and, in Latin
    letters, by the commonest small words; "en" without evidence. A few words are never taken for a rare language."""
    sample = text[:MOST_GUESSED].encode(errors="replace").decode()  # CLD3 rejects half of a surrogate pair
    words = [token.folded for token in Text(sample).tokens]
    scripts = [name for name in map(script, words[:FEW_SCRIPTS]) if name]
    if not scripts:
        return "und" if words else "en"
    main = max(dict.fromkeys(scripts), key=scripts.count)  # the first of several: the same in every process
    guess = _guesser.FindLanguage(text=sample)
    if guess.probability >= SURE and "-" not in guess.language:  # newspapers are never in "ru-Latn"
        code = _CODES.get(str(guess.language), str(guess.language))
        if main != "LATIN" or code in LANGUAGES_OF_SCRIPT[main] or len(words) >= ENOUGH:
            return code
    if main != "LATIN":
        return LANGUAGES_OF_SCRIPT.get(main, ("und",))[0]
    counts = {language: sum(word in small for word in words) for language, small in _SMALL_WORDS.items()}
    return max(counts, key=lambda language: counts[language])


def is_small_word(folded: str) -> bool:
    """Return whether a word is among the commonest of any language."""
    return any(folded in small for small in _SMALL_WORDS.values())


def case_of(surface: str) -> Case:
    """Return the case of a word; a capital inside makes it TITLE (iPhone)."""
    if surface.islower():
        return Case.LOWER
    if surface.isupper():
        return Case.UPPER if len(surface) > 1 else Case.TITLE
    return Case.TITLE if surface != surface.lower() else Case.NONE


# --- words ------------------------------------------------------------------------------------------

KEY = "\x01"  # never part of a folded form

_MARKS = "".join(
    f"{chr(first)}-{chr(last)}"
    for first, last in (
        (0x0300, 0x036F), (0x0483, 0x0487), (0x0591, 0x05BD), (0x05BF, 0x05BF), (0x05C1, 0x05C2), (0x05C4, 0x05C7),
        (0x0610, 0x061A), (0x0640, 0x0640), (0x064B, 0x065F), (0x0670, 0x0670), (0x06D6, 0x06DC), (0x06DF, 0x06E8),
        (0x06EA, 0x06ED), (0x0900, 0x0903), (0x093A, 0x094F), (0x0951, 0x0957), (0x0962, 0x0963), (0x0981, 0x0983),
        (0x09BC, 0x09D7), (0x0A01, 0x0A03), (0x0A3C, 0x0A51), (0x0A81, 0x0A83), (0x0ABC, 0x0ACD), (0x0B01, 0x0B03),
        (0x0B3C, 0x0B57), (0x0B82, 0x0B82), (0x0BBE, 0x0BD7), (0x0C00, 0x0C04), (0x0C3E, 0x0C56), (0x0C81, 0x0C83),
        (0x0CBC, 0x0CD6), (0x0D00, 0x0D03), (0x0D3B, 0x0D57), (0x0DCA, 0x0DDF), (0x200B, 0x200B), (0x200D, 0x200D),
        (0x2060, 0x2060), (0x00AD, 0x00AD), (0xFE00, 0xFE0F),
    )
)  # fmt: skip
_EACH = (  # scripts without spaces, and Hangul, whose particles are attached: each character is a token
    "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2\u0eb3\u0ec0-\u0ec6\u1000-\u102a\u1780-\u17b3"
    "\u1100-\u11ff\u3005-\u3007\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
    "\U00020000-\U0003134f"
)
_EACH_MARKS = "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd\u102b-\u103e\u17b4-\u17d3\u3099\u309a"
_JOINER = "\u200c(?![\u0620-\u06ff])"  # a ZWNJ inside a word: before an Arabic letter it separates words (می‌خواهد)
_EMOJI = "\u2600-\u27bf\U0001f000-\U0001faff"
_LETTER = rf"[^\W_{_EACH}]"
_TOKEN = re.compile(
    rf"(?P<acronym>(?<!{_LETTER})(?:[^\W\d_{_EACH}]\.){{2,}}(?:[^\W\d_{_EACH}](?!{_LETTER}))?)"
    rf"|(?P<word>{_LETTER}+(?:(?:[{_MARKS}]|{_JOINER})+{_LETTER}*)*(?:\+\+|\#(?!\w))?)(?:['’ʼ＇][sS](?!{_LETTER}))?"
    rf"|(?P<each>[{_EACH}][{_EACH_MARKS}]*|[{_EMOJI}]|(?<=[\w\s])[&＆](?=[\w\s]))"
)
ZWNJ = "\u200c"  # between two parts of a word in Arabic letters, where other texts have a space or nothing
_WORD = re.compile(rf"{_LETTER}+")
_GLUE = frozenset("-‐‑'’ʼ＇·." + ZWNJ)
_SIGNS = ".,:;!?…\"'“”‘’«»()[]{}<>/*%$€£-–—،؛؟"  # at the ends of a word, none of them is part of it
_SENTENCE_END = re.compile(r"[.!?…؟۔।]|\n\s*\n")
_ACCENTS = re.compile(
    r"(?<![ику])\u0306|[\u0300-\u0305\u0307-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4-\u05c7"
    r"\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u200b-\u200f\u2060\u00ad\ufe00-\ufe0f]"
)
_LETTERS = str.maketrans(
    {
        "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h", "ŧ": "t", "ı": "i",
        "ى": "ي", "ی": "ي", "ې": "ي", "ة": "ه", "ۀ": "ه", "ہ": "ه", "ھ": "ه", "ە": "ه", "ک": "ك", "ڪ": "ك",
        "ٱ": "ا", "ے": "ي", "ʼ": "", "’": "",
    }
)  # fmt: skip


def _read_chunk(chunk: str) -> Token | Chunk:
    """Return the analysis of a chunk. Most are a word with at most a sign beside it, which needs no long pattern."""
    bare = chunk.strip(_SIGNS)
    if _WORD.fullmatch(bare) and (folded := bare.lower() if bare.isascii() else fold(bare)):
        start = chunk.find(bare)
        end = start + len(bare)
        case = case_of(bare)
        word = Token(folded, start, end, case, "", folded + _MARK_OF[case])
        return word if bare == chunk else Chunk((word,), chunk[:start], chunk[end:], ())
    return _read_words(chunk)


def _read_words(chunk: str) -> Chunk:
    found: list[Token] = []
    head, done = "", 0
    for match in _TOKEN.finditer(f" {chunk} "):
        group = match.lastgroup or "word"
        start, end = match.start(group) - 1, match.end(group) - 1
        folded, case = _read(chunk[start:end])
        if not folded:
            continue
        gap = chunk[done:start]
        head = head if found else gap
        breaks = bool(found) and len(gap) > 1 and _breaks(gap, found[-1])
        glued = gap if found and gap in _GLUE else ""
        found.append(Token(folded, start, end, case, glued, folded + _MARK_OF[case], breaks, breaks or "\n" in gap))
        done = match.end() - 1
    return Chunk(tuple(found), head, chunk[done:], tuple(_runs(found)))


def _runs(words: list[Token]) -> Iterator[tuple[int, int]]:
    """Yield `start` and `end` of each run of words that are glued together."""
    end = 0
    for position, word in enumerate(words):
        if word.glued and position >= end:
            end = position + 1
            while end < len(words) and words[end].glued:
                end += 1
            yield position - 1, end


_known_chunks: dict[str, Token | Chunk] = {}


def _chunk(chunk: str) -> Token | Chunk:
    """Return the same, cached: a dictionary that is cleared now and then is faster than an `lru_cache`."""
    read = _read_chunk(chunk)
    if len(chunk) <= LONGEST_KEPT:
        if len(_known_chunks) >= MOST_CHUNKS:
            _known_chunks.clear()
        _known_chunks[chunk] = read
    return read


@lru_cache(1 << 17)
def _read(surface: str) -> tuple[str, Case]:
    """Return the folded form and case of a token, without dots between initials; "&" becomes "and"."""
    if surface in ("&", "＆"):
        return "and", Case.LOWER
    return fold(surface.replace(".", "")), case_of(surface)


def _breaks(gap: str, previous: Token) -> bool:
    """Return whether a sentence ends in `gap`: not at the dot of "St. Louis", nor at a single line break."""
    if not _is_end(gap):
        return False
    return gap != ". " or len(previous.folded) > LONGEST_ABBREVIATED or previous.case < Case.TITLE


@lru_cache(1 << 12)
def _is_end(gap: str) -> bool:
    return _SENTENCE_END.search(gap) is not None


# --- inflection -------------------------------------------------------------------------------------

_ENDINGS = frozenset(["", "s", "es", "ed", "d", "ing", "e", "y", "ies", "ied", "i", "er", "ers"])
SHORTEST_LEFT = 3  # letters that remain of an Arabic or Hebrew word without its clitics

_stemmers = {language: Stemmer.Stemmer(name, 0) for language, name in STEMMERS.items()}
_stemming = threading.Lock()  # PyStemmer's objects are not thread-safe; the caches above make this rare


def _snowball(folded: str, language: str) -> str:
    with _stemming:
        return str(_stemmers[language].stemWord(folded))


def _english_stem(folded: str) -> str:
    """Return the Snowball stem if only an inflection was removed; "organization" is not a form of "organ"."""
    stem = _snowball(folded, "en")
    ending = folded.removeprefix(stem)
    if ending in _ENDINGS or stem.endswith("i") or (ending[:1] == stem[-1:] and ending[1:] in _ENDINGS):
        return stem  # "flooding", "policies", "running"
    if folded.endswith("s") and not folded.endswith("ss"):
        return _english_stem(folded[:-1])
    return folded


def arabic_forms(folded: str) -> set[str]:
    """Return an Arabic word as it is, and without one or more of its leading و ف, ب ك ل and ال."""
    if not folded.startswith(MAY_BE_WRITTEN_ON):
        return {folded}
    forms = {folded}
    for prefixes in ("وف", "بكل"):
        forms |= {form[1:] for form in forms if form[:1] in prefixes}
    forms |= {"ال" + form[2:] for form in (folded, folded[1:]) if form.startswith("لل")}
    forms |= {form[2:] for form in forms if form.startswith("ال")}
    return {form for form in forms if len(form) >= SHORTEST_LEFT} | {folded}


def hebrew_forms(folded: str) -> set[str]:
    """Return a Hebrew word as it is, and without one or more of its leading ו, ש (כש, מש), ב כ ל מ and ה."""
    forms = {folded}
    for prefixes in (("ו",), ("כש", "מש", "ש"), ("ב", "כ", "ל", "מ"), ("ה",)):
        forms |= {form.removeprefix(prefix) for form in forms for prefix in prefixes}
    return {form for form in forms if len(form) >= SHORTEST_LEFT} | {folded}


MAY_BE_WRITTEN_ON = ("و", "ف", "ب", "ك", "ل", "ال")
WRITTEN_ON = {"ar": arabic_forms, "he": hebrew_forms}
ARTICLES = {"ar": "ال", "he": "ה"}

_guesser = gcld3.NNetLanguageIdentifier(min_num_bytes=0, max_num_bytes=MOST_GUESSED)
_CODES = {"iw": "he"}

_SMALL_WORDS = {
    language: word_set(words)
    for language, words in {
        "en": "the of and to in is that for on was with as by at from has are",
        "fr": "le la les des et du une est dans que pour qui sur pas au aux",
        "es": "el los las del y una en por con para que se su al como",
        "de": "der die das und den von mit dem ist im fur auf nicht ein eine zu",
        "it": "il di che della per gli una non del sono nel con dei alla",
        "pt": "o os as do da dos das em uma nao por com para no na que",
        "nl": "het een van de en dat op te zijn voor met niet aan ook",
        "sv": "och att det som en pa ar av for med till den har inte om",
        "da": "og at det en til er af for med den der pa ikke har som",
        "tr": "ve bir bu da de icin ile olarak daha olan gibi cok",
        "pl": "i w na z do nie sie jest to ze o jak po przez od",
        "ro": "si de la in cu pe din care nu este un pentru sa mai",
        "hu": "a az es hogy nem is egy van meg ez volt",
        "fi": "ja on ei se etta oli mutta kun myos ovat",
        "cs": "a v na se je z do ze by za pro s jako",
        "ca": "el la els les dels i una amb per que al",
    }.items()
}
