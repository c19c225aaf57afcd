"""What the readings of many sources left to be known at their next, in memory: losing it costs one whole reading."""

from collections import OrderedDict
from datetime import datetime, timedelta

MAX_SOURCES = 20_000  # of some fifty items: 30 MB
WHOLE_EVERY = timedelta(days=1)  # then all of a feed is read, and what it still shows is noted as seen


class ItemCache:
    """By source, what `FeedParser.read` returned as `known`; the least recently used goes first."""

    def __init__(self, limit: int = MAX_SOURCES) -> None:
        self._limit = limit
        self._kept: OrderedDict[int, tuple[str, datetime, bytes]] = OrderedDict()

    def recall(self, source_id: int, url: str, now: datetime) -> bytes:
        """Return what is known of the document at `url`; b"" if nothing is, or a whole reading is due."""
        kept_url, whole_at, known = self._kept.get(source_id, ("", now, b""))
        return known if kept_url == url and now - whole_at < WHOLE_EVERY else b""

    def keep(self, source_id: int, url: str, known: bytes, now: datetime, *, whole: bool) -> None:
        """Remember a reading, once what it found is stored. `whole` if it read every item."""
        _, whole_at, _ = self._kept.pop(source_id, ("", now, b""))
        self._kept[source_id] = (url, now if whole else whole_at, known)
        if len(self._kept) > self._limit:
            self._kept.popitem(last=False)
