"""Cleaner: turns publishers' markup into plain, safe text, and separates an article from what surrounds it.

In: a title or body as a feed or a scraper gave it. Out: text without markup, entities, control characters
or bidi overrides; a body also without repeated captions, calls to click, and lists of unrelated headlines.
`Traced.offsets` maps each character to its position in the original, so that a match can be located in the field
as given. Hence the small markup scanner: lxml does not report where in its input a character was.
"""

import html
import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

MAX_CHARACTERS = 1 << 18  # of one field; the rest is ignored
ROUNDS = 6  # of unescaping: "&amp;amp;lt;" occurs in real feeds, deeper nesting is an attack

# Control characters, bidi embeddings and isolates (reliable display), byte order marks, lone surrogates. No quantifier:
# `re` searches five times as fast for a pattern that begins with a set of characters.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_MARKUP = re.compile(
    r"<(?:(?P<hidden>!--|!\[CDATA\[|(?i:script|style|template)\b)"
    r"|/?(?P<name>[A-Za-z][\w:-]*)(?:[\s/][^<>]*)?>"
    r"|[!?][A-Za-z][^<>]*>)"
    r"|&(?P<entity>\#[0-9]{1,7};?|\#[xX][0-9a-fA-F]{1,6};?|[A-Za-z][A-Za-z0-9]{1,30};|(?:amp|lt|gt|quot|nbsp)\b)",
)
_HIDDEN = re.compile(r"<(?:!--|!\[CDATA\[|(?:script|style|template)\b)", re.IGNORECASE)
_HIDDEN_ENDS = {"<!--": "-->", "<![cdata[": "]]>"}
_BLOCK_TAGS = frozenset(
    ("address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "figcaption", "figure", "footer",
     "form", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "header", "li", "main", "nav", "ol", "p", "pre", "section",
     "table", "td", "th", "tr", "ul")
)  # fmt: skip
_LINE_BREAK = re.compile(r"[\n\r\x0c\x0b\x85\u2028\u2029]+")
_BLANK = r"[^\S\n\r\x0b\x0c\x85\u2028\u2029]"
_GAP = re.compile(rf"{_BLANK}{{3,}}|\t+|{_BLANK}+[|•·▪●]{_BLANK}+")
_GAP_MARKS, _WIDE_GAP = re.compile(r"[\t|•·▪●]"), re.compile(_BLANK * 3)  # a gap has one of these
_WORD = re.compile(r"[^\W_]+")
_MAY_BE_MARKUP = re.compile("[&<]")
_NOWHERE = array("I")


class Traced(NamedTuple):
    """A cleaned text; character i of `text` was at code point `offsets[i]` of the original.

    `offsets` is empty where they were not requested: tracking them costs more than the cleaning itself.
    """

    text: str
    offsets: "array[int]"

    def slice(self, start: int, end: int) -> "Traced":
        """Return the part from `start` to `end`."""
        return Traced(self.text[start:end], self.offsets[start:end])

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of `text[start:end]` (not empty) in the original."""
        return self.offsets[start], self.offsets[end - 1] + 1


@dataclass(frozen=True, slots=True)
class CleanArticle:
    """A title and body without noise; `headline_in_text`: the title was found in the text."""

    title: Traced
    text: Traced
    headline_in_text: bool


def clean_text(raw: str) -> str:
    """Return `raw` as one line of plain text in NFC: for titles, names, one paragraph. Idempotent, never raises."""
    for _ in range(ROUNDS):
        before, raw = raw, unicodedata.normalize("NFC", _join_words(_plain(raw, trace=False)).text)
        if raw == before or not _MAY_BE_MARKUP.search(raw):
            break
    return raw


def clean_body(title: str, text: str) -> str:
    """Return the article in `text` as plain paragraphs, one a line, in NFC, without noise or a copy of its title.

    Idempotent, never raises. A headline in the text of an untitled article stays there.
    """
    head = clean_text(title)
    for _ in range(ROUNDS):
        blocks = _blocks(_plain(text, trace=False))
        kept = _article(blocks, head)
        before, text = text, unicodedata.normalize("NFC", _paragraphs(kept).text)
        whole = len(kept) == len(blocks) and not any(block.listed for block in blocks)
        if text == before or (whole and not _MAY_BE_MARKUP.search(text)):
            break  # a further round would change nothing
    return text


def clean_entry(title: str, text: str) -> tuple[str, str]:
    """Return title and body as `clean_text` and `clean_body` do; an empty title is searched in the text."""
    head, body = clean_text(title), clean_body(title, text)
    if head:
        return head, body
    found = clean_article("", body)
    return (clean_text(found.title.text), found.text.text) if found.headline_in_text else (head, body)


def trace_line(raw: str) -> Traced:
    """Return `raw` as one line without markup or unwanted characters, traced."""
    return _join_words(_plain(raw, trace=True))


def clean_article(title: str, text: str) -> CleanArticle:
    """Return the title and the article proper. An empty title is searched in the text."""
    head = trace_line(title)
    blocks = _article(_blocks(_plain(text, trace=True)), head.text)
    if head.text:
        return CleanArticle(head, _paragraphs(blocks), headline_in_text=False)
    found = _headline(blocks)
    if found is None:
        return CleanArticle(head, _paragraphs(blocks), headline_in_text=False)
    rest = [block for block in blocks if block is not found]
    return CleanArticle(found.traced, _paragraphs(rest), headline_in_text=True)


def _article(blocks: list["_TextBlock"], title: str) -> list["_TextBlock"]:
    return _without_lists(_without_noise(blocks, title))


# --- markup -----------------------------------------------------------------------------------------


def _plain(raw: str, *, trace: bool) -> Traced:
    """Return `raw` without markup, entities (escaped twice too) and unwanted characters."""
    raw = raw[:MAX_CHARACTERS]
    traced = _wanted(Traced(raw, array("I", range(len(raw))) if trace else _NOWHERE))
    for _ in range(ROUNDS):
        if not _MAY_BE_MARKUP.search(traced.text):
            return traced
        before, traced = traced, _wanted(_without_markup(traced))
        if traced.text == before.text:
            return before
    return _replaced(traced, ((m.start(), m.end(), " ") for m in _MAY_BE_MARKUP.finditer(traced.text)))


def _wanted(traced: Traced) -> Traced:
    if not _UNWANTED.search(traced.text):
        return traced
    return _replaced(traced, ((m.start(), m.end(), "") for m in _UNWANTED.finditer(traced.text)))


def _replaced(traced: Traced, changes: Iterable[tuple[int, int, str]]) -> Traced:
    """Return `traced` with each (start, end, new) put in; `changes` in order, not overlapping."""
    texts: list[str] = []
    offsets = array("I")
    done = 0
    for start, end, new in changes:
        texts += (traced.text[done:start], new)
        if traced.offsets:
            offsets.extend(traced.offsets[done:start])
            offsets.extend([traced.offsets[start]] * len(new))
        done = end
    if not done:
        return traced
    texts.append(traced.text[done:])
    offsets.extend(traced.offsets[done:])
    return Traced("".join(texts), offsets)


def _without_markup(traced: Traced) -> Traced:
    if traced.offsets or _HIDDEN.search(traced.text):
        return _replaced(traced, _markup(traced.text))
    return Traced(_MARKUP.sub(_meaning, traced.text), _NOWHERE)


def _meaning(found: re.Match[str]) -> str:
    """Return the text that replaces a tag, an entity or a declaration: a line break, a character or nothing."""
    if name := found["name"]:
        return "\n" if name.lower() in _BLOCK_TAGS else ""
    return html.unescape(found.group()) if found["entity"] else ""


def _markup(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, replacement) of each piece of markup in `text`."""
    unclosed: set[str] = set()
    position = 0
    while found := _MARKUP.search(text, position):
        start, position = found.span()
        if found["hidden"]:
            position = _hidden_end(text, found, unclosed)
        yield start, position, "" if found["hidden"] else _meaning(found)


def _hidden_end(text: str, opening: re.Match[str], unclosed: set[str]) -> int:
    """Return where a comment, script or style ends; the end of its opening tag if it is never closed."""
    start = opening.group().casefold()
    closing = _HIDDEN_ENDS.get(start, f"</{start[1:]}>")
    if closing not in unclosed:
        end = re.compile(re.escape(closing), re.IGNORECASE).search(text, opening.end())
        if end:
            return end.end()
        unclosed.add(closing)  # or an attack with 50,000 openings would be searched 50,000 times
    return opening.end()


def _join_words(traced: Traced) -> Traced:
    """Return `traced` with every run of white space as one space, and none at the ends."""
    if not traced.offsets:
        return Traced(" ".join(traced.text.split()), _NOWHERE)
    spaces = ((m.start(), m.end(), " ") for m in re.finditer(r"\s+", traced.text) if m.group() != " ")
    joined = _replaced(traced, spaces)
    start = 1 if joined.text.startswith(" ") else 0
    end = len(joined.text) - (1 if joined.text.endswith(" ") else 0)
    return joined.slice(start, max(start, end))


# --- an article among other things ------------------------------------------------------------------

LIST_LENGTH = 5  # headlines in a row that make a list: fewer may be subheadings
RELATED = 0.5  # share of a headline's longer words that are also in the article it belongs to
OUTSIDE = 0.2  # a list with less than this share of the prose on one side is above or below the article

_SENTENCE_END = re.compile(r"(?:[^\W\d_A-Z]{2}|\d|[^\w\s])[.!?…。！？؟۔।]+[\"'’”»)\]]*(?=\s|$)|[。！？]")
_NOT_A_HEADLINE_END = tuple(".,;:。،؛۔।")
_CALL = re.compile(
    r"(?:clic|click|tap|press) here\b.*|(?:continue|keep) reading\b.*|the post .* appeared (?:first )?on .*"
    r"|read (?:more|on|also|next|the (?:full|whole|rest)\b).*|\[?(?:…|\.\.\.)\]?|advertisement",
    re.IGNORECASE,
)
_CLOSERS = "\"'’”»)]"


@dataclass(eq=False)
class _TextBlock:
    """A line of a text, or one item of a line that lists headlines (`listed`)."""

    traced: Traced
    listed: bool

    @property
    def text(self) -> str:
        return self.traced.text

    @cached_property
    def is_prose(self) -> bool:
        """Return whether it has a sentence, or is too long for a headline."""
        words = len(_WORD.findall(self.text))
        return not self.listed and ((words >= 6 and bool(_SENTENCE_END.search(self.text))) or words > 30)

    @cached_property
    def is_headline(self) -> bool:
        """Return whether it could be the headline of something."""
        return self.listed or (_looks_like_a_headline(self.text) and not self.is_prose)


def _looks_like_a_headline(text: str) -> bool:
    if text.rstrip(_CLOSERS).endswith(_NOT_A_HEADLINE_END):
        return False
    words = _WORD.findall(text)
    if not 3 <= len(words) <= 30:
        return False
    numbers = sum(word.isdigit() for word in words)
    return not words[0][0].islower() and numbers * 4 <= len(words)


def _blocks(plain: Traced) -> list[_TextBlock]:
    gaps = _GAP_MARKS.search(plain.text) or _WIDE_GAP.search(plain.text)
    if not (gaps or plain.offsets):
        lines = (
            " ".join(line.split()) for line in _LINE_BREAK.split(plain.text)
        )  # the same result; most texts are like this
        return [_TextBlock(Traced(line, _NOWHERE), listed=False) for line in lines if line]
    blocks = []
    for line in _split(plain, _LINE_BREAK):
        items = [item for item in map(_join_words, _split(line, _GAP)) if item.text] if gaps else []
        if _is_list(items):
            blocks += [_TextBlock(item, listed=True) for item in items]
        elif (whole := _join_words(line)).text:
            blocks.append(_TextBlock(whole, listed=False))
    return blocks


def _split(traced: Traced, separator: re.Pattern[str]) -> Iterator[Traced]:
    if not traced.offsets:
        yield from (Traced(part, _NOWHERE) for part in separator.split(traced.text))
        return
    start = 0
    for found in separator.finditer(traced.text):
        yield traced.slice(start, found.start())
        start = found.end()
    yield traced.slice(start, len(traced.text))


def _is_list(items: list[Traced]) -> bool:
    """Return whether a line's items, set apart by wide gaps, are headlines: at least four in five look like it."""
    return len(items) >= LIST_LENGTH and sum(_looks_like_a_headline(i.text) for i in items) >= 0.8 * len(items)


def _without_noise(blocks: list[_TextBlock], title: str) -> list[_TextBlock]:
    """Drop repetitions (a title above its text, captions), calls to click, and initials on a line of their own."""
    seen = {title.casefold()}
    kept = []
    for block in blocks:
        key = block.text.casefold()
        stray = len(blocks) > 1 and len(key) <= 3
        if key not in seen and not stray and not (len(key) <= 120 and _CALL.fullmatch(key)):
            kept.append(block)
        seen.add(key)
    return kept


def _without_lists(blocks: list[_TextBlock]) -> list[_TextBlock]:
    """Drop lists of headlines above or below the article that have little to do with it.

    They are recognised by their shape: several in a row, none with a full stop, next to prose. A last line that is
    about the prose right after it is that article's own headline, and stays.
    """
    if not any(block.is_headline for block in blocks[LIST_LENGTH - 1 :: LIST_LENGTH]):
        return blocks  # no run of headlines can be long enough
    flags = [block.is_headline for block in blocks]
    if not any(flags[start] and end - start >= LIST_LENGTH for start, end in _runs(flags)):
        return blocks
    sizes = [len(block.text) if block.is_prose else 0 for block in blocks]
    article = _long_words(block.text for block in blocks if block.is_prose)
    total, before = sum(sizes), 0
    kept: list[_TextBlock] = []
    for start, end in _runs(flags):
        run = blocks[start:end]
        is_list = flags[start] and len(run) >= LIST_LENGTH
        if is_list and min(before, total - before) < OUTSIDE * total and _unrelated(run, article):
            last = run[-1]
            kept += [last] if not last.listed and _relation(last, article) >= RELATED else []
        else:
            kept += run
        before += sum(sizes[start:end])
    return kept


def _runs(flags: list[bool]) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of each run of equal flags."""
    start = 0
    for end in range(1, len(flags) + 1):
        if end == len(flags) or flags[end] != flags[start]:
            yield start, end
            start = end


def _unrelated(run: list[_TextBlock], article: set[str]) -> bool:
    return sum(_relation(block, article) < RELATED for block in run) * 2 > len(run)


def _relation(block: _TextBlock, article: set[str]) -> float:
    words = _long_words([block.text])
    return len(words & article) / len(words) if words else 0.0


def _long_words(texts: Iterable[str]) -> set[str]:
    """Return the beginnings of the words of four letters and more: enough to compare the subjects of texts."""
    return {word[:5] for text in texts for word in _WORD.findall(text.casefold()) if len(word) >= 4}


def _headline(blocks: list[_TextBlock]) -> _TextBlock | None:
    """Return the line that is most about the prose after it (the first of equals), or None when no line is."""
    best, best_relation = None, RELATED
    after: set[str] = set()
    for block in reversed(blocks):
        if block.is_prose:
            after |= _long_words([block.text])
        elif block.is_headline and not block.listed:
            relation = _relation(block, after)
            if relation >= best_relation and relation > RELATED:
                best, best_relation = block, relation
    return best


def _paragraphs(blocks: list[_TextBlock]) -> Traced:
    """Return the blocks as lines of one text."""
    offsets = array("I")
    for index, block in enumerate(blocks):
        if not block.traced.offsets:
            break
        if index:
            offsets.append(block.traced.offsets[0])
        offsets.extend(block.traced.offsets)
    return Traced("\n".join(block.text for block in blocks), offsets)
