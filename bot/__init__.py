"""Watchword: a Telegram bot that watches the world's news feeds for the words you care about."""

import os

os.environ.setdefault("PTB_TIMEDELTA", "1")  # python-telegram-bot gives durations as `timedelta`, without a warning
