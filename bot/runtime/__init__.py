"""The running process: clock, log, wake-ups, and the runner that repeats the steps.

At the bottom, beside models and errors, and importing nothing above: clock, log, wakeups, liveness, failpoints. At the
top: steps, scheduler and runner.

- clock.py       the time of day, and a clock that never steps back
- log.py         structured logs, without secrets
- wakeups.py     the steps that can be woken, and their wake-ups
- liveness.py    when each part last did its work, and how late the event loop is
- failpoints.py  named moments at which the chaos test kills the process
- scheduler.py   periodic wake-ups
- steps.py       the table of steps
- runner.py      starts, repeats and ends the steps
"""
