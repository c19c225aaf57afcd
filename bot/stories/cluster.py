"""Clusterer: places headlines in texts, stories and threads, one after another, in bounded time.

A headline is compared with the threads that share its heaviest words: with what their headlines have in common
(the centroid) and with the likest of them. It joins the likest thread and in it, under stricter rules, the story of the
likest headline. The memory is a cache of the database: `restore` rebuilds it at start, `forget_before` and `limit`
keep it small. All it holds follows from the headlines of the window and their placements, so that a rebuilt memory
places as the old one would have.
"""

import math
import operator
from array import array
from bisect import insort
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import nlargest
from urllib.parse import urlsplit

from bot.models import Headline, Placement
from bot.stories.fingerprint import GRAINS, TITLE, Fingerprint, contradict, fingerprint, same_text
from bot.stories.guard import are_two_events

WINDOW = timedelta(hours=72)  # a similar headline later is another event
THREAD_LASTS = timedelta(hours=72)  # from a thread's first headline; then another begins
STORY_LASTS = timedelta(hours=24)  # of 20 links of a day and more that were read on real feeds, 9 were one event
LIMIT = 50_000  # headlines: two days of ten thousand feeds that publish rarely, or of two hundred that publish often
HEAVIEST = 8  # words looked up for a headline
CROWD = 400  # threads under one word: a more frequent word is no evidence, and costs time
VOTED = 10  # threads whose centroids are compared
CORPUS = 5000  # headlines: a smaller window is counted as so many,
MANY = 8  # and a word in fewer threads says as much as it did
VERIFIED = 3  # threads whose headlines are compared, the last MEMBERS of each
MEMBERS = 16

# Least likenesses, 0 to 1, found on labelled headlines with `make relevance`.
THREAD = 0.355
STORY = 0.58
CHRONIC = 25  # threads, or one in a hundred: a word in so many is no evidence of an event,
EVIDENCE = 3  # of which so many words are needed
FIRST = 0.35  # of a headline and the first of its story: a chain of likenesses may end at another event
ALIKE = 0.50  # of two headlines that are compared as texts
SAME_SOURCE = 0.80  # of two headlines of one source: its columns and series are alike by themselves
SAME_PAGE = 0.35  # of two sources' headlines that link to one page
FRESH = 6.0  # hours without loss of likeness,
DECAY = 0.005  # and what each later hour takes off

Places = Callable[[str, str | None], tuple[str, ...]]  # of a title in a language: the concepts of places in it
Related = Callable[[str, str], bool]  # of two concepts: one is, or lies in, the other


@dataclass(slots=True)
class _Known:
    """A headline that has its placement. `at`: seconds since 1970; `page`: a hash of its URL, 0 without a page."""

    id: int
    mark: Fingerprint
    page: int
    at: float
    source: int | None
    places: tuple[str, ...]
    placement: Placement


class _Thread:
    """The headlines of a thread that has more than one: ids in order, and the sum of their words' weights."""

    __slots__ = ("members", "squares", "sums")

    def __init__(self) -> None:
        self.members: list[int] = []
        self.sums: dict[str, int] = {}
        self.squares = 0  # of the sums

    def add(self, known: _Known, sign: int = 1) -> None:
        """Add a headline's weights, or with -1 take them off."""
        sums = self.sums
        for stem, weight in zip(known.mark.stems, known.mark.weights, strict=True):
            old = sums.get(stem, 0)
            new = old + sign * weight
            self.squares += new * new - old * old
            sums[stem] = new
            if not new:
                del sums[stem]


def no_places(_title: str, _language: str | None) -> tuple[str, ...]:
    """Return that no place is known."""
    return ()


class Clusterer:
    """An index of the headlines of the last `window`, at most `limit`, by their words, whole titles and pages.

    `places` returns the places in a title; `related` says whether two of them may be one.
    """

    def __init__(
        self,
        window: timedelta = WINDOW,
        limit: int = LIMIT,
        *,
        places: Places = no_places,
        related: Related = operator.eq,
    ) -> None:
        self._window = window.total_seconds()
        self._limit = limit
        self._places, self._related = places, related
        self._known: dict[int, _Known] = {}
        self._threads: dict[int, _Thread] = {}  # of two headlines or more
        self._by_stem: dict[str, array[int]] = {}  # the threads that have a word
        self._by_title: dict[int, int] = {}  # a hash of all words → the last headline
        self._by_page: dict[int, int] = {}

    def __len__(self) -> int:
        """The number of headlines in memory."""
        return len(self._known)

    def place(self, headline: Headline) -> Placement:
        """Return the placement of a headline, and keep it; the placement of an id never changes while it is kept."""
        if known := self._known.get(headline.id):
            return known.placement
        new = self._read(headline, Placement(headline.id, headline.id))
        new.placement = self._decide(new)
        self._remember(new)
        return new.placement

    def restore(self, headline: Headline, placement: Placement) -> None:
        """Add a headline with its placement from the database. Call in the order of placement."""
        if headline.id not in self._known:
            self._remember(self._read(headline, placement))

    def warm(self, placed: Iterable[tuple[Headline, Placement]]) -> None:
        """Restore many headlines, in the order of placement."""
        for headline, placement in placed:
            self.restore(headline, placement)

    def forget_before(self, moment: datetime) -> None:
        """Remove the headlines published before `moment`; no new headline joins a story by likeness to them."""
        before = moment.timestamp()
        for number in [number for number, known in self._known.items() if known.at < before]:
            self._forget(number)

    # ---- the choice ----

    def _read(self, headline: Headline, placement: Placement) -> _Known:
        mark = fingerprint(headline.title, headline.text, headline.language)
        page = hash(headline.url) if headline.url and is_page(headline.url) else 0
        places = self._places(headline.title[:TITLE], headline.language)
        return _Known(headline.id, mark, page, headline.published_at.timestamp(), headline.source, places, placement)

    def _decide(self, new: _Known) -> Placement:
        threads = self._likest_threads(new)
        near = [pair for _, members in threads for pair in members if pair[0] >= ALIKE]
        near.sort(key=lambda pair: (-pair[0], pair[1].id))
        for known in (*self._equal(new), *(known for _, known in near)):
            if self._is_same_text(new, known):
                return known.placement
        for likeness, known in (*self._linked(new), *near):
            if self._is_same_story(new, known, likeness):
                return Placement(known.placement.story, new.id, known.placement.thread)
        if threads and threads[0][0] >= THREAD:
            return Placement(new.id, new.id, threads[0][1][0][1].placement.thread)
        return Placement(new.id, new.id)

    def _equal(self, new: _Known) -> list[_Known]:
        """Return the headlines with the words of a new one."""
        found = {self._by_title.get(key, new.id) for key in _title_keys(new.mark)} - {new.id}
        return [self._known[number] for number in sorted(found, reverse=True)]

    def _linked(self, new: _Known) -> list[tuple[float, _Known]]:
        """Return the last headline of the same page, with its likeness."""
        known = self._known.get(self._by_page.get(new.page, -1)) if new.page else None
        return [(_likeness(_vector(new.mark), new.mark.norm, known.mark), known)] if known else []

    def _is_same_text(self, new: _Known, known: _Known) -> bool:
        """Return whether two headlines are of one text, which is only sent once.

        Entries of one source are different texts unless nothing in them differs, whatever page they link to.
        """
        if abs(new.at - known.at) > self._window or known.placement.text not in self._known:
            return False
        if new.source is not None and new.source == known.source:
            ledes = {new.mark.lede, known.mark.lede} - {""}
            return new.mark.words == known.mark.words and bool(new.mark.stems) and len(ledes) <= 1
        return same_text(new.mark, known.mark) and self._agree(new, known)

    def _is_same_story(self, new: _Known, known: _Known, likeness: float) -> bool:
        first = self._known.get(known.placement.story)
        if first is None or abs(new.at - first.at) > STORY_LASTS.total_seconds():
            return False
        is_own = new.source is not None and new.source == known.source
        least = SAME_SOURCE if is_own else SAME_PAGE if new.page and new.page == known.page else STORY
        if likeness < least or contradict(new.mark, known.mark):
            return False
        if known is not first and _likeness(_vector(new.mark), new.mark.norm, first.mark) < FIRST:
            return False
        if not self._shares_fresh_words(new.mark, known.mark):
            return False
        others = [known] if known is first else [first, known]
        return all(self._can_be_one(new, other) for other in others)

    def _shares_fresh_words(self, mark: Fingerprint, other: Fingerprint) -> bool:
        """Return whether two titles share enough words that are not those of a topic that is always there."""
        most = max(CHRONIC, len(self._known) // 100)
        shared = set(mark.stems).intersection(other.stems)
        fresh = sum(1 for stem in shared if len(self._by_stem.get(stem, ())) < most)
        return fresh >= min(EVIDENCE, len(mark.stems), len(other.stems))

    def _can_be_one(self, new: _Known, known: _Known) -> bool:
        hours = abs(new.at - known.at) / 3600
        return self._agree(new, known) and not are_two_events(new.mark, known.mark, hours)

    def _agree(self, new: _Known, known: _Known) -> bool:
        """Return whether two headlines can be of one place: they name one in common, or one of them names none."""
        if not new.places or not known.places:
            return True
        return any(self._related(mine, theirs) for mine in new.places for theirs in known.places)

    def _likest_threads(self, new: _Known) -> list[tuple[float, list[tuple[float, _Known]]]]:
        """Return the likest threads, the likest first, each with its headlines that were compared, and likenesses."""
        if not new.mark.stems:
            return []
        vector = self._worn(new.mark)
        norm = math.sqrt(sum([weight * weight for weight in vector.values()]))
        by_centroid = []
        for number in self._voted(new.mark):
            first = self._known[number]
            if abs(new.at - first.at) <= THREAD_LASTS.total_seconds():
                by_centroid.append((self._centroid_likeness(vector, norm, number), number))
        found = [
            self._thread_likeness(new, (vector, norm), likeness, number)
            for likeness, number in nlargest(VERIFIED, by_centroid)
        ]
        return sorted(found, key=lambda pair: (-pair[0], pair[1][0][1].placement.thread))

    def _voted(self, mark: Fingerprint) -> list[int]:
        """Return the threads that share most of the heaviest words, by weight."""
        votes: dict[int, int] = {}
        looked_up = 0
        for weight, stem in sorted(zip(mark.weights, mark.stems, strict=True), reverse=True):
            threads = self._by_stem.get(stem)
            if threads is None or len(threads) > CROWD:
                continue
            vote = weight * weight
            for number in threads:
                votes[number] = votes.get(number, 0) + vote
            looked_up += 1
            if looked_up == HEAVIEST:
                break
        return nlargest(VOTED, votes, key=votes.__getitem__) if len(votes) > VOTED else list(votes)

    def _worn(self, mark: Fingerprint) -> dict[str, int]:
        """Return the weights of a headline's words, of which those in many threads at once say less."""
        vector = {}
        most = math.log(max(len(self._known), CORPUS))
        for stem, weight in zip(mark.stems, mark.weights, strict=True):
            threads = len(self._by_stem.get(stem, ()))
            if threads >= MANY:
                vector[stem] = min(weight, int(GRAINS * (most - math.log(threads))) + 1)
            else:
                vector[stem] = weight
        return vector

    def _centroid_likeness(self, vector: dict[str, int], norm: float, number: int) -> float:
        thread = self._threads.get(number)
        if thread is None:
            return _likeness(vector, norm, self._known[number].mark)
        sums = thread.sums
        dot = sum([weight * sums[stem] for stem, weight in vector.items() if stem in sums])
        return dot / (norm * math.sqrt(thread.squares))

    def _thread_likeness(
        self, new: _Known, vector: tuple[dict[str, int], float], centroid: float, number: int
    ) -> tuple[float, list[tuple[float, _Known]]]:
        """Return half the likeness of the likest headline and half that of the centroid, less what time takes off."""
        thread = self._threads.get(number)
        if thread is None:
            known = self._known[number]
            compared, last = [(centroid, known)], known.at
        else:
            members = [self._known[member] for member in thread.members[-MEMBERS:]]
            compared = [(_likeness(*vector, known.mark), known) for known in members]
            last = members[-1].at
        hours = abs(new.at - last) / 3600
        best = max(likeness for likeness, _ in compared)
        return (best + centroid) / 2 - DECAY * max(0.0, hours - FRESH), compared

    # ---- the memory ----

    def _remember(self, known: _Known) -> None:
        self._known[known.id] = known
        self._join(known)
        for key in _title_keys(known.mark):
            self._by_title[key] = max(known.id, self._by_title.get(key, known.id))
        if known.page:
            self._by_page[known.page] = max(known.id, self._by_page.get(known.page, known.id))
        if len(self._known) > self._limit:
            self._forget(next(iter(self._known)))

    def _join(self, known: _Known) -> None:
        """Index a headline in its thread; a thread whose first headline is forgotten takes no more."""
        number = known.placement.thread
        first = self._known.get(number)
        if first is None:
            return
        if number == known.id:
            new_stems: Iterable[str] = known.mark.stems
        else:
            thread = self._threads.get(number)
            if thread is None:
                thread = self._threads[number] = _Thread()
                thread.add(first)
                thread.members.append(number)
            new_stems = [stem for stem in known.mark.stems if stem not in thread.sums]
            thread.add(known)
            insort(thread.members, known.id)
        for stem in new_stems:
            self._by_stem.setdefault(stem, array("q")).append(number)

    def _forget(self, number: int) -> None:
        known = self._known.pop(number)
        if known.placement.thread == number:
            thread = self._threads.pop(number, None)
            self._unindex(number, known.mark.stems if thread is None else thread.sums)
        elif thread := self._threads.get(known.placement.thread):
            thread.members.remove(number)
            thread.add(known, -1)
            self._unindex(known.placement.thread, [stem for stem in known.mark.stems if stem not in thread.sums])
        for key in _title_keys(known.mark):
            if self._by_title.get(key) == number:
                del self._by_title[key]
        if self._by_page.get(known.page) == number:
            del self._by_page[known.page]

    def _unindex(self, thread: int, stems: Iterable[str]) -> None:
        for stem in stems:
            threads = self._by_stem[stem]
            threads.remove(thread)
            if not threads:
                del self._by_stem[stem]


def _vector(mark: Fingerprint) -> dict[str, int]:
    return dict(zip(mark.stems, mark.weights, strict=True))


def _likeness(vector: dict[str, int], norm: float, other: Fingerprint) -> float:
    """Return the cosine of a vector of this norm and a headline's."""
    dot = sum([weight * vector[stem] for stem, weight in zip(other.stems, other.weights) if stem in vector])  # noqa: B905
    return dot / (norm * other.norm) if dot else 0.0


def _title_keys(mark: Fingerprint) -> set[int]:
    return {hash(mark.words), hash(mark.head)} if mark.stems else set()


def is_page(url: str) -> bool:
    """Return whether a canonical URL is of a page, not of a whole site, as in feeds without links."""
    parts = urlsplit(url)
    return len(parts.path) > 1 or bool(parts.query)
