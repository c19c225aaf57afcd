"""Verdict on the seasons of a rig: the invariants of docs/delivery.md, and measured figures."""

import asyncio
import json
import re
import sqlite3
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import sqlalchemy as sa

from bot.delivery.telegram.send import RESENT
from bot.sandbox.state import SentMessage
from bot.storage import schema
from bot.web.health import percentile
from tests.chaos.rig import FEED_SECRET, POINTS, TOKEN, Rig

PROMISED_STOP = 20.0  # seconds
MOST_LATE = 0.25  # seconds
APART = "\n\nYou may have seen these\n\n"


@dataclass
class Verdict:
    """Result of judging. `violations` is empty if every promise was kept."""

    figures: dict[str, str] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def demand(self, name: str, wrong: list[str]) -> None:
        """Note an invariant, with what violates it."""
        self.figures[name] = "ok" if not wrong else f"VIOLATED: {len(wrong)}, such as {wrong[0]}"
        self.violations += [f"{name}: {violation}" for violation in wrong]


async def judge(rig: Rig) -> Verdict:
    """Look at the database, the sandbox's ledger and the log."""
    verdict = Verdict()
    sent = [message for message in rig.sandbox.sent if message["method"].lower() == "sendmessage"]
    shown = [*sent, *rig.sandbox.world.edits]
    pairs = await _promised(rig)
    verdict.figures |= {
        "seed": str(rig.seed),
        "lives": str(len(rig.lives)),
        **{blow: str(count) for blow, count in sorted(rig.blows.items())},
        "named moments": _moments(rig),
        "articles": f"{len(rig.published)}, {len(rig.baseline)} of them in a first poll",
        "hits promised": str(len(pairs)),
        "messages": str(len(sent)),
        "deliveries by state": await _states(rig),
    }
    verdict.demand("I1 nothing lost without a record", await _lost(rig, pairs, shown, verdict))
    verdict.demand("I2 two copies at most, the second marked and recorded", _copies(rig, sent, verdict))
    verdict.demand("I3 nothing to who did not ask", await _unasked(rig, shown))
    verdict.demand("what comes again after two doubts stands apart", _not_apart(rig, sent, verdict))
    verdict.demand("what a first poll had is no news, and nothing else", await _first_polls(rig, sent))
    verdict.demand("I4 the database is whole", _damaged(rig))
    verdict.demand("I5 no secret in log, database, backups, chats", await _leaks(rig))
    verdict.demand("I6 the event loop is never late for long", _late(rig, verdict))
    verdict.demand("I7 no task died silently", _silent(rig))
    verdict.demand("no process left behind", await _left_behind(rig))
    verdict.demand("exactly one digest a chat and date", _digests(rig, verdict))
    verdict.demand("every season became quiet", rig.restless)
    verdict.demand("what was typed took effect", await _typed(rig))
    verdict.demand("no request inside a 429's pause", _impatient(rig))
    verdict.figures["alert latency p50/p99"] = _latency(rig, sent)
    return verdict


def _moments(rig: Rig) -> str:
    """Return how many ended at named moments, and how often at the one that was met least."""
    met = Counter(life.how.partition(":")[0] for life in rig.lives if ":" in life.how)
    least = [name for name, _ in POINTS if met[name] == min(met[point] for point, _ in POINTS)]
    return f"{met.total()} lives; least often, {met[least[0]]} times: {', '.join(least)}"


async def _states(rig: Rig) -> str:
    """Return how the messages of this season stand: retention has removed the others."""
    state = schema.delivery.c.state
    counted = sa.select(state, sa.func.count().label("n")).group_by(state).order_by(state)
    return ", ".join(f"{row.n} {row.state}" for row in await rig.ask(counted))


async def _promised(rig: Rig) -> set[tuple[int, str]]:
    """Return (chat, title) of all that was published and is watched, by our own reckoning: the word is in the title."""
    chat, subscription, query = schema.chat, schema.subscription, schema.query
    watching = (
        sa.select(chat.c.telegram_id, query.c.text)
        .join(subscription, subscription.c.chat_id == chat.c.id)
        .join(query, query.c.id == subscription.c.query_id)
        .where(chat.c.state == "active")
    )
    return {
        (telegram_id, title)
        for telegram_id, word in await rig.ask(watching)
        for title in rig.published
        if title not in rig.baseline and title.split()[0] == word and int(str(telegram_id)) not in rig.paused
    }


async def _lost(rig: Rig, pairs: set[tuple[int, str]], sent: list[SentMessage], verdict: Verdict) -> list[str]:
    """Return the news that no message shows, by its title or its link, and no digest counts behind its button."""
    got: defaultdict[int, list[SentMessage]] = defaultdict(list)
    for message in sent:
        got[rig.migrated.get(message["chat_id"], message["chat_id"])].append(message)
    shown = {chat_id: "\n".join(one["text"] + one["markup"] for one in messages) for chat_id, messages in got.items()}
    hidden = [(chat, title) for chat, title in sorted(pairs) if not _is_shown(rig, title, shown.get(chat, ""))]
    uncounted = Counter(chat_id for chat_id, _ in hidden)
    uncounted.subtract({chat_id: _counted(messages) for chat_id, messages in got.items()})
    missing = [pair for pair in hidden if uncounted[pair[0]] > 0]
    verdict.figures["counted in a digest, not shown in it"] = str(len(hidden) - len(missing))
    return [f"{title!r} for {chat_id} ({await _record(rig, chat_id, title)})" for chat_id, title in missing]


def _is_shown(rig: Rig, title: str, told: str) -> bool:
    return title in told or any(f'"{link}"' in told for link in rig.links[title])


def _counted(messages: list[SentMessage]) -> int:
    """Return how many texts the buttons of digests list; a second copy has no more."""
    labels = {_plain(one["text"]): json.dumps(one["reply_markup"]) for one in messages}
    return sum(int(found[1]) for label in labels.values() if (found := re.search(r"Show (\d+) more", label)))


def _plain(text: str) -> str:
    """Return a message's text without the mark of a resend."""
    return text.removeprefix(RESENT.strip()).strip()


def _not_apart(rig: Rig, sent: list[SentMessage], verdict: Verdict) -> list[str]:
    """Return what a second message, no copy of the first, told as if it were news."""
    wrong, again = [], 0
    known: dict[tuple[int, str], str] = {}  # (chat, title) → the first text that told it
    for message in sent:
        chat_id, text = rig.migrated.get(message["chat_id"], message["chat_id"]), _plain(message["text"])
        news = text.partition(APART)[0]
        for title in _told(rig, text):
            if known.setdefault((chat_id, title), text) != text:
                again += 1
                wrong += [f"{title!r} for {chat_id}"] if title in news else []
    verdict.figures["listed again, apart, as perhaps seen"] = str(again - len(wrong))
    return wrong


async def _first_polls(rig: Rig, sent: list[SentMessage]) -> list[str]:
    """Return what was told although a first poll had it, and what came later and was taken for it."""
    entry = schema.entry.c
    taken = {row[0] for row in await rig.ask(sa.select(entry.title).where(entry.baseline))} - rig.baseline
    return [f"{title!r} came after the first polls" for title in taken] + [
        f"{title!r} for {message['chat_id']}" for message in sent for title in rig.baseline if title in message["text"]
    ]


async def _record(rig: Rig, chat_id: int, title: str) -> str:
    """Say what the database knows of an entry for a chat."""
    chat, entry, told, delivery = schema.chat.c, schema.entry.c, schema.told.c, schema.delivery.c
    if not (known := await rig.ask(sa.select(entry.id, entry.text_id, entry.baseline).where(entry.title == title))):
        return "never stored"
    statement = (
        sa.select(delivery.kind, delivery.state, delivery.error)
        .join(schema.told, told.delivery_id == delivery.id)
        .join(schema.chat, chat.id == told.chat_id)
        .where(chat.telegram_id == chat_id, told.text_id == known[0].text_id)
    )
    hits = await rig.ask(sa.select(schema.hit.c.query_id).where(schema.hit.c.entry_id == known[0].id))
    return f"{tuple(known[0])}, {len(hits)} hits, told by {[tuple(row) for row in await rig.ask(statement)]}"


def _copies(rig: Rig, sent: list[SentMessage], verdict: Verdict) -> list[str]:
    copies: Counter[tuple[int, str]] = Counter()
    marked: Counter[tuple[int, str]] = Counter()
    news = [message for message in sent if any(title in message["text"] for title in rig.published)]
    for message in news:
        key = (
            rig.migrated.get(message["chat_id"], message["chat_id"]),
            _plain(message["text"]),
        )
        copies[key] += 1
        marked[key] += message["text"].startswith(RESENT.strip())
    double = {key: count for key, count in copies.items() if count > 1}
    recorded = {(rig.migrated.get(chat_id, chat_id), frozenset(_told(rig, text))) for _, chat_id, text in rig.doubtful}
    verdict.figures["copies"] = f"{len(double)} of {len(copies)} twice, {len(rig.doubtful)} were in doubt"
    verdict.figures["duplicates per 1,000"] = f"{1000 * sum(double.values()) / 2 / max(1, len(copies)):.1f}"
    wrong = [f"{count} copies of {key[1][:40]!r} for {key[0]}" for key, count in double.items() if count > 2]
    wrong += [f"an unmarked copy of {key[1][:40]!r} for {key[0]}" for key, count in double.items() if not marked[key]]
    unknown = [key for key in double if (key[0], frozenset(_told(rig, key[1]))) not in recorded]
    wrong += [f"a copy of {key[1][:40]!r} for {key[0]} without a record of the doubt" for key in unknown]
    return wrong


def _told(rig: Rig, text: str) -> list[str]:
    """Return the titles that a text tells."""
    return [title for title in rig.published if title in text]


async def _unasked(rig: Rig, sent: list[SentMessage]) -> list[str]:
    words: defaultdict[int, set[str]] = defaultdict(set)
    chat, subscription, query = schema.chat, schema.subscription, schema.query
    watching = sa.select(chat.c.telegram_id, query.c.text)
    watching = watching.join(subscription, subscription.c.chat_id == chat.c.id)
    for telegram_id, word in await rig.ask(watching.join(query, query.c.id == subscription.c.query_id)):
        words[int(str(telegram_id))].add(str(word))
    wrong = []
    for message in sent:
        chat_id = rig.migrated.get(message["chat_id"], message["chat_id"])
        about = [title for title in rig.published if title in message["text"]]
        wrong += [f"{title!r} for {chat_id}" for title in about if title.split()[0] not in words[chat_id]]
        if about and message["at"] > rig.paused.get(chat_id, float("inf")) + 1.0:
            wrong.append(f"{about[0]!r} for {chat_id}, who had paused")
    return wrong


def _damaged(rig: Rig) -> list[str]:
    if not rig.url.startswith("sqlite"):
        return []
    with sqlite3.connect(rig.url.removeprefix("sqlite:///")) as connection:
        found = connection.execute("PRAGMA integrity_check").fetchone()[0]
        foreign = connection.execute("PRAGMA foreign_key_check").fetchall()
    connection.close()
    return ([str(found)] if found != "ok" else []) + [str(row) for row in foreign]


async def _leaks(rig: Rig) -> list[str]:
    """Return where a secret can be read: the token anywhere, the secret of a feed's address where people look."""
    log = rig.log.read_text()
    rows: list[str] = []
    for table in schema.meta.sorted_tables:
        rows += [f"{table.name}: {tuple(row)}" for row in await rig.ask(sa.select(table))]
    places = {"the log": log, "the database": "\n".join(rows)}
    places |= {message["text"][:20]: message["text"] for message in rig.sandbox.sent if "text" in message}
    kept = {path.name: path.read_bytes() for path in (rig.folder / "backups").glob("*")}
    found = [f"the token in {place}" for place, text in places.items() if TOKEN in text or "chaos-canary" in text]
    found += [f"the token in {place}" for place, data in kept.items() if b"chaos-canary" in data]
    del places["the database"]  # it has to know its feeds
    return found + [f"a feed's secret in {place}" for place, text in places.items() if FEED_SECRET in text]


def _late(rig: Rig, verdict: Verdict) -> list[str]:
    """The program's loop is hardly ever late by its own fault; the machine's is printed beside it."""
    beats = sorted(float(line) for line in rig.beats.read_text().splitlines())
    number = sum(rig.lateness.values())
    if not number or not beats:
        return ["nobody could measure it"]
    alone = percentile(beats, 0.99)
    seen, p99 = 0, float("inf")
    for bound in sorted(rig.lateness):
        seen += rig.lateness[bound]
        if seen >= number * 0.99:
            p99 = bound
            break
    figure = f"{p99 * 1000:.0f} ms at most ({number} beats); the machine alone: {alone * 1000:.0f} ms"
    verdict.figures["event loop late by its own fault, p99"] = figure
    return [f"{p99:.2f} s"] if p99 > MOST_LATE else []


async def _left_behind(rig: Rig) -> list[str]:
    """Return the processes of killed programs that are still there after a while: those that read documents."""
    for _ in range(50):
        found = [path.parent for path in Path("/proc").glob("[0-9]*/environ") if _is_ours(path, rig)]
        if not found:
            return []
        await asyncio.sleep(0.1)
    return [(path / "cmdline").read_text().replace("\0", " ") for path in found]


def _is_ours(environ: Path, rig: Rig) -> bool:
    try:
        return str(rig.clock_file).encode() in environ.read_bytes()
    except OSError:  # it has gone, or is somebody else's
        return False


def _silent(rig: Rig) -> list[str]:
    """A life may end by SIGKILL, or by SIGTERM with status 0 in time; nothing may be swallowed."""
    wrong = [f"a life ended with {life.status} ({life.how})" for life in rig.lives if life.status not in (0, -9)]
    wrong += [life.how for life in rig.lives if "," in life.how and float(life.how.split()[1]) > PROMISED_STOP]
    log = rig.log.read_text()
    return wrong + [words for words in ("never retrieved", "never awaited", "was destroyed") if words in log]


def _digests(rig: Rig, verdict: Verdict) -> list[str]:
    """Every local date on which a chat was due its digest has one, no date has two: whatever the clock did."""
    made = Counter((chat_id, date) for _, chat_id, date in rig.runs)
    verdict.figures["digests"] = f"{len(rig.runs)}, {len(rig.dates)} of them certainly due"
    wrong = [f"{count} on {date} for chat {chat_id}" for (chat_id, date), count in made.items() if count > 1]
    return wrong + [f"none on {date} for chat {chat_id}" for chat_id, date in sorted(rig.dates - set(made))]


async def _typed(rig: Rig) -> list[str]:
    chat, subscription = schema.chat, schema.subscription
    joined = sa.select(chat.c.telegram_id, subscription.c.label)
    joined = joined.join(subscription, subscription.c.chat_id == chat.c.id)
    known = Counter((int(str(row[0])), str(row[1])) for row in await rig.ask(joined))
    return [
        f"/subscribe {word} by {person}: {known[person, word]}"
        for person, word in rig.typed
        if known[person, word] != 1
    ]


def _impatient(rig: Rig) -> list[str]:
    """Within one life, no chat is sent to within the second that a 429 asked to wait."""
    by_chat: defaultdict[int, list[tuple[float, int | None]]] = defaultdict(list)
    for request in rig.sandbox.requests:
        if request.method.lower() == "sendmessage" and request.chat_id is not None:
            by_chat[request.chat_id].append((request.at, request.status))
    wrong = []
    for chat_id, requests in by_chat.items():
        for (at, status), (later, _) in pairwise(requests):
            same_life = not any(at < broken <= later for broken in rig.breaks)
            if status == 429 and same_life and later - at < 1.0:
                wrong.append(f"{chat_id} after {later - at:.2f} s")
    return wrong


def _latency(rig: Rig, sent: list[SentMessage]) -> str:
    """Return how long alerts took, from their publication, kills and downtime included."""
    took: dict[tuple[int, str], float] = {}
    for message in sent:
        about = [title for title in rig.published if title in message["text"]]
        if len(about) == 1:
            took.setdefault((message["chat_id"], about[0]), message["at"] - rig.published[about[0]])
    found = sorted(took.values())
    return f"{found[len(found) // 2]:.1f} s / {found[int(len(found) * 0.99)]:.1f} s" if found else "-"
