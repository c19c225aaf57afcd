"""Notices to admins about a source: paused, blocked, failing for long, or faults of its document."""

from markupsafe import Markup

from bot.locales import Words
from bot.models import Source
from bot.storage import sources

LONG_FAILING = 8  # failures in a row, most of a day: then admins are told


def _paused(source: Source, words: Words) -> Markup:
    return words.say(
        "The feed of <b>{title}</b> is gone for good, its server says. It is paused: /sources",
        title=source.title or sources.host_of(source.url),
    )


def _blocked(source: Source, words: Words) -> Markup:
    return words.say(
        "The server of <b>{title}</b> refuses to serve us. It is asked again every few hours: /sources",
        title=source.title or sources.host_of(source.url),
    )


def _failing(source: Source, words: Words) -> Markup:
    return words.say(
        "The feed of <b>{title}</b> could not be read {count} times in a row. It is tried again every day: /sources",
        title=source.title or sources.host_of(source.url),
        count=LONG_FAILING,
    )


def _ids(source: Source, words: Words) -> Markup:
    return words.say(
        "The feed of <b>{title}</b> gives one id to several entries. They are told apart by their links and titles; "
        "should entries come twice, that is why: /sources",
        title=source.title or sources.host_of(source.url),
    )


def _letters(source: Source, words: Words) -> Markup:
    return words.say(
        "The feed of <b>{title}</b> has letters that look wrong, as if it named the wrong encoding: /sources",
        title=source.title or sources.host_of(source.url),
    )


_TROUBLES = {"paused": _paused, "blocked": _blocked, "failing": _failing, "ids": _ids, "letters": _letters}
