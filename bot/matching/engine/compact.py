"""Bags and tables that weigh nothing when empty and little with one value, for there are millions of them.

A bag of values is None, the one value, or a dict with the values as keys. A table of bags is None, a pair of its one
key and that key's bag, or a dict. So values are never None, dicts nor tuples; whoever reads in a hurry
(`bot.matching.engine.percolator`) looks at the shapes itself.

One thread may read while another writes: a dict is changed in place, one key at a time, and a reader that takes all
of it (`set.update`, `tuple`) does so in C, at once.
"""

from typing import Any, TypeAlias, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")

Bag: TypeAlias = Any  # None, a value, or {value: None}
Table: TypeAlias = Any  # None, (key, bag), or {key: bag}


def with_value(bag: Bag, value: Value) -> Bag:
    """Return a bag that has `value` too."""
    if bag is None:
        return value
    if type(bag) is dict:
        bag[value] = None
        return bag
    return {bag: None, value: None}


def without_value(bag: Bag, value: Value) -> Bag:
    """Return a bag that has `value` no more."""
    if type(bag) is not dict:
        return None if bag == value else bag
    bag.pop(value, None)
    return bag if len(bag) > 1 else next(iter(bag), None)


def each(bag: Bag) -> tuple[Any, ...]:
    """Return the values of a bag."""
    if bag is None:
        return ()
    return tuple(bag) if type(bag) is dict else (bag,)


def put(bags: dict[Key, Bag], key: Key, value: Value) -> None:
    """Add `value` to the bag at `key`."""
    bag = bags.get(key)
    bags[key] = value if bag is None else with_value(bag, value)


def take(bags: dict[Key, Bag], key: Key, value: Value) -> None:
    """Take `value` out of the bag at `key`, and the key away with its last value."""
    bag = without_value(bags.get(key), value)
    if bag is None:
        bags.pop(key, None)
    else:
        bags[key] = bag


def with_entry(table: Table, key: Key, value: Value) -> Table:
    """Return a table that has `value` in the bag at `key` too."""
    if table is None:
        return (key, value)
    if type(table) is tuple:
        if table[0] is key:
            return (key, with_value(table[1], value))
        table = {table[0]: table[1]}
    put(table, key, value)
    return table


def without_entry(table: Table, key: Key, value: Value) -> Table:
    """Return a table that has `value` no more in the bag at `key`."""
    if type(table) is tuple:
        bag = without_value(table[1], value) if table[0] is key else table[1]
        return None if bag is None else (table[0], bag)
    if table is not None:
        take(table, key, value)
    return table or None
