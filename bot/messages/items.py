"""Items: what a message shows of one event, as a record that is rendered, stored and rendered again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from bot.messages.safe_text import clean, clip

LEDE = 200  # code points shown at most


@dataclass(frozen=True, slots=True)
class Item:
    """One story as a chat is told of it, by the entry that tells it best.

    `queries` are the reader's own labels, the best match first; `others` are the story's further texts that the chat
    is owed, the best first; `more_sources` counts the story's other sources; `score` is the match's, 0 to 1; `lede` is
    plain text (`lede_of`). `language` is a code, or None where it is not known. `perhaps_seen`: an earlier message told
    it, and Telegram never confirmed that one. `thread_id` is that of the story, 0 where it is not known.
    Its queries need `needed` publishers (0: any one), of which `publishers` have it.
    """

    story_id: int
    entry_id: int
    title: str
    url: str | None
    source: str
    published_at: datetime | None
    queries: tuple[str, ...]
    more_sources: int = 0
    language: str | None = None
    lede: str = ""
    score: float = 0.0
    perhaps_seen: bool = False
    thread_id: int = 0
    publishers: int = 0
    needed: int = 0
    others: tuple["Item", ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the item as the outbox stores it: later changes of the entry or its source do not reach it.

        Its further texts are not in it: a message stores each text that it shows by itself.
        """
        published_at = self.published_at.isoformat() if self.published_at else None
        stored = asdict(self) | {"queries": list(self.queries), "published_at": published_at}
        del stored["others"]
        return stored

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return the item that `to_json` stored."""
        published_at = datetime.fromisoformat(stored["published_at"]) if stored["published_at"] else None
        return cls(**{**stored, "queries": tuple(stored["queries"]), "published_at": published_at})


def lede_of(title: str, summary: str) -> str:
    """Return the beginning of a summary in at most LEDE code points, without the headline if it repeats that."""
    text, title = clean(summary), clean(title)
    rest = text[len(title) :].lstrip(" .:;,–—-") if text.casefold().startswith(title.casefold()) else text
    return clip(rest, LEDE)
