"""Delivery: one message to one chat, at the pace its service takes.

In: a frozen payload and where it goes. Out: an id, or an outcome. Not here: which message is next, and the record
of its outcome (`bot.pipeline.send`, `bot.storage.deliveries`). Each service has a folder of its own.

- circuit_breaker.py  stops sending while too many outcomes are uncertain
- outcome.py          what happens next to a delivery whose attempt failed
- telegram/           Telegram
"""
