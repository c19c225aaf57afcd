"""Messages: how news and answers are written, within Telegram's limits.

In: what a chat is owed or asked, as records. Out: `Message` records, and the payloads the outbox stores. Not here: what
a chat is owed, who may press a button, or how a message is sent.

- news.py       one alert, a digest in parts, a list of stories
- limits.py     what a text measures, and how a long one is split
- safe_text.py  other people's text, made safe to show
- payload.py    a message as the outbox stores it
- signing.py    signatures of buttons
"""
