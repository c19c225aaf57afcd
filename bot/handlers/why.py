"""/why, and the button under an alert: why a story was sent, or was not."""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.digests.text import clean, clip
from bot.errors import UserError
from bot.handlers.turn import Turn
from bot.handlers.watch import when
from bot.locales import Words
from bot.models import Message, Schedule
from bot.sources.address import canonical_link
from bot.storage import entries, hits, subscriptions
from bot.storage.hits import Finding

MOST = 10  # stories explained at once
WORDS = 4  # of what matched, named
TITLE = 120


async def why(turn: Turn) -> None:
    """Explain the message this answers, or the article whose link was sent."""
    await turn.look()
    message = turn.update.effective_message
    answered = message.reply_to_message if message else None
    async with turn.apply() as connection:
        if turn.args.strip():
            await turn.reply(connection, await _of_link(turn, connection, turn.args.split()[0]))
        elif answered is not None:
            told = await hits.entries_told_in(connection, turn.chat.id, answered.message_id)
            await turn.reply(connection, await _of_entries(turn, connection, told))
        else:
            raise UserError(turn.words.gettext("Answer an alert or a digest with /why, or send /why with a link."))


async def pressed(turn: Turn, connection: AsyncConnection, ids: list[str]) -> tuple[Message | None, str]:
    """Explain the alert whose button was pressed."""
    await turn.reply(connection, await _of_entries(turn, connection, [int(ids[0])]))
    return None, ""


async def _of_entries(turn: Turn, connection: AsyncConnection, entry_ids: Sequence[int]) -> Markup:
    if not entry_ids:
        return turn.words.say("That message has no news in it. Answer an alert or a digest.")
    found = await hits.findings(connection, turn.chat.id, list(entry_ids)[:MOST])
    if not found:
        return turn.words.say("You no longer watch what this was found by.")
    blocks = []
    for __, group in groupby(found, key=attrgetter("entry_id")):
        one = list(group)
        title = turn.words.isolate(clip(clean(one[0].title), TITLE))
        lines = [Markup("<b>{title}</b>").format(title=title)] if len(entry_ids) > 1 else []
        blocks.append(Markup("\n").join(lines + [sentence(finding, turn.words) for finding in one]))
    if len(entry_ids) > MOST:
        rest = len(entry_ids) - MOST
        blocks.append(turn.words.say_many("… and {number} more story.", "… and {number} more stories.", rest))
    return Markup("\n\n").join(blocks)


def sentence(finding: Finding, words: Words) -> Markup:
    """Say where a query was found, and as which words."""
    say, label = words.say, finding.label
    terms = _shown_terms(finding, words)
    in_title = any(field == "title" for __, field, *__rest in finding.terms)
    in_text = any(field == "text" for __, field, *__rest in finding.terms)
    match (bool(terms), in_title, in_text):
        case (True, True, True):
            return say("Matched <b>{label}</b> as {terms}, in the headline and the text.", label=label, terms=terms)
        case (True, True, False):
            return say("Matched <b>{label}</b> as {terms} in the headline.", label=label, terms=terms)
        case (True, False, _):
            return say("Matched <b>{label}</b> as {terms} in the text.", label=label, terms=terms)
        case (False, True, True):
            return say("Matched <b>{label}</b> in the headline and the text.", label=label)
        case (False, True, False):
            return say("Matched <b>{label}</b> in the headline.", label=label)
        case (False, False, True):
            return say("Matched <b>{label}</b> in the text.", label=label)
    return say("Matched <b>{label}</b> by its source or language.", label=label)


def _shown_terms(finding: Finding, words: Words) -> Markup:
    """Return the words of the article that matched, each once, unless they are just what was typed."""
    rules = {text: rule for text, __, __start, __end, rule in reversed(finding.terms)}
    if not rules or set(rules) == {finding.label}:
        return Markup()
    kinds = {
        "spelling": words.say("a close spelling"),
        "uncertain-case": words.say("capitals leave it open"),
    }
    shown = []
    for text, rule in list(reversed(rules.items()))[:WORDS]:
        term = Markup("<i>{text}</i>").format(text=words.isolate(clip(clean(text), TITLE)))
        shown.append(term + Markup(" ({kind})").format(kind=kinds[rule]) if rule in kinds else term)
    return words.say(", ").join(shown)


async def _of_link(turn: Turn, connection: AsyncConnection, typed: str) -> Markup:
    """Say what became of the article at an address."""
    say = turn.words.say
    url = canonical_link(typed)
    if url is None:
        raise UserError(turn.words.gettext("Send the link of an article, like this: /why https://example.org/article"))
    found = await entries.at_url(connection, url)
    if not found:
        return say("None of my sources has shown me that article.")
    if not await subscriptions.of_chat(connection, turn.chat.id):
        return say("You are not watching anything yet. Try: /subscribe Idlib")
    findings = await hits.findings(connection, turn.chat.id, found)
    if not findings:
        return say("I have read that article: it has none of what you watch.")
    return Markup("\n").join(sentence(one, turn.words) + " " + _fate(turn, one) for one in findings)


def _fate(turn: Turn, one: Finding) -> Markup:
    """Say whether a finding was sent, or when it will be, or why it will not."""
    say = turn.words.say
    if one.told:
        return say("You were told.")
    if one.past or one.found_at < one.subscribed_at:
        return say("It was there before you began to watch, so it was no news.")
    if turn.now - one.found_at > hits.PENDING_FOR:
        return say("It was too old to be sent when its turn came.")
    if one.schedule is Schedule.INSTANT:
        return say("It comes in your next digest: it told of a story you had, or there were too many at once.")
    return say("It is not sent yet.") + " " + when(turn, one.schedule)
