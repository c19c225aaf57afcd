"""Telegram as an output. python-telegram-bot is imported here and in `bot.chat`, `bot.app` and `bot.cli`, only.

In: a frozen payload and where it goes. Out: the message's id, or an `Outcome` that classifies its failure.

- http.py     python-telegram-bot's HTTP client, over aiohttp
- client.py   python-telegram-bot's client, and calls whose answer is not read
- send.py     the only module that sends
- updates.py  the JSON of updates, read within bounds
- errors.py   the `Outcome` of an exception: whether the message surely was not sent, may have arrived, or was refused
- limiter.py  which chat may be sent to now (Telegram's limits)
"""
