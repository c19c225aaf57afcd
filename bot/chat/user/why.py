"""/why, and the button under an alert: why a story was sent, or was not."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.chat.replies import reply
from bot.chat.request import Request
from bot.chat.user.fates import doubt, fate
from bot.delivery.telegram.send import RESENT
from bot.errors import QueryError, UserError
from bot.locales import Words
from bot.matching.engine.aliases import Aliases
from bot.matching.engine.document import Document
from bot.matching.engine.evaluate import match_document
from bot.matching.query.ast import without_exclusions
from bot.matching.query.parser import parse
from bot.matching.query.printer import format_query
from bot.messages import news
from bot.messages.callbacks import CountedButton, WhyButton
from bot.messages.items import Item
from bot.messages.limits import LIMIT, measure
from bot.messages.payload import Rows, from_json
from bot.messages.safe_text import clean, clip
from bot.models import Article, Message
from bot.sources.address import canonical_link
from bot.storage import alerts, delivery_items, entries, hits, subscriptions
from bot.storage.delivery_items import SentMessageRecord
from bot.storage.hits import Finding

MOST = 10  # stories explained at once
WORDS = 4  # of those that matched, shown
TITLE = 120


async def why(request: Request) -> None:
    """Explain the message that this replies to, or the article whose link was sent."""
    message = request.update.effective_message
    answered = message.reply_to_message if message else None
    looked = await _look_up(request, request.args.split()[0]) if request.args.strip() else None
    async with request.transaction() as connection:
        if looked is not None:
            await reply(request, connection, *await _of_link(request, connection, looked))
        elif answered is not None:
            told = await hits.entries_told_in(connection, request.chat.id, answered.message_id)
            sent = await delivery_items.find_sent(connection, request.chat.id, answered.message_id)
            await reply(request, connection, await _of_entries(request, connection, told, _perhaps_seen(sent)))
        else:
            raise UserError(request.words.gettext("Answer an alert or a digest with /why, or send /why with a link."))


async def pressed(request: Request, connection: AsyncConnection, button: WhyButton) -> tuple[Message | None, str]:
    """Explain the alert whose button was pressed, in place: the matched words are added to it.

    In a group or channel the post is everybody's: the answer is a pop-up for the person who pressed.
    """
    explained = await _of_entries(request, connection, [button.entry_id])
    if not request.is_private:
        return None, str(explained.striptags())
    message = request.update.effective_message
    alert = await _render_again(request, connection, message.message_id) if message else None
    if alert is None:
        await reply(request, connection, explained)
        return None, ""
    grown = Markup("{alert}\n\n🔎 {mark}{explained}").format(alert=alert, mark=request.words.mark, explained=explained)
    if measure(grown).within(LIMIT):
        return Message(grown), ""
    await reply(request, connection, explained)
    return None, ""


async def _render_again(request: Request, connection: AsyncConnection, message_id: int) -> Markup | None:
    """Return an alert's text as it was sent, edits included, without its labels, which the explanation has.

    None where Telegram refused its markup, or where its item is unknown: alerts from before revision 0009 have none.
    """
    sent = await delivery_items.find_sent(connection, request.chat.id, message_id)
    alert = await alerts.of_message(connection, request.chat.id, message_id)
    if sent is None or alert is None or from_json(sent.payload).plain:
        return None
    first, *others = map(Item.from_json, alert.shown)
    item = replace(first, queries=(), others=tuple(others))
    text = news.alert(item, request.words, zone=request.chat.zone, now=alert.created_at).text
    return Markup(RESENT) + text if alert.is_marked else text  # noqa: S704 - ours


def _perhaps_seen(sent: SentMessageRecord | None) -> set[int]:
    """Return the entries that a digest listed as perhaps seen."""
    shown = {reported.entry_id: reported.shown for reported in sent.items} if sent else {}
    return {entry_id for entry_id, item in shown.items() if item and Item.from_json(item).perhaps_seen}


async def _of_entries(
    request: Request, connection: AsyncConnection, entry_ids: Sequence[int], perhaps_seen: Collection[int] = ()
) -> Markup:
    if not entry_ids:
        return request.words.say("That message has no news in it. Answer an alert or a digest.")
    found = await hits.findings(connection, request.chat.id, list(entry_ids)[:MOST])
    if not found:
        return request.words.say("You no longer watch what this was found by.")
    blocks = []
    for entry_id, group in groupby(found, key=attrgetter("entry_id")):
        story = list(group)
        title = request.words.isolate(clip(clean(story[0].title), TITLE))
        lines = [Markup("<b>{title}</b>").format(title=title)] if len(entry_ids) > 1 else []
        lines += [sentence(finding, request.words) for finding in story]
        lines += [doubt(request)] if entry_id in perhaps_seen else []
        blocks.append(Markup("\n").join(lines))
    if len(entry_ids) > MOST:
        rest = len(entry_ids) - MOST
        blocks.append(request.words.say_many("… and {number} more story.", "… and {number} more stories.", rest))
    return Markup("\n\n").join(blocks)


def sentence(finding: Finding, words: Words) -> Markup:
    """Return the sentence with the words that a query matched, and where they are."""
    say, label = words.say, finding.label
    title, text = (_shown_terms(finding, field, words) for field in ("title", "text"))
    match (bool(title), bool(text)):
        case (True, True) if title == text:
            found = say("{terms}, in the headline and the text", terms=title)
        case (True, True):
            found = say("{title} in the headline and {text} in the text", title=title, text=text)
        case (True, False):
            found = say("{terms} in the headline", terms=title)
        case (False, True):
            found = say("{terms} in the text", terms=text)
        case _:
            return _where(finding, words)
    return say("Matched <b>{label}</b> as {found}.", label=label, found=found)


def _where(finding: Finding, words: Words) -> Markup:
    """Return the sentence for a query that matched as it was typed, or in no word of the article."""
    say, label = words.say, finding.label
    fields = {field for __, field, *__rest in finding.terms}
    if fields == {"title", "text"}:
        return say("Matched <b>{label}</b> in the headline and the text.", label=label)
    if fields == {"title"}:
        return say("Matched <b>{label}</b> in the headline.", label=label)
    if fields == {"text"}:
        return say("Matched <b>{label}</b> in the text.", label=label)
    return say("Matched <b>{label}</b> by its source or language.", label=label)


def _shown_terms(finding: Finding, field: str, words: Words) -> Markup:
    """Return the words of a field that matched, each once; none if every match is the query as it was typed."""
    if {(text, rule) for text, __, __start, __end, rule in finding.terms} <= {(finding.label, "exact")}:
        return Markup()
    kinds = {
        "spelling": words.say("a close spelling"),
        "uncertain-case": words.say("perhaps: its capitals do not tell"),
    }
    rules = {text: rule for text, where, __start, __end, rule in reversed(finding.terms) if where == field}
    shown = []
    for text, rule in list(reversed(rules.items()))[:WORDS]:
        term = Markup("<i>{text}</i>").format(text=words.isolate(clip(clean(text), TITLE)))
        shown.append(term + Markup(" ({kind})").format(kind=kinds[rule]) if rule in kinds else term)
    return words.say(", ").join(shown)


@dataclass(frozen=True, slots=True)
class LookedUp:
    """The entries at an address, the newest first, and the `explain` of the first for the chat's queries."""

    entry_ids: list[int]
    reasons: dict[str, list[str] | None]


async def _look_up(request: Request, typed: str) -> LookedUp:
    """Find the article at an address and match it, before the transaction: a long article takes a while."""
    url = canonical_link(typed)
    if url is None:
        raise UserError(
            request.words.gettext("Send the link of an article, like this: /why https://example.org/article")
        )
    async with request.services.database.read() as connection:
        found = list(await entries.at_url(connection, url))
        rows = await entries.by_ids(connection, found[:1])
        watched = await subscriptions.of_chat(connection, request.chat.id)
    if not rows:
        return LookedUp(found, {})
    texts = [subscription.text for subscription in watched]
    return LookedUp(found, await asyncio.to_thread(explain, texts, rows[0].article(), request.aliases))


async def _of_link(request: Request, connection: AsyncConnection, looked: LookedUp) -> tuple[Markup, Rows]:
    """Return the explanation of the article at an address: each query it matched, and its message."""
    say, found = request.words.say, looked.entry_ids
    if not found:
        return say("None of my sources has shown me that article."), ()
    if not await subscriptions.of_chat(connection, request.chat.id):
        return say("You are not watching anything yet. Try: /subscribe Idlib"), ()
    findings = await hits.findings(connection, request.chat.id, found)
    fates = [await fate(request, connection, finding) for finding in findings]
    lines = [sentence(finding, request.words) + " " + became for finding, became in zip(findings, fates, strict=True)]
    if await entries.is_waiting(connection, found[:1]):
        lines.append(say("I am still reading that article. Ask again in two minutes."))
    else:
        lines += await _not_found(request, connection, looked.reasons, {finding.query_id for finding in findings})
    if not lines:
        return say("I have read that article: it has none of what you watch."), ()
    return Markup("\n").join(lines), _lists(request, findings)


def _lists(request: Request, findings: Sequence[Finding]) -> Rows:
    """Return a button for the list of the message that only counted the article."""
    counted = [finding.telling for finding in findings if finding.telling and finding.telling.counted]
    if not counted or not request.is_private:
        return ()
    button = CountedButton(delivery_id=counted[0].delivery_id)
    return ((button.labelled(request.words.gettext("Show {count}").format(count=f"+{counted[0].counted}")),),)


async def _not_found(
    request: Request, connection: AsyncConnection, explained: dict[str, list[str] | None], found: set[int]
) -> list[Markup]:
    """Return why an article was no hit of the other subscriptions: a word they exclude, or its time."""
    say, lines = request.words.say, []
    existing = await subscriptions.of_chat(connection, request.chat.id)
    for subscription in (subscription for subscription in existing if subscription.query_id not in found):
        reasons = explained.get(subscription.text)
        if reasons is None:
            continue
        if reasons:
            terms = request.words.say(", ").join(
                Markup("<i>{}</i>").format(request.words.isolate(text)) for text in reasons
            )
            lines.append(
                say(
                    "<b>{label}</b> is in it, but so is {terms}, which you left out.",
                    label=subscription.label,
                    terms=terms,
                )
            )
        else:
            lines.append(
                say(
                    "<b>{label}</b> is in it, but it was there before you began to watch, so it was no news.",
                    label=subscription.label,
                )
            )
    return lines


def explain(queries: Sequence[str], read: Article, aliases: Aliases) -> dict[str, list[str] | None]:
    """Return, for each query, the words of an article that it excludes; none if it matches, None if it never would."""
    document = Document(read, aliases)  # once: a long article takes a tenth of a second
    return {query: _reasons(query, document, aliases) for query in queries}


def _reasons(query: str, document: Document, aliases: Aliases) -> list[str] | None:
    try:
        expr = aliases.bind(parse(query))
    except QueryError:
        return None
    wanted, unwanted = without_exclusions(expr)
    if match_document(wanted, document) is None:
        return None
    if match_document(expr, document) is not None:
        return []
    left_out: dict[str, None] = {}
    for excluded in unwanted:
        if match := match_document(excluded, document):
            left_out |= dict.fromkeys([term.text for term in match.terms] or [format_query(excluded)])
    return list(left_out)[:WORDS] or None
