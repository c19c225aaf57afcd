"""Health checks: one sentence for each fault, such as a queue whose oldest item has been waiting too long."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

SILENCE = timedelta(minutes=5)  # without a message sent, while messages wait
UPDATES = timedelta(minutes=3)  # without a response to getUpdates, which comes every 25 seconds
LATE = 5.0  # seconds, of the event loop within the last minutes (`Pulse.delays`)
LONGEST_LOG = 64 * 2**20  # bytes; SQLite's log is cut whenever nobody reads it
FAILURES = 3  # of one step, in a row


def problems(
    waits: Mapping[str, timedelta],
    patience: Mapping[str, timedelta],
    *,
    sent: timedelta | None,
    fetched: timedelta | None,
    delays: Sequence[float],
    failures: dict[str, int],
    log_bytes: int = 0,
    blocked: float | None = None,
) -> list[str]:
    """Return one sentence for each fault.

    `sent` and `fetched` are the times since the last message was sent and since getUpdates last returned (None: not
    yet, or not polling); `delays` is the lateness of the event loop, in seconds; `failures` counts those of each step
    in a row; `log_bytes` is the size of SQLite's log; `blocked` is for how long the loop was blocked a moment ago.
    """
    found = []
    for name, waited in waits.items():
        if waited <= patience[name] or (name == "send" and sent is not None and sent < SILENCE):
            continue
        found.append(f"{name}: the oldest has been waiting for {round(waited.total_seconds())} s")
    if fetched is not None and fetched > UPDATES:
        found.append(f"updates: Telegram has given none for {round(fetched.total_seconds())} s")
    if delays and max(delays) > LATE:
        found.append(f"loop: was late by {max(delays):.1f} s")
    if blocked is not None:
        found.append(f"loop: was blocked for {blocked:.1f} s; the log has its frames")
    if log_bytes > LONGEST_LOG:
        found.append(f"database: its log has grown to {log_bytes // 2**20} MB; something reads it without an end")
    found += [f"{step}: failed {count} times in a row" for step, count in failures.items() if count >= FAILURES]
    return found


def percentile(values: Sequence[float], part: float) -> float:
    """Return the quantile of `values` (sorted, not empty) at `part`, a number between 0 and 1."""
    return values[min(len(values) - 1, int(len(values) * part))]
