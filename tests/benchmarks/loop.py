"""Time of every function whose input's size a stranger chooses (tests/hostile.py): `make bench ARGS=loop`.

In milliseconds, the smallest of three runs; on the loop more than 50 is marked.
"""

import sys
import time
from collections.abc import Callable

from tests.hostile import TABLE, Where

LONGEST = 50  # milliseconds, on the loop
RUNS = 3


def main() -> None:
    """Print the table."""
    for hostile in TABLE:
        for name, call in hostile.inputs.items():
            took = min(milliseconds(call) for _ in range(1 if hostile.where is Where.PROCESS else RUNS))
            mark = "  too long" if hostile.where is Where.LOOP and took > LONGEST else ""
            sys.stdout.write(f"{hostile.name:66}{name[:20]:22}{took:9.1f} ms  {hostile.where.value}{mark}\n")
            sys.stdout.flush()


def milliseconds(call: Callable[[], object]) -> float:
    """Return the processor time of a call, the making of its input included."""
    started = time.process_time()
    call()
    return (time.process_time() - started) * 1000


if __name__ == "__main__":
    main()
