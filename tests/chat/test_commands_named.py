import re
from pathlib import Path

import pytest

from bot.chat.router import COMMANDS
from bot.chat.user.start import help_text
from bot.locales import LANGUAGES, words

ROOT = Path(__file__).parents[2]
NAMES = {command.name for command in COMMANDS}


def test_the_page_of_commands_names_exactly_the_commands_there_are() -> None:
    page = (ROOT / "docs/commands.md").read_text()
    assert set(re.findall(r"(?<![\w./-])/([a-z]+)\b(?![/.])", page)) == NAMES


def test_the_tables_of_the_readme_name_exactly_the_commands_there_are() -> None:
    readme = (ROOT / "README.md").read_text()
    tables = "\n".join(line for line in readme.splitlines() if line.startswith("|"))
    assert set(re.findall(r"`/([a-z]+)\b", tables)) == NAMES
    assert set(re.findall(r"`/([a-z]+)\b", readme)) == NAMES


NAMED_ELSEWHERE = {
    "start",  # the first thing a person sends
    "help",
    "unsubscribe",  # a button of /list
    "edit",  # a button of /list
    "cancel",  # the question that it withdraws names it
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_help_names_every_command_the_reader_may_use(language: str) -> None:
    everybodys = {command.name for command in COMMANDS if not command.for_admins}
    assert _named_in_help(language, for_admin=False) == everybodys - NAMED_ELSEWHERE
    assert _named_in_help(language, for_admin=True) == NAMES - NAMED_ELSEWHERE


def _named_in_help(language: str, *, for_admin: bool) -> set[str]:
    return set(re.findall(r"(?<![\w<])/([a-z]+)\b", help_text(words(language), for_admin=for_admin)))
