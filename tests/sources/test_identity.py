from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sources.identity import Label, identity_keys


def new_items(before: list[Label], after: list[Label]) -> list[str]:
    """The titles in `after` that share no key with `before`."""
    known = {key for keys in identity_keys(before) for key in keys}
    return [label.title for label, keys in zip(after, identity_keys(after), strict=True) if known.isdisjoint(keys)]


def label(name: str, *, guid: str | None = "", link: str | None = "") -> Label:
    return Label(
        name if guid == "" else guid, f"https://news.example/{name}" if link == "" else link, f"title of {name}"
    )


A, B, C = label("a"), label("b"), label("c")


def test_only_what_was_not_there_is_new() -> None:
    assert new_items([A, B], [C, A, B]) == ["title of c"]


def test_an_edited_title_is_no_news() -> None:
    assert new_items([A, B], [Label(A.guid, A.link, "edited"), B]) == []


def test_a_changed_guid_is_no_news_while_the_link_stays() -> None:
    assert new_items([A, B], [Label("other", A.link, A.title), Label("another", B.link, B.title)]) == []


def test_a_changed_link_is_no_news_while_the_guid_stays() -> None:
    assert new_items([A, B], [Label(A.guid, "https://news.example/moved", A.title), B]) == []


def test_a_move_to_https_is_no_news() -> None:
    before = [Label(f"http://n.example/{n}", f"http://n.example/{n}", n) for n in "ab"]
    after = [Label(f"https://n.example/{n}", f"https://n.example/{n}", n) for n in "ab"]
    assert new_items(before, after) == []


def test_a_guid_that_all_share_hides_nothing() -> None:
    a, b, c = (label(name, guid="same") for name in "abc")
    assert new_items([a, b], [c, a, b]) == ["title of c"]


def test_a_guid_and_a_link_that_all_share_hide_nothing() -> None:
    a, b, c = (label(name, guid="same", link="https://news.example/") for name in "abc")
    assert new_items([a, b], [c, a, b]) == ["title of c"]


def test_a_link_that_all_share_hides_nothing() -> None:
    a, b, c = (label(name, link="https://news.example/live") for name in "abc")
    assert new_items([a, b], [c, a, b]) == ["title of c"]
    a, b, c = (label(name, guid=None, link="https://news.example/live") for name in "abc")
    assert new_items([a, b], [c, a, b]) == ["title of c"]


def test_the_home_page_as_a_link_hides_nothing_even_once_in_a_document() -> None:
    home = "https://news.example/"
    assert new_items([label("a", link=home), B], [label("c", link=home), B]) == ["title of c"]


def test_the_page_a_feed_belongs_to_hides_nothing() -> None:
    section = "https://news.example/world"
    before = identity_keys([label("a", link=section), B], [section])
    after = identity_keys([label("c", link=f"{section}/"), B], [section])
    assert set(before[0]).isdisjoint(after[0])


def test_a_document_of_one_item_does_not_make_its_link_an_identity() -> None:
    assert new_items([label("a", link="https://n.example/warning")], [label("b", link="https://n.example/warning")])


def test_an_item_without_a_guid_is_known_by_its_link() -> None:
    a, b, c = (label(name, guid=None) for name in "abc")
    assert new_items([a, b], [c, Label(None, a.link, "edited"), b]) == ["title of c"]


def test_items_with_only_a_title_are_told_apart_by_their_text() -> None:
    before = [Label(None, None, "Status", "All is well.")]
    assert new_items(before, [Label(None, None, "Status", "It is down."), *before]) == ["Status"]


def test_an_item_that_was_alone_is_still_known_in_company() -> None:
    a, b = label("a", guid=None), label("b", guid=None)
    assert new_items([a], [b, a]) == ["title of b"]


labels = st.lists(
    st.builds(
        Label,
        st.none() | st.sampled_from(["1", "2", "3"]),
        st.none() | st.sampled_from([f"https://n.example/{path}" for path in ("", "x", "y", "z")]),
        st.sampled_from(["", "p", "q", "r"]),
    ),
    max_size=8,
    unique=True,
)


@settings(deadline=None)
@given(labels)
def test_items_that_differ_never_share_a_key(items: list[Label]) -> None:
    keys = [key for keys in identity_keys(items) for key in keys]
    assert len(keys) == len(set(keys))
    assert all(identity_keys(items))


@settings(deadline=None)
@given(labels, st.randoms())
def test_the_order_of_items_does_not_matter(items: list[Label], random: Random) -> None:
    shuffled = random.sample(items, len(items))
    assert dict(zip(shuffled, identity_keys(shuffled), strict=True)) == dict(
        zip(items, identity_keys(items), strict=True)
    )
