"""Getting one message to one chat, at Telegram's own pace.

In: a frozen payload and where it goes. Out: the message's id, or an `Outcome` that says what its failure means.
Not here: which message is next, and the record of what became of it (`bot.pipeline.send`, `bot.storage.deliveries`).

- request.py   python-telegram-bot's HTTP over aiohttp
- telegram.py  the only module that sends
- outcome.py   what an exception means for the delivery
- limiter.py   who may be sent to now
- breaker.py   stops sending when too much is in doubt
"""
