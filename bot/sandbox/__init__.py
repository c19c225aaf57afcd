"""Local test environment: a Bot API server, simulated people, demo news sources, a console and a web chat.

In: Bot API requests over HTTP, and actions of people through `Sandbox` or over HTTP. Out: updates for the bot, and an
event log. Not here: any code of the bot, which uses this server exactly as it uses Telegram.

- server.py    `Sandbox`: the HTTP server, and the object that tests drive
- people.py    actions of people: send, press, upload, block, join, migrate …
- control.py   the same over HTTP, for other processes
- methods.py, profile.py, params.py   the Bot API's methods and their parameters
- html.py, text.py    Telegram's markup, cleaning and entities
- limits.py, faults.py   flood limits, and failures on demand
- state.py     people, chats, messages, files, pending updates and the event log
- webhook.py   delivery of updates by POST; loopback.py: requests from other hosts and sites are refused
- demo.py, demo_news.py   six demo sources
- console.py   `watchword chat`; run.py: `watchword run --sandbox`
"""
