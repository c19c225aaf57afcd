"""Clusterer: places headlines in stories, one after another, in bounded time.

A headline is compared with the few recent headlines that share its rarest words; the most similar decides. The memory
is a cache of the database: `restore` rebuilds it at start, `forget_before` and `limit` keep it small.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from bot.models import Headline, Placement
from bot.stories.fingerprint import Fingerprint, containment, contradict, fingerprint, likeness, same_text, weigh

WINDOW = timedelta(hours=48)  # a story lasts days: a similar headline a week later is another event
LIMIT = 50_000  # headlines: two days of ten thousand feeds that publish rarely, or of two hundred that publish often
RAREST = 8  # words looked up for a headline
CROWD = 400  # headlines under one word: a more frequent word is no evidence, and costs time
VERIFIED = 30  # candidates compared in full

# The least likeness of two titles of one event, by the number of telling words they share: the more of these, the less
# the rest matters. Found on labelled headlines with `tests/benchmarks/stories.py`.
LIKE = {2: 76.0, 3: 66.0, 4: 58.0}
CONTAINED = 86.0  # or the least containment, if they share three


@dataclass(frozen=True, slots=True)
class _Known:
    """A headline that has its placement."""

    print: Fingerprint
    url: str | None
    published_at: datetime
    placement: Placement


class Clusterer:
    """An index of the headlines of the last `window`, at most `limit`, by their words and URLs."""

    def __init__(self, window: timedelta = WINDOW, limit: int = LIMIT) -> None:
        self._window = window
        self._limit = limit
        self._known: dict[int, _Known] = {}
        self._by_word: dict[str, set[int]] = {}
        self._by_url: dict[str, int] = {}

    def __len__(self) -> int:
        """The number of headlines in memory."""
        return len(self._known)

    def place(self, headline: Headline) -> Placement:
        """Return the placement of a headline, and keep it; the placement of an id never changes while it is kept."""
        if known := self._known.get(headline.id):
            return known.placement
        mark = fingerprint(headline.title, headline.text)
        placement = self._decide(headline, mark)
        self._remember(headline, mark, placement)
        return placement

    def restore(self, headline: Headline, placement: Placement) -> None:
        """Add a headline with its placement from the database. Call in the order of placement."""
        if headline.id not in self._known:
            self._remember(headline, fingerprint(headline.title, headline.text), placement)

    def warm(self, placed: Iterable[tuple[Headline, Placement]]) -> None:
        """Restore many headlines, in the order of placement."""
        for headline, placement in placed:
            self.restore(headline, placement)

    def forget_before(self, moment: datetime) -> None:
        """Remove the headlines published before `moment`; no new headline joins a story by likeness to them."""
        for number in [number for number, known in self._known.items() if known.published_at < moment]:
            self._forget(number)

    def _decide(self, headline: Headline, mark: Fingerprint) -> Placement:
        linked = self._linked(headline)
        if linked and (linked.print.telling & mark.telling or same_text(linked.print, mark)):
            return linked.placement
        found = self._likeliest(headline, mark)
        for known in found:
            if same_text(known.print, mark):
                return known.placement
        if linked:  # one page with two unrelated headlines: a live page
            return Placement(linked.placement.story, headline.id)
        return Placement(found[0].placement.story if found else headline.id, headline.id)

    def _linked(self, headline: Headline) -> _Known | None:
        """Return the last headline with the same URL, or None; the URL of a whole site does not count."""
        if headline.url is None or not is_page(headline.url):
            return None
        known = self._known.get(self._by_url.get(headline.url, -1))
        return known if known and self._in_window(headline, known) else None

    def _likeliest(self, headline: Headline, mark: Fingerprint) -> list[_Known]:
        """Return the recent headlines about the same event, the most similar first."""
        scored = []
        for number in self._candidates(mark):
            known = self._known[number]
            if self._in_window(headline, known) and (score := event_score(mark, known.print)):
                scored.append((score, number))
        return [self._known[number] for _, number in sorted(scored, key=lambda pair: (-pair[0], pair[1]))]

    def _candidates(self, mark: Fingerprint) -> list[int]:
        """Return the headlines that share most of the rarest words of `mark`."""
        lists = sorted((self._by_word.get(word, ()) for word in mark.telling), key=len)
        votes: Counter[int] = Counter()
        for numbers in [found for found in lists if 0 < len(found) <= CROWD][:RAREST]:
            votes.update(numbers)
        return [number for number, _ in votes.most_common(VERIFIED)]

    def _in_window(self, headline: Headline, known: _Known) -> bool:
        return abs(headline.published_at - known.published_at) <= self._window

    def _remember(self, headline: Headline, mark: Fingerprint, placement: Placement) -> None:
        self._known[headline.id] = _Known(mark, headline.url, headline.published_at, placement)
        for word in mark.telling:
            self._by_word.setdefault(word, set()).add(headline.id)
        if headline.url:
            self._by_url[headline.url] = headline.id
        if len(self._known) > self._limit:
            self._forget(next(iter(self._known)))

    def _forget(self, number: int) -> None:
        known = self._known.pop(number)
        for word in known.print.telling:
            self._by_word[word].discard(number)
            if not self._by_word[word]:
                del self._by_word[word]
        if known.url and self._by_url.get(known.url) == number:
            del self._by_url[known.url]


def event_score(first: Fingerprint, second: Fingerprint) -> float:
    """Return the likeness of two headlines about one event, up to 100; 0 if the evidence is too weak to group them."""
    shared = int(weigh(first.telling & second.telling))
    if shared < min(LIKE) or contradict(first, second):
        return 0.0
    alike = likeness(first, second)
    if alike >= LIKE[min(shared, max(LIKE))]:
        return alike
    contained = containment(first, second) if shared > min(LIKE) else 0.0
    return min(LIKE.values()) if contained >= CONTAINED else 0.0


def is_page(url: str) -> bool:
    """Return whether a canonical URL is of a page, not of a whole site, as in feeds without links."""
    parts = urlsplit(url)
    return len(parts.path) > 1 or bool(parts.query)
