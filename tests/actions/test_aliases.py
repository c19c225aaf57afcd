from collections.abc import AsyncIterator, Sequence

import pytest

from bot.actions import aliases
from bot.actions.aliases import AliasChange, AliasRefusal
from bot.actions.refused import Refused
from bot.errors import UserError
from bot.matching.engine.aliases import MOST_NAMES, Group, check
from bot.models import FeedEntry
from bot.pipeline.aliases import AliasBook
from bot.runtime.clock import Clock
from bot.search.recent import Week
from bot.storage import entries, sources, stats
from bot.storage.aliases import listing
from bot.storage.database import Database

ADMIN = 1001
NOW = Clock().now()
SYRIA, FRANCE = ("Syria", "Shamiya"), ("France", "Hexagonia")


class Admin:
    """An admin who changes aliases, beside those of a file."""

    def __init__(self, database: Database, configured: Sequence[Group] = ()) -> None:
        self.database, self.configured = database, configured

    async def add(self, *names: str) -> AliasChange:
        async with self.database.begin() as connection:
            return await aliases.add(
                connection, names, configured=self.configured, check=check, admin_id=ADMIN, now=NOW
            )

    async def remove(self, typed: str) -> AliasChange:
        async with self.database.begin() as connection:
            return await aliases.remove(connection, typed, configured=self.configured, admin_id=ADMIN, now=NOW)

    async def undo(self, change: AliasChange) -> AliasChange:
        async with self.database.begin() as connection:
            return await aliases.undo(
                connection, change, configured=self.configured, check=check, admin_id=ADMIN, now=NOW
            )

    async def stored(self) -> list[Group]:
        async with self.database.read() as connection:
            return [alias.names for alias in await listing(connection)]

    async def acts(self) -> list[str]:
        """Return what admins did, the first act first."""
        async with self.database.read() as connection:
            return [act.act for act in reversed(await stats.last_acts(connection, 100))]


@pytest.fixture
def admin(database: Database) -> Admin:
    return Admin(database)


async def test_names_are_added_and_removed_one_by_one(admin: Admin) -> None:
    assert await admin.add("Firm", "Company") == AliasChange(1, (), ("Firm", "Company"), ("Firm", "Company"))
    more = await admin.add("COMPANY", "Group")
    assert (more.before, more.after) == (("Firm", "Company"), ("Firm", "Company", "Group"))
    less = await admin.remove("firm")
    assert less.after == ("Company", "Group")
    gone = await admin.remove("group")
    assert gone == AliasChange(1, ("Company", "Group"), (), ())
    assert await admin.stored() == []
    assert await admin.acts() == [
        "alias Firm = Company",
        "alias Firm = Company, Group",
        "unalias Company = Group",
        "unalias Company = Group",
    ]


async def test_names_that_are_one_already_change_nothing(admin: Admin) -> None:
    await admin.add("Firm", "Company", "Group")
    names = ("Firm", "Company", "Group")
    assert await admin.add("group", "company") == AliasChange(None, names, names, names)
    assert len(await admin.acts()) == 1


async def test_an_alias_is_removed_by_its_number(admin: Admin) -> None:
    await admin.add("Firm", "Company")
    await admin.add("Newco", "Newcorp")
    assert (await admin.remove("2")).before == ("Newco", "Newcorp")
    for typed in ("0", "2", "9" * 30, "", "Newco"):
        with pytest.raises(Refused) as refused:
            await admin.remove(typed)
        assert refused.value.reason is AliasRefusal.NOT_FOUND


async def test_an_alias_is_removed_once_by_its_id(admin: Admin) -> None:
    await admin.add("Firm", "Company")
    async with admin.database.begin() as connection:
        removed = await aliases.remove_by_id(connection, 1, ADMIN, NOW)
        assert await aliases.remove_by_id(connection, 1, ADMIN, NOW) is None
    assert removed == AliasChange(1, ("Firm", "Company"), (), ())


async def test_a_change_is_undone(admin: Admin) -> None:
    await admin.add("Firm", "Company")
    added = await admin.add("Firm", "Group")
    assert (await admin.undo(added)).after == ("Firm", "Company")
    removed = await admin.remove("1")
    assert await admin.stored() == []
    assert (await admin.undo(removed)).after == ("Firm", "Company")
    assert await admin.stored() == [("Firm", "Company")]
    assert (await admin.acts())[-1] == "undo alias Firm = Company"


async def test_a_change_is_not_undone_after_another_one(admin: Admin) -> None:
    first = await admin.add("Firm", "Company")
    await admin.add("Firm", "Group")
    removed = await admin.remove("Company")
    await admin.add("Company", "Newco")
    for change in (first, removed):  # changed since; and its name is another alias's now
        with pytest.raises(Refused) as refused:
            await admin.undo(change)
        assert refused.value.reason is AliasRefusal.CHANGED


async def test_two_aliases_are_not_joined(admin: Admin) -> None:
    await admin.add("Firm", "Company")
    await admin.add("Newco", "Newcorp")
    with pytest.raises(Refused) as refused:
        await admin.add("Company", "Newcorp")
    assert refused.value.reason is AliasRefusal.TWO_ALIASES
    assert refused.value.values == {"one": "Firm", "other": "Newco"}
    assert len(await admin.stored()) == 2


async def test_names_that_cannot_be_one_are_an_error(admin: Admin) -> None:
    with pytest.raises(UserError):
        await admin.add("Syria", "Iraq")
    await admin.add("Firm", *(f"Company{letter}" for letter in "abcdefghijklmnopqrs"[: MOST_NAMES - 1]))
    with pytest.raises(UserError):
        await admin.add("Firm", "Newco")


# ---- beside the aliases of the file ----


@pytest.fixture
def admin_with_file(database: Database) -> Admin:
    return Admin(database, (SYRIA, FRANCE))


async def test_an_alias_of_the_file_grows_in_chat_and_is_removed_there_only(admin_with_file: Admin) -> None:
    added = await admin_with_file.add("Foobarland", "Shamiya")
    assert added.after == ("Foobarland", "Shamiya")
    assert set(added.names) == {"Foobarland", *SYRIA}
    assert (await admin_with_file.add("france", "hexagonia")).alias_id is None
    with pytest.raises(Refused) as refused:
        await admin_with_file.remove("hexagonia")
    assert refused.value.reason is AliasRefusal.IN_FILE


async def test_two_aliases_of_the_file_are_not_joined_by_a_third_name(admin_with_file: Admin) -> None:
    await admin_with_file.add("Foobarland", "Shamiya")
    with pytest.raises(Refused) as refused:
        await admin_with_file.add("Foobarland", "Hexagonia")
    assert refused.value.reason is AliasRefusal.TWO_ALIASES
    assert refused.value.values == {"one": "Syria", "other": "France"}


async def test_undo_does_not_join_two_aliases_of_the_file(database: Database) -> None:
    await Admin(database).add("Shamiya", "Foobarland", "Hexagonia")
    removed = await Admin(database).remove("1")
    with pytest.raises(Refused) as refused:
        await Admin(database, (SYRIA, FRANCE)).undo(removed)
    assert refused.value.reason is AliasRefusal.TWO_ALIASES


async def test_those_of_the_file_count_for_the_most_there_can_be(
    admin_with_file: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aliases, "MOST_ALIASES", 3)
    await admin_with_file.add("Firm", "Company")
    with pytest.raises(Refused) as refused:
        await admin_with_file.add("Newco", "Newcorp")
    assert refused.value.reason is AliasRefusal.TOO_MANY
    assert (await admin_with_file.add("Syria", "Foobarland")).alias_id  # one of the file's: no alias more
    removed = await admin_with_file.remove("Company")
    await admin_with_file.add("Newco", "Newcorp")
    with pytest.raises(Refused) as refused:
        await admin_with_file.undo(removed)
    assert refused.value.reason is AliasRefusal.TOO_MANY


# ---- common names ----


@pytest.fixture
async def week(database: Database) -> AsyncIterator[Week]:
    """A week of ten articles about the ministry of Syria."""
    items = [
        FeedEntry((str(n),), f"Harvest{n} field{n * 7}", None, None, "Ministry of Syria", "en", None) for n in range(10)
    ]
    async with database.begin() as connection:
        source_id, _ = await sources.add(connection, url="https://e.org/f", title="E", now=NOW)
        await entries.store(connection, source_id, items, NOW, baseline=False)
    week = Week(database, Clock(), AliasBook())
    await week.catch_up()
    yield week
    week.close()


async def test_a_name_in_too_many_articles_is_refused_unless_it_is_a_place(
    week: Week, monkeypatch: pytest.MonkeyPatch
) -> None:
    await aliases.check_common(("Foo Office", "Ministry"), week)  # ten articles say nothing
    monkeypatch.setattr(aliases, "ENOUGH", 10)
    with pytest.raises(Refused) as refused:
        await aliases.check_common(("Foo Office", "Ministry"), week)
    assert refused.value.reason is AliasRefusal.TOO_COMMON
    assert refused.value.values == {"name": "Ministry", "share": 100}
    await aliases.check_common(("Syria", "Old Levant"), week)
