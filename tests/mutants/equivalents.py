"""Equivalent mutants: changes that make no difference to anybody, by id, each with the reason.

They are not tried, and count neither as killed nor as survivors. A function that changes gives its mutants new ids, so
an entry does not outlive what it was written about (`tests/mutants/test_planted.py` names those that do).
"""

EQUIVALENT: dict[str, str] = {}
