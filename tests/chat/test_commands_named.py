import re
from pathlib import Path

from bot.chat.router import COMMANDS

ROOT = Path(__file__).parents[2]
NAMES = {command.name for command in COMMANDS}


def test_the_page_of_commands_names_exactly_the_commands_there_are() -> None:
    page = (ROOT / "docs/commands.md").read_text()
    assert set(re.findall(r"(?<![\w./-])/([a-z]+)\b(?![/.])", page)) == NAMES


def test_the_readme_names_no_command_that_is_not_there() -> None:
    readme = (ROOT / "README.md").read_text()
    named = set(re.findall(r"`/([a-z]+)\b", readme))
    assert named
    assert named <= NAMES
