"""Trying and testing the bot on this machine: a Bot API server, people who use it, demo news, a console.

In: requests of the Bot API over HTTP, and what people do, from `Sandbox` or over HTTP. Out: updates for the bot, and
a record of all that happened. Not here: anything of the bot itself; it talks to this as it talks to Telegram.

- server.py    `Sandbox`: the HTTP server, and the object that tests drive
- people.py    what people do: say, press, upload, block, join, migrate …
- control.py   the same over HTTP, for other processes
- methods.py, profile.py, params.py   the Bot API's methods and their parameters
- html.py, text.py    Telegram's markup, cleaning and entities
- limits.py, faults.py   flood limits, and failures on demand
- state.py     what exists, and what happened
- webhook.py   posting updates; loopback.py: this machine only
- demo.py, demo_news.py   six demo sources
- console.py   `watchword chat`; run.py: `watchword run --sandbox`
"""
