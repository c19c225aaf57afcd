"""Chosen mutants: the planted ones, then a sample that a seed decides.

The order of a sample is that of the hashes of the seed and each mutant's id, so a change of one function replaces its
own mutants and no others.
"""

import hashlib
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.operators import Mutant, mutants
from tests.mutants.planted import PLANTED

SEED = 1
MOST_OF_ONE_OPERATOR = 0.15  # of a group's sample: tables would fill it with texts and elements


@dataclass(frozen=True, slots=True)
class Group:
    """A part of the bot: its files (patterns), and the number of mutants that are tried of it."""

    name: str
    patterns: tuple[str, ...]
    size: int


GROUPS = (
    Group("delivery", ("bot/delivery/**/*.py",), 70),
    Group("fetching", ("bot/sources/http/*.py",), 60),
    Group(
        "permissions",
        tuple(
            f"bot/chat/{name}.py"
            for name in ("permissions", "group_admins", "membership", "rate_limit", "router", "buttons", "inbox")
        ),
        45,
    ),
    Group("schedules", ("bot/schedules/*.py",), 35),
    Group("messages", ("bot/messages/*.py",), 60),
)


def files(root: Path, group: Group) -> list[str]:
    """Return the files of a group."""
    return sorted({str(path.relative_to(root)) for pattern in group.patterns for path in root.glob(pattern)})


def targets(root: Path) -> list[str]:
    """Return all files that mutants are made of."""
    return sorted({path for group in GROUPS for path in files(root, group)} | {mutant.path for mutant in PLANTED})


def planted(root: Path) -> list[Mutant]:
    """Return the planted mutants, as those of the operator "planted"."""
    made = []
    for known in PLANTED:
        source = (root / known.path).read_bytes()
        at = source.index(known.old.encode())
        end = at + len(known.old.encode())
        line = source.count(b"\n", 0, at) + 1
        lines = (line, line + max(0, known.old.rstrip("\n").count("\n")))
        made.append(Mutant(known.path, known.name, "planted", at, end, known.old, known.new, line, lines))
    return made


def sample(root: Path, group: Group, size: int, seed: int = SEED) -> list[Mutant]:
    """Return `size` mutants of a group, all if it has no more."""
    found = [mutant for path in files(root, group) for mutant in mutants(path, (root / path).read_bytes())]
    ranked = sorted(found, key=lambda mutant: hashlib.sha256(f"{seed} {mutant.id}".encode()).digest())
    most, taken = math.ceil(size * MOST_OF_ONE_OPERATOR), Counter[str]()
    chosen: list[Mutant] = []
    for mutant in ranked:
        if len(chosen) < size and taken[mutant.operator] < most:
            taken[mutant.operator] += 1
            chosen.append(mutant)
    return chosen


def chosen(root: Path, *, part: float = 1.0, seed: int = SEED) -> list[Mutant]:
    """Return the planted mutants and a sample of each group; `part` of its size, if less are wanted."""
    groups = [sample(root, group, math.ceil(group.size * part), seed) for group in GROUPS]
    return planted(root) + [mutant for group in groups for mutant in group]
