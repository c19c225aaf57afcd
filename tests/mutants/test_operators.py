from textwrap import dedent

import pytest

from tests.mutants.operators import Mutant, mutants

MODULE = dedent(
    '''
    """A module's docstring."""
    from markupsafe import Markup

    Act = Callable[[int], None]
    LIMIT = 50  # é: two bytes


    class Sender:
        """Sends."""

        def send(self, text: str = "é", *, again: bool = False) -> int | None:
            """Send a text."""
            log.info("sending", text="secret")
            self.count += 1
            if len(text) <= LIMIT and not again:
                return min(self.count, 3)
            self.tell(_("Too long"), silent=True)
            return None
    '''
).encode()


def made(source: bytes = MODULE) -> list[Mutant]:
    return mutants("bot/sender.py", source)


@pytest.mark.parametrize(
    ("operator", "old", "new"),
    [
        ("number", "50", "100"),
        ("number", "3", "4"),
        ("text", '"é"', '""'),
        ("truth", "False", "True"),
        ("statement", "self.count += 1", "pass"),
        ("condition", "len(text) <= LIMIT and not again", "True"),
        ("condition", "len(text) <= LIMIT and not again", "False"),
        ("comparison", "<=", "<"),
        ("boolean", "and", "or"),
        ("negation", "not again", "again"),
        ("return", "return min(self.count, 3)", "return None"),
        ("call", "min", "max"),
        ("argument", "silent=True", ""),
    ],
)
def test_each_operator_changes_its_place_and_nothing_else(operator: str, old: str, new: str) -> None:
    (mutant,) = [one for one in made() if (one.operator, one.old, one.new) == (operator, old, new)]
    assert mutant.applied(MODULE) == MODULE[: mutant.start] + new.encode() + MODULE[mutant.end :]
    assert MODULE[mutant.start : mutant.end].decode() == old
    assert old.encode() in MODULE.splitlines()[mutant.line - 1]


def test_docstrings_the_log_sentences_and_annotations_are_left_alone() -> None:
    touched = {mutant.old for mutant in made()}
    assert touched.isdisjoint({'"sending"', '"secret"', '"Too long"', '"""Sends."""', '"""Send a text."""'})
    assert not [old for old in touched if old.startswith(("log.", "[int]", "None"))]


def test_a_line_is_that_of_the_statement_that_runs_it() -> None:
    lines = {mutant.old: mutant.lines for mutant in made()}
    assert lines["50"] is None  # it runs when the module is imported
    assert lines["<="] == (16, 16)
    assert lines['"é"'] == (13, 19)  # a default: whatever calls the function runs it


def test_ids_are_unique_and_stay_when_another_function_changes() -> None:
    before = [mutant.id for mutant in made()]
    after = [mutant.id for mutant in made(MODULE + b"\n\ndef other() -> bool:\n    return 1 < 2\n")]
    assert len(before) == len(set(before))
    assert after[: len(before)] == before
    assert len(after) > len(before)
