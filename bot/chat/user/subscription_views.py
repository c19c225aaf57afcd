"""Subscriptions as messages: the confirmation, the list, and the page of one of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.actions import subscriptions as actions
from bot.chat.request import Request
from bot.errors import QueryError
from bot.locales import Words
from bot.matching.engine.aliases import Aliases
from bot.matching.query.ast import Expr
from bot.matching.query.describe import describe
from bot.matching.query.parser import parse
from bot.messages.callbacks import EditButton, ListButton, OfferButton, ScheduleButton, StopButton, SubscriptionButton
from bot.messages.news import line
from bot.messages.safe_text import clip
from bot.models import Button, Message, Schedule
from bot.search import preview
from bot.search.preview import Preview, PreviewEntry
from bot.search.recent import DAYS
from bot.search.suggestions import Form, advise
from bot.storage import hits, subscriptions
from bot.storage.subscriptions import Subscription

SAMPLES = 3
PAGE = 12  # subscriptions on one page of the list
CHECK = "✓ "
FORM = 36  # characters of a query on a button


def no_sources(request: Request) -> Markup:
    """Return the sentence for a bot without sources; an admin's has the command that adds one."""
    if request.is_admin:
        return request.words.say("There are no sources yet. Add one: /addsource https://…")
    return request.words.say("No news sources are set up yet. I keep your words, and begin when there are some.")


def confirmation(request: Request, made: Subscription, *, added: bool, expr: Expr, found: Preview) -> Markup:
    """Return the confirmation of a subscription: its label, the parsed query, and the last week's stories."""
    say = request.words.say
    first = say("Watching <b>{label}</b>", label=made.label)
    if not added:
        first = say("You are already watching <b>{label}</b>", label=made.label)
    lines = [first, reading(expr, request.words, request.aliases), week(request, found)]
    zone, now = request.chat.zone, request.now
    newest: dict[int, PreviewEntry] = {}
    for match in found.newest:
        newest.setdefault(match.entry.story_id or match.entry.id, match)
    samples = list(newest.values())[:SAMPLES]
    lines += [line(preview.item(match, made.label), request.words, zone=zone, now=now) for match in samples]
    return Markup("\n").join(lines)


def reading(expr: Expr, words: Words, aliases: Aliases | None = None) -> Markup:
    """Return a description of a query as it was parsed, with the aliases of its names."""
    bound = aliases.bind(expr) if aliases else expr
    return Markup("🔎 {mark}{reading}").format(mark=words.mark, reading=describe(bound, words))


def week(request: Request, found: Preview, *, proposed: bool = False) -> Markup:
    """Return a query's number of stories in the last seven days, and per day. `proposed`: not watched yet."""
    say, say_many, days = request.words.say, request.words.say_many, Markup("{} · {}")
    if not found.is_filled:
        return say_many(
            "I am still reading the last 7 days: {number} story so far.",
            "I am still reading the last 7 days: {number} stories so far.",
            found.stories,
        )
    if not found.is_whole and found.stories:
        return say_many("Last 7 days: at least {number} story", "Last 7 days: at least {number} stories", found.stories)
    if found.was_stopped:
        return say("Too much at once to search the last 7 days now. What comes from now on is found all the same.")
    if not found.stories and proposed:
        return _nothing_yet(request, found)
    if not found.is_whole:
        return say("Nothing in the newest of the last 7 days; you hear from me when there is.")
    if not found.stories:
        return say("Nothing in the last 7 days; you hear from me when there is.")
    had = say_many("Last 7 days: {number} story", "Last 7 days: {number} stories", found.stories)
    return days.format(had, a_day(found.stories, request.words)) if found.stories >= 2 * DAYS.days else had


def _nothing_yet(request: Request, found: Preview) -> Markup:
    if not found.is_whole:
        return request.words.say(
            "Nothing in the newest of the last 7 days. Say yes, and you hear from me when there is."
        )
    return request.words.say("Nothing in the last 7 days. Say yes, and you hear from me when there is.")


def a_day(stories: int, words: Words) -> Markup:
    """Return a week's number of stories as a number per day; for at least one a day."""
    return words.say_many("about {number} a day", "about {number} a day", round(stories / DAYS.days))


def better(request: Request, stories: int) -> Markup:
    """Return the sentence above the buttons of other forms."""
    if stories:
        return request.words.say("That is a lot. These find less; tap one to watch it instead:")
    return request.words.say("These found something; tap one to watch it instead:")


async def form_buttons(
    request: Request, connection: AsyncConnection, subscription: Subscription, forms: Sequence[Form]
) -> list[tuple[Button, ...]]:
    """Return a button for each other form of a subscription's query."""
    texts = [form.text for form in forms]
    offer_id = await actions.offer_forms(connection, request.chat, subscription, texts, request.user_id, request.now)
    return [
        (OfferButton(offer_id, at).labelled(f"{clip(form.text, FORM)} · {width(form.stories, request.words)}"),)
        for at, form in enumerate(forms)
    ]


def width(stories: int, words: Words) -> str:
    """Return a week's number of stories, in few words."""
    if stories >= 2 * DAYS.days:
        return str(a_day(stories, words))
    if not stories:
        return words.gettext("nothing this week")
    return words.ngettext("{number} this week", "{number} this week", stories).format(number=stories)


def when(request: Request, schedule: Schedule) -> Markup:
    """Return the sentence that says when hits of a schedule are sent."""
    say, zone = request.words.say, request.chat.zone
    time = request.chat.digest_time.isoformat("minutes")
    match schedule:
        case Schedule.INSTANT:
            return say("I send each story at once.")
        case Schedule.HOURLY:
            return say("I send what is new every hour.")
        case Schedule.DAILY:
            return say("I send one digest a day, at {time} ({zone}).", time=time, zone=zone)
        case Schedule.WEEKLY:
            return say("I send one digest a week, on Monday at {time} ({zone}).", time=time, zone=zone)


def schedule_names(words: Words) -> dict[Schedule, str]:
    """Return the reader's name of each schedule."""
    _ = words.gettext
    return {
        Schedule.INSTANT: _("At once"),
        Schedule.HOURLY: _("Hourly"),
        Schedule.DAILY: _("Daily"),
        Schedule.WEEKLY: _("Weekly"),
    }


def schedule_buttons(subscription: Subscription, words: Words, *, named: bool = False) -> list[tuple[Button, ...]]:
    """Return a row of buttons to choose a subscription's schedule; `named` says which subscription it is."""
    rows: list[tuple[Button, ...]] = []
    shown = [Schedule.INSTANT, Schedule.DAILY] if named else list(Schedule)
    names = schedule_names(words)
    prefix = f"{subscription.label[:16]}: " if named else ""
    row = [
        ScheduleButton(subscription.id, schedule).labelled(
            f"{CHECK if schedule is subscription.schedule else ''}{prefix}{names[schedule]}"
        )
        for schedule in shown
    ]
    rows.append(tuple(row))
    return rows


@dataclass(frozen=True, slots=True)
class Width:
    """The number of stories that the last week had for a subscription, and other forms of its query.

    Not `is_whole`: the search ended before the whole week was read.
    """

    stories: int
    is_whole: bool = True
    forms: list[Form] = field(default_factory=list)

    def shown(self, words: Words) -> str:
        """Return the number as a list shows it."""
        if not self.is_whole and not self.stories:
            return words.gettext("nothing in the newest")
        if not self.is_whole:
            return words.gettext("at least {number} this week").format(number=self.stories)
        return width(self.stories, words)


async def look_at(request: Request, subscription_id: int) -> Width:
    """Return the width of a subscription, with other forms to watch instead; UserError if the subscription is gone."""
    async with request.services.database.read() as connection:
        subscription = await actions.require(connection, request.chat, subscription_id)
        if not request.services.week.is_filled:
            return Width(await hits.count_since(connection, subscription.query_id, request.now - DAYS))
    expr, index = actions.read_query(subscription.text, request.words).expr, request.services.week
    async with index.searching(request.user_id) as allowance:
        (found,) = await index.find([expr], allowance=allowance)
        return Width(index.stories(found.entries), found.is_whole, await advise(index, expr, found, allowance))


async def item_page(
    request: Request, connection: AsyncConnection, subscription: Subscription, page: int, had: Width
) -> Message:
    """Return one subscription, with buttons to change it; `page` is the page of the list to go back to."""
    _ = request.words.gettext
    expr = actions.read_query(subscription.text, request.words).expr
    lines = [
        Markup("<b>{label}</b> · {width}").format(
            label=request.words.isolate(subscription.label), width=had.shown(request.words)
        ),
        reading(expr, request.words, request.aliases),
        when(request, subscription.schedule),
    ]
    rows = schedule_buttons(subscription, request.words)
    if had.forms:
        lines.append(better(request, had.stories))
        rows = [*await form_buttons(request, connection, subscription, had.forms), *rows]
    change = EditButton(subscription.id).labelled(_("Change the words"))
    rows.append((change, StopButton(subscription.id).labelled(_("Stop watching"))))
    rows.append((ListButton(page).labelled("‹ " + _("List")),))
    return Message(Markup("\n").join(lines), tuple(rows))


async def _widths(request: Request, shown: Sequence[Subscription]) -> list[Width]:
    """Return how much the last week had for each subscription, by the stored hits: a list waits for no search.

    Of the time before a subscription began, only the newest `preview.KEPT` entries are stored hits; for a young one
    with so many, the number that its confirmation found is used if it is remembered.
    """
    since, widths = request.now - DAYS, []
    async with request.services.database.read() as connection:
        for subscription in shown:
            stories = await hits.count_since(connection, subscription.query_id, since)
            is_whole = subscription.created_at <= since or stories < preview.KEPT
            if not is_whole and (counted := _remembered(request, subscription)) is not None:
                stories, is_whole = max(stories, counted), True
            widths.append(Width(stories, is_whole))
    return widths


def _remembered(request: Request, subscription: Subscription) -> int | None:
    try:
        return request.services.week.remembered(parse(subscription.text))
    except QueryError:  # written by a version whose language had more
        return None


def nothing_watched(words: Words) -> Markup:
    """Return the sentence for a chat without subscriptions."""
    return words.say("You are not watching anything yet. Try: /subscribe Idlib")


async def list_page(request: Request, page: int) -> Message:
    """Return a page of the list (0 is the first): its text, a button for each subscription, and the other pages.

    Used before the transaction that applies the request: SQLite has one writer.
    """
    async with request.services.database.read() as connection:
        have = await subscriptions.of_chat(connection, request.chat.id)
        held = {known: stories for known, __, stories in await hits.held(connection, request.chat.id, request.now)}
        unconfirmed = await hits.unconfirmed(connection, request.chat.id, request.now)
    if not have:
        return Message(nothing_watched(request.words))
    pages = (len(have) - 1) // PAGE + 1
    page = min(max(page, 0), pages - 1)
    shown = list(enumerate(have, start=1))[page * PAGE : (page + 1) * PAGE]
    lines = [request.words.say_many("You are watching {number} thing:", "You are watching {number} things:", len(have))]
    widths = await _widths(request, [subscription for __, subscription in shown])
    lines += [
        _list_line(request, number, subscription, width.shown(request.words), held.get(subscription.id, 0))
        + _unconfirmed(request.words, unconfirmed.get(subscription.id))
        for (number, subscription), width in zip(shown, widths, strict=True)
    ]
    lines.append(Markup("\n") + request.words.say("Tap a number to change it or to stop."))
    numbers = [SubscriptionButton(subscription.id, page).labelled(str(number)) for number, subscription in shown]
    rows = [tuple(numbers[start : start + 6]) for start in range(0, len(numbers), 6)]
    if pages > 1:
        turns = [ListButton(page - 1).labelled("‹")] if page else []
        turns += [ListButton(page + 1).labelled("›")] if page < pages - 1 else []
        rows.append(tuple(turns))
    return Message(Markup("\n").join(lines), tuple(rows))


def _list_line(request: Request, number: int, subscription: Subscription, wide: str, held: int) -> Markup:
    line = Markup("{number}. <b>{label}</b> · {schedule} · {width}").format(
        number=number,
        label=request.words.isolate(subscription.label),
        schedule=schedule_names(request.words)[subscription.schedule].lower(),
        width=wide,
    )
    return line + " · " + request.words.say_many("{number} held", "{number} held", held) if held else line


def _unconfirmed(words: Words, found: tuple[int, int, int] | None) -> Markup:
    """Return the end of a line: how many events wait for more publishers, and how many the nearest has."""
    if found is None:
        return Markup()
    events, publishers, needed = found
    return Markup(" · ") + words.say_many(
        "{number} event held: {publishers} of {needed}",
        "{number} events held: up to {publishers} of {needed}",
        events,
        publishers=publishers,
        needed=needed,
    )
