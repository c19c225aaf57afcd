"""Chat: commands and buttons. Each handler reads the update, calls one action and renders its record.

In: updates of Telegram, kept in the inbox. Out: replies in the outbox. Not here: rules (`bot.actions`), and how a
message looks (`bot.messages`).

- inbox.py         updates, stored before Telegram may forget them, and answered in order
- router.py        which handler answers which command
- request.py       one update being answered: who, where, what was typed, in which language
- buttons.py       which handler answers which button
- permissions.py   who may use the bot, and who is an admin of it
- group_admins.py  cache of who administers a group
- membership.py    the bot is added to a chat or removed from it
- rate_limit.py    how many commands a person may send a minute
- services.py      the long-lived objects handlers are given
- user/            what everybody may do
- admin/           what admins may do
"""
