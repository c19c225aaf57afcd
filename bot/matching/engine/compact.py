"""Compact sets and maps: plain values that replace containers that are empty or have one value, as millions do.

A `CompactSet` is None when empty, the value itself when there is one, else a dict with the values as keys. A
`CompactMap` maps keys to compact sets: None, a pair of its only key and that key's set, or a dict. So a value is never
None, a dict or a tuple. Each function returns the new set or map, which the caller stores; the hot loops of
`bot.matching.engine.percolator` test the shapes themselves.

One thread may read while another writes: a dict is changed in place, one key at a time, and a reader that takes all
of it (`set.update`, `tuple`) does so in C, in one step.
"""

from typing import TypeAlias, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")

CompactSet: TypeAlias = Value | dict[Value, None] | None
FilledMap: TypeAlias = tuple[Key, CompactSet[Value]] | dict[Key, CompactSet[Value]]
CompactMap: TypeAlias = FilledMap[Key, Value] | None


def with_value(values: CompactSet[Value], value: Value) -> CompactSet[Value]:
    """Return a set that has `value` too."""
    if values is None:
        return value
    if type(values) is dict:
        values[value] = None
        return values
    return {values: None, value: None}  # type: ignore[dict-item]  # no dict here: `type(…) is` narrows one branch only


def without_value(values: CompactSet[Value], value: Value) -> CompactSet[Value]:
    """Return a set that lacks `value`."""
    if type(values) is not dict:
        return None if values == value else values
    values.pop(value, None)
    return values if len(values) > 1 else next(iter(values), None)


def values_of(values: CompactSet[Value]) -> tuple[Value, ...]:
    """Return the values of a set."""
    if values is None:
        return ()
    return tuple(values) if isinstance(values, dict) else (values,)


def put(sets: dict[Key, CompactSet[Value]], key: Key, value: Value) -> None:
    """Add `value` to the set at `key`."""
    values = sets.get(key)
    sets[key] = value if values is None else with_value(values, value)


def discard(sets: dict[Key, CompactSet[Value]], key: Key, value: Value) -> None:
    """Remove `value` from the set at `key`, and the key with its last value."""
    values = without_value(sets.get(key), value)
    if values is None:
        sets.pop(key, None)
    else:
        sets[key] = values


def with_entry(table: CompactMap[Key, Value], key: Key, value: Value) -> CompactMap[Key, Value]:
    """Return a map that has `value` in the set at `key` too. Keys are compared by identity while there is only one."""
    if table is None:
        return (key, value)
    if isinstance(table, tuple):
        if table[0] is key:
            return (key, with_value(table[1], value))
        table = {table[0]: table[1]}
    put(table, key, value)
    return table


def without_entry(table: CompactMap[Key, Value], key: Key, value: Value) -> CompactMap[Key, Value]:
    """Return a map that lacks `value` in the set at `key`."""
    if isinstance(table, tuple):
        values = without_value(table[1], value) if table[0] is key else table[1]
        return None if values is None else (table[0], values)
    if table is not None:
        discard(table, key, value)
    return table or None
