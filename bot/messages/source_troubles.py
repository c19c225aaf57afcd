"""Troubles of sources, in sentences: why a source failed, and the notices to admins about one.

The table SENTENCES has one sentence for each fault; its placeholders are the `values` of the `SourceError`.
"""

from collections import defaultdict
from collections.abc import Mapping

from markupsafe import Markup

from bot.errors import SourceError, SourceFault
from bot.locales import DEFAULT, Words, words
from bot.models import Source

READ_OF_ONE = 500  # entries of one document, the newest: `bot.sources.reading.normalise.MAX_ENTRIES`
NEW_A_DAY = 20_000  # new entries of one source: a wire with 50 new ones every five minutes has 14,400
LONG_FAILING = 8  # failures in a row, most of a day: then admins are notified


def _(sentence: str) -> str:
    """Mark a sentence for translation; it is looked up when it is shown."""
    return sentence


SENTENCES: Mapping[SourceFault, str] = {
    SourceFault.NO_ADDRESS: _("There is no address."),
    SourceFault.LONG_ADDRESS: _("The address is longer than {characters} characters."),
    SourceFault.CHARACTERS_IN_ADDRESS: _("The address has a space, a backslash or a control character in it."),
    SourceFault.NOT_AN_ADDRESS: _("This is not a web address."),
    SourceFault.OTHER_SCHEME: _("Only http and https addresses can be watched."),
    SourceFault.USER_IN_ADDRESS: _("Please leave the user name and password out of the address."),
    SourceFault.NO_HOST: _("The address names no host."),
    SourceFault.ODD_HOST: _("The address has an odd host name."),
    SourceFault.NOT_PUBLIC: _("This address is not on the public internet."),
    SourceFault.PORT: _("This port may not be used."),
    SourceFault.SECRET_OVER_HTTP: _("A secret is sent over https only."),
    SourceFault.HOST_NOT_FOUND: _("The host name could not be found."),
    SourceFault.NOT_REACHED: _("The server could not be reached."),
    SourceFault.DISCONNECTED: _("The server closed the connection without an answer."),
    SourceFault.TLS_FAILED: _("A secure connection could not be made: the certificate or the handshake failed."),
    SourceFault.NO_ANSWER: _("The server did not answer within {seconds} seconds."),
    SourceFault.TOO_MANY_REDIRECTS: _("The address was redirected more than {times} times."),
    SourceFault.BAD_REDIRECT: _("The address was redirected to something that cannot be fetched."),
    SourceFault.BLOCKED: _("The server refuses to serve us (status {status})."),
    SourceFault.GONE: _("The server says that this document is gone for good."),
    SourceFault.NOT_FOUND: _("There is nothing at this address (status 404)."),
    SourceFault.STATUS: _("The server answered with status {status}."),
    SourceFault.BROKEN_OFF: _("The server's answer broke off."),
    SourceFault.NOT_HTTP: _("The server's answer is not proper HTTP."),
    SourceFault.LARGE_DOCUMENT: _("The document is larger than {mebibytes} MiB."),
    SourceFault.NOT_GZIP: _("The answer is announced as gzip and is not."),
    SourceFault.OTHER_COMPRESSION: _("The answer is compressed in a way nobody asked for."),
    SourceFault.DAMAGED_COMPRESSION: _("The compressed answer is damaged."),
    SourceFault.CUT_COMPRESSION: _("The compressed answer ends too early."),
    SourceFault.MANY_MEMBERS: _("The compressed answer has more than {members} parts."),
    SourceFault.EMPTY: _("The document is empty."),
    SourceFault.NOT_A_FEED: _("This document is not a feed."),
    SourceFault.WEB_PAGE: _("This is a web page, not a feed."),
    SourceFault.OTHER_JSON: _("This is JSON, but not a JSON Feed."),
    SourceFault.NO_FEED_FOUND: _("This is not a feed, and no working feed was found there."),
    SourceFault.ENTITIES: _("The document declares XML entities, which are not accepted."),
    SourceFault.UNREADABLE: _("The document could not be read ({error})."),
    SourceFault.READING_TOO_LONG: _("Reading the document took too long."),
    SourceFault.READING_MEMORY: _("Reading the document took too much memory."),
    SourceFault.READING_TIME_OR_MEMORY: _("Reading the document took too much time or memory."),
    SourceFault.READING_STOPPED: _("Reading the document stopped half-way."),
    SourceFault.NOT_OPML: _("This is not a plain OPML file."),
    SourceFault.DEEP_OPML: _("The folders of this OPML file are nested too deep."),
    SourceFault.LARGE_OPML: _("An OPML file may have 1 MiB at most."),
    SourceFault.MANY_FEEDS: _("An OPML file may have {feeds} feeds at most."),
    SourceFault.NOT_A_PAGE: _("This is not a web page."),
    SourceFault.PAGE_UNREADABLE: _("The page cannot be read."),
    SourceFault.PAGE_ADDS_NOTHING: _("The page says no more than the feed."),
    SourceFault.PAGE_OF_SOMETHING_ELSE: _("The page is about something else."),
    SourceFault.PAGE_TOO_LONG: _("The page and what it needs took too long."),
    SourceFault.ROBOTS_UNREADABLE: _("The site's robots.txt cannot be read."),
    SourceFault.ROBOTS_DISALLOW: _("The site's robots.txt does not allow this page to be read."),
    SourceFault.ROBOTS_NOT_FETCHED: _("The site's robots.txt cannot be fetched."),
    SourceFault.OVERTAKEN: _("Another poll of this source was faster."),
    SourceFault.POLL_TOO_LONG: _("Reading it took too long."),
    SourceFault.BUG: _("Something in Watchword broke; the log says what."),
    SourceFault.UNKNOWN: "{text}",  # of an older version, in its language
}


def explain(error: SourceError, reader: Words | None = None) -> str:
    """Return the sentence for a failure, plain text in the reader's language; English without a reader."""
    reader = reader or words(DEFAULT)
    sentence = reader.gettext(SENTENCES[error.fault])
    values = {name: reader.isolate(value) if isinstance(value, str) else value for name, value in error.values.items()}
    return sentence.format_map(defaultdict(lambda: "?", values))  # of another version, it may lack a value


def _paused(source: Source, reader: Words) -> Markup:
    return reader.say(
        "The feed of <b>{title}</b> is gone for good, its server says. It is paused: /sources", title=source.name
    )


def _blocked(source: Source, reader: Words) -> Markup:
    return reader.say(
        "The server of <b>{title}</b> refuses to serve us. It is asked again every few hours: /sources",
        title=source.name,
    )


def _failing(source: Source, reader: Words) -> Markup:
    return reader.say(
        "The feed of <b>{title}</b> could not be read {count} times in a row. It is tried again every day: /sources",
        title=source.name,
        count=LONG_FAILING,
    )


def _ids(source: Source, reader: Words) -> Markup:
    return reader.say(
        "The feed of <b>{title}</b> gives one id to several entries. They are told apart by their links and titles; "
        "should entries come twice, that is why: /sources",
        title=source.name,
    )


def _letters(source: Source, reader: Words) -> Markup:
    return reader.say(
        "The feed of <b>{title}</b> has letters that look wrong, as if it named the wrong encoding: /sources",
        title=source.name,
    )


def _long(source: Source, reader: Words) -> Markup:
    return reader.say(
        "The feed of <b>{title}</b> has more than {count} entries in one document. I read the newest {count}: /sources",
        title=source.name,
        count=READ_OF_ONE,
    )


def _changing(source: Source, reader: Words) -> Markup:
    return reader.say(
        "The feed of <b>{title}</b> gives its entries new ids and links each time. What has a known text is no news: "
        "/sources",
        title=source.name,
    )


def _flood(source: Source, reader: Words) -> Markup:
    return reader.say(
        "The feed of <b>{title}</b> had more than {count} new entries in a day. I leave out the rest: /sources",
        title=source.name,
        count=NEW_A_DAY,
    )


# By the trouble's name, as the poller and `Feed.troubles` give it: renders (source, reader's language) as a notice.
NOTICES = {
    "paused": _paused,
    "blocked": _blocked,
    "failing": _failing,
    "ids": _ids,
    "letters": _letters,
    "long": _long,
    "changing": _changing,
    "flood": _flood,
}
