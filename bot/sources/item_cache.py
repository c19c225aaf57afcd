"""Item cache: the items that each source last showed, in memory, so that only new ones are parsed.

A miss costs one full parse.
"""

from collections import OrderedDict
from datetime import datetime, timedelta

MAX_SOURCES = 20_000  # of some fifty items each: 30 MB
WHOLE_EVERY = timedelta(days=1)  # then a feed is parsed whole, and all it shows is recorded as seen


class ItemCache:
    """LRU cache by source id of the `known` bytes of a `ReadResult`."""

    def __init__(self, limit: int = MAX_SOURCES) -> None:
        self._limit = limit
        self._kept: OrderedDict[int, tuple[str, datetime, bytes]] = OrderedDict()

    def recall(self, source_id: int, url: str, now: datetime) -> bytes:
        """Return the known items of the document at `url`; b"" if there are none, or a full parse is due."""
        kept_url, whole_at, known = self._kept.get(source_id, ("", now, b""))
        return known if kept_url == url and now - whole_at < WHOLE_EVERY else b""

    def keep(self, source_id: int, url: str, known: bytes, now: datetime, *, whole: bool) -> None:
        """Cache the known items of a document, once its entries are stored. `whole`: every item was parsed."""
        _, whole_at, _ = self._kept.pop(source_id, ("", now, b""))
        self._kept[source_id] = (url, now if whole else whole_at, known)
        if len(self._kept) > self._limit:
            self._kept.popitem(last=False)
