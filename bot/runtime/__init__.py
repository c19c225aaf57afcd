"""The running process: clock, log, wake-ups, and the runner that repeats the steps.

At the bottom, beside models and errors, and importing nothing above:

- clock.py       the time of day, and a clock that never steps back
- zone_rules.py  the time zone of a key, by pinned rules
- log.py         structured logs, without secrets
- wakeups.py     the steps that can be woken, and their wake-ups
- liveness.py    when each part last did its work, and how late the event loop is
- watchdog.py    the stack of an event loop that is blocked, for the log
- failpoints.py  named moments at which the chaos test kills the process

At the top:

- steps.py       the table of steps: how often each is woken, what it runs, how long its queue may wait
- scheduler.py   periodic wake-ups
- runner.py      repeats each step until the process stops
"""
