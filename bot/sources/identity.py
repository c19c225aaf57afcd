"""What makes an item of a feed the same item next time. Pure.

An item is seen if one of its keys is known, so a key must never be shared by two items: that would lose news. Feeds
give ids that repeat, ids that change, and links that all lead to the home page; each key is used only where the
document shows that it tells its items apart.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Label:
    """What an item can be told by: its id as given, its canonical link, its plain title and text; any may be empty."""

    guid: str | None
    link: str | None
    title: str
    text: str = ""


def identity_keys(
    labels: Sequence[Label], home: Collection[str] = (), links_elsewhere: int = 0
) -> list[tuple[str, ...]]:
    """Return the keys of each item of one document, strongest first: hex SHA-256 digests.

    The id; where ids collide, the id with the link, then with the title. Nobody keeps the bare id then: which of them
    is "the first" changes with the next item, which would be taken for seen. Also the link, so that a changed id is
    no news, if it is this item's alone, not in `home` (canonical links that stand for the site), and not the only one
    in the document: one item does not show that links tell items apart. Without an id, the link with the title; with
    neither id nor link, the title with the text, so that an edit is news rather than news an edit.

    Where `labels` are only some of a document's, none of the others has an id or a link of theirs, and
    `links_elsewhere` says how many links the others have.
    """
    guids = Counter(label.guid for label in labels)
    pairs = Counter((label.guid, label.link) for label in labels)
    links = Counter(label.link for label in labels if label.link)
    homes = {_without_scheme(page).rstrip("/") for page in home}
    several = len(links) + links_elsewhere > 1
    own_links = {link for link, count in links.items() if count == 1 and several and not _is_home(link, homes)}
    return [_keys(label, guids, pairs, own_links) for label in labels]


def link_key(link: str) -> str:
    """Return the key that an item has by its canonical link, where its document shows that the link is its own."""
    return _digest("link", _without_scheme(link))


def _keys(
    label: Label,
    guids: Counter[str | None],
    pairs: Counter[tuple[str | None, str | None]],
    own_links: Collection[str],
) -> tuple[str, ...]:
    link = _without_scheme(label.link or "")
    keys = []
    if label.guid and guids[label.guid] == 1:
        keys.append(_digest("guid", label.guid))
    elif label.guid and pairs[label.guid, label.link] == 1:
        keys.append(_digest("guid+link", label.guid, link))
    elif label.guid:
        keys.append(_digest("guid+link+title", label.guid, link, label.title))
    if label.link and label.link in own_links:
        keys.append(link_key(label.link))
    if not label.guid and label.link:
        keys.append(_digest("link+title", link, label.title))
    elif not label.guid:
        keys.append(_digest("title+text", label.title, label.text))
    return tuple(keys)


def _is_home(link: str, homes: Collection[str]) -> bool:
    page = _without_scheme(link).rstrip("/")
    return "/" not in page or page in homes


def _without_scheme(link: str) -> str:
    """http or https makes no other article (a site that moves to https changes every link at once)."""
    return link.partition("://")[2]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
