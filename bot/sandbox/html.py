"""Parser of Telegram's HTML (core.telegram.org/bots/api#html-style) into text and entities.

Rules and error descriptions are those of tdlib's parser, byte offsets included.
"""

import re
from dataclasses import dataclass

from bot.sandbox.errors import JSON, bad_request
from bot.sandbox.text import CLEANED, in_order, is_link, part, units

SIMPLE = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
}
TAGS = {*SIMPLE, "a", "tg-emoji"}
BLANKS = " \t\r\n\v"
NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}  # the only four
REFERENCE = re.compile(r"&(?:#(\d{1,8})|#[xX]([0-9a-fA-F]{1,8})|(lt|gt|amp|quot)(?![0-9a-zA-Z])|);?")
PLAIN = re.compile(r"[^<&]+")
NAME = re.compile(rf"[^{BLANKS}>]*")
ATTRIBUTE = re.compile(rf"[^{BLANKS}=>/\"']+")
TOKEN = re.compile(r"[0-9a-zA-Z.-]*")


@dataclass(frozen=True, slots=True)
class _OpenTag:
    tag: str
    argument: str  # the value of `href`, `class` or `emoji-id`, or "expandable"
    offset: int


def parse_html(markup: str) -> tuple[str, list[JSON]]:
    """Return the text and its entities. Raises ApiError (400, "can't parse entities: …")."""
    return _HtmlParser(markup).parse()


class _HtmlParser:
    def __init__(self, markup: str) -> None:
        self.markup = markup
        self.at = 0
        self.text: list[str] = []
        self.offset = 0  # of the text so far, in UTF-16 units
        self.open: list[_OpenTag] = []
        self.entities: list[JSON] = []

    def parse(self) -> tuple[str, list[JSON]]:
        while self.at < len(self.markup):
            if self.markup.startswith("&", self.at):
                self._add(self._reference())
            elif self.markup.startswith("</", self.at):
                self._end_tag()
            elif self.markup.startswith("<", self.at):
                self._start_tag()
            else:
                self._add(self._match(PLAIN, self.at))
        if self.open:
            raise _unreadable(f'Can\'t find end tag corresponding to start tag "{self.open[-1].tag}"')
        for entity in self.entities:
            if entity["type"] == "code":
                entity.pop("language", None)  # only `pre` has one
        return "".join(self.text), in_order(self.entities)

    def _add(self, text: str) -> None:
        self.text.append(text)
        self.offset += units(text)

    def _reference(self) -> str:
        """Parse a character reference; an invalid one is literal text."""
        match = REFERENCE.match(self.markup, self.at)
        assert match  # matches the bare "&" too
        decimal, hexadecimal, name = match.groups()
        if name:
            self.at = match.end()
            return NAMED[name]
        code = int(decimal) if decimal else int(hexadecimal or "0", 16)
        if 0 < code < 0xD800 or 0xDFFF < code <= 0x10FFFF:
            self.at = match.end()
            return chr(code).translate(CLEANED)
        self.at += 1
        return "&"

    def _start_tag(self) -> None:
        begin = self.at
        name = self._match(NAME, begin + 1)
        tag = name.lower()
        if self.at >= len(self.markup):
            raise _unreadable(f"Unclosed start tag at byte offset {self._byte(begin)}")
        if tag not in TAGS:
            raise _unreadable(f'Unsupported start tag "{tag}" at byte offset {self._byte(begin)}')
        argument = ""
        self._skip_blanks()
        while not self.markup.startswith(">", self.at):
            attribute, value = self._attribute(tag, begin)
            argument = _argument(tag, attribute, value) or argument
            self._skip_blanks()
        self.at += 1
        if tag == "span" and argument != "spoiler":
            raise _unreadable(f'Tag "span" must have class "tg-spoiler" at byte offset {self._byte(begin)}')
        self.open.append(_OpenTag(tag, argument, self.offset))

    def _attribute(self, tag: str, begin: int) -> tuple[str, str]:
        name = self._match(ATTRIBUTE, self.at)
        if not name:
            raise _unreadable(
                f"Unclosed start tag at byte offset {self._byte(begin)}"
                if self.at >= len(self.markup)
                else f'Empty attribute name in the tag "{tag}" at byte offset {self._byte(begin)}'
            )
        self._skip_blanks()
        value = ""
        if self.markup.startswith("=", self.at):
            self.at += 1
            self._skip_blanks()
            value = self._value()
        if self.at >= len(self.markup):
            raise _unreadable(f"Unclosed start tag at byte offset {self._byte(begin)}")
        return name.lower(), value

    def _value(self) -> str:
        quote = self.markup[self.at : self.at + 1]
        if quote and quote in "\"'":
            return self._quoted(quote)
        begin = self.at
        token = self._match(TOKEN, begin)
        if self.at < len(self.markup) and self.markup[self.at] not in BLANKS + ">":
            raise _unreadable(f"Unexpected end of name token at byte offset {self._byte(begin)}")
        return token.lower()

    def _quoted(self, quote: str) -> str:
        self.at += 1
        value = ""
        while self.at < len(self.markup) and self.markup[self.at] != quote:
            if self.markup[self.at] == "&":
                value += self._reference()
            else:
                value += self.markup[self.at]
                self.at += 1
        self.at += 1
        return value

    def _end_tag(self) -> None:
        begin = self.at
        if not self.open:
            raise _unreadable(f"Unexpected end tag at byte offset {self._byte(begin)}")
        name = self._match(NAME, begin + 2).lower()
        self._skip_blanks()
        if not self.markup.startswith(">", self.at):
            raise _unreadable(f"Unclosed end tag at byte offset {self._byte(begin)}")
        self.at += 1
        opened = self.open.pop()
        if name and name != opened.tag:
            raise _unreadable(
                f'Unmatched end tag at byte offset {self._byte(begin)}, expected "</{opened.tag}>", found "</{name}>"'
            )
        if self.offset > opened.offset:
            self._close(opened)

    def _close(self, opened: _OpenTag) -> None:
        entity: JSON = {"type": "", "offset": opened.offset, "length": self.offset - opened.offset}
        match opened.tag:
            case "a":
                entity |= _link(opened.argument or part("".join(self.text), entity))
            case "tg-emoji":
                entity |= _emoji(opened.argument)
            case "pre":
                entity |= {"type": "pre", **self._language_inside(entity)}
            case "code" if opened.argument and self.open and self.open[-1].tag == "pre":
                entity |= {"type": "code", "language": opened.argument}
            case "blockquote" if opened.argument:
                entity["type"] = "expandable_blockquote"
            case _:
                entity["type"] = SIMPLE[opened.tag]
        if entity["type"]:
            self.entities.append(entity)

    def _language_inside(self, entity: JSON) -> JSON:
        """Remove a `code` entity that fills this `pre`, and return its language."""
        last = self.entities[-1] if self.entities else None
        if last and last["type"] == "code" and all(last[key] == entity[key] for key in ("offset", "length")):
            self.entities.pop()
            return {"language": last["language"]} if "language" in last else {}
        return {}

    def _match(self, pattern: re.Pattern[str], at: int) -> str:
        match = pattern.match(self.markup, at)
        self.at = match.end() if match else at
        return match.group() if match else ""

    def _skip_blanks(self) -> None:
        while self.at < len(self.markup) and self.markup[self.at] in BLANKS:
            self.at += 1

    def _byte(self, at: int) -> int:
        return len(self.markup[:at].encode("utf-8", "replace"))


def _argument(tag: str, attribute: str, value: str) -> str:
    match tag, attribute:
        case ("a", "href") | ("tg-emoji", "emoji-id"):
            return value
        case "code", "class":
            return value.removeprefix("language-") if value.startswith("language-") else ""
        case "span", "class":
            return value.removeprefix("tg-") if value.startswith("tg-") else ""
        case "blockquote", "expandable":
            return "expandable"
    return ""


def _link(url: str) -> JSON:
    """Return the entity of an `<a>`, or {} for an address that Telegram does not accept."""
    user = re.fullmatch(r"tg://user\?id=(\d+)", url)
    if user:
        person = {"id": int(user[1]), "is_bot": False, "first_name": user[1]}
        return {"type": "text_mention", "user": person}
    if not is_link(url):
        return {}
    return {"type": "text_link", "url": url if "://" in url else f"http://{url}"}


def _emoji(identifier: str) -> JSON:
    if not identifier.isdecimal():
        raise _unreadable("Invalid custom emoji identifier specified")
    return {"type": "custom_emoji", "custom_emoji_id": identifier}


def _unreadable(words: str) -> Exception:
    return bad_request(f"can't parse entities: {words}")
