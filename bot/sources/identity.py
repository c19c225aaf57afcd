"""Identity: computes the keys by which an item of a feed is recognised in the next document. Pure.

An item counts as seen if one of its keys is known, so two items must never share a key: one would be lost. Feeds have
ids that repeat, ids that change, and links that all lead to the home page; so each kind of key is used only where the
document shows that it distinguishes its items.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Label:
    """The identifying parts of an item: id as given, canonical link, plain title and text; any may be empty."""

    guid: str | None
    link: str | None
    title: str
    text: str = ""


def identity_keys(
    labels: Sequence[Label], home: Collection[str] = (), links_elsewhere: int = 0
) -> list[tuple[str, ...]]:
    """Return the keys of each item of one document, strongest first: hex SHA-256 digests.

    The id; where ids collide, the id with the link, then with the title. No item keeps the bare id then: the "first" of
    them changes with the next item, which would be taken for seen. Also the link, so that a changed id is no news, if
    no other item has it, if it is not in `home` (canonical links of the site itself), and if the document has more
    than one link: a single item does not show that links distinguish items. Without an id, the link with the
    title; with neither id nor link, the title with the text, so that an edit is news rather than news an edit.

    Where `labels` are only some of a document's, none of the others has an id or a link of theirs, and
    `links_elsewhere` is the number of links that the others have.
    """
    guids = Counter(label.guid for label in labels)
    pairs = Counter((label.guid, label.link) for label in labels)
    links = Counter(label.link for label in labels if label.link)
    homes = {_without_scheme(page).rstrip("/") for page in home}
    several = len(links) + links_elsewhere > 1
    own_links = {link for link, count in links.items() if count == 1 and several and not _is_home(link, homes)}
    return [_keys(label, guids, pairs, own_links) for label in labels]


def link_key(link: str) -> str:
    """Return the key of an item's canonical link, for a link that no other item of the document has."""
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
    """Return a link without its scheme: a site that moves to https changes every link at once."""
    return link.partition("://")[2]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
