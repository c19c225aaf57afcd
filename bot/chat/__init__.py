"""Chat: commands and buttons. Each handler reads the update, calls one action and renders its record.

In: updates of Telegram, kept in the inbox. Out: replies in the outbox. Not here: rules (`bot.actions`), and how a
message looks (`bot.messages`).

- inbox.py         updates: stored before they are acknowledged, and applied in order
- router.py        the handler of each command
- request.py       one update being answered: person, chat, arguments, language, and its transaction
- replies.py       answers, written to the outbox
- refusals.py      the sentence for each refusal of an action
- buttons.py       the handler of each button
- permissions.py   the rights of people: admins, members of groups, the banned
- group_admins.py  cache of the status of members of groups
- membership.py    the bot is added to a chat or removed from it
- rate_limit.py    limit of commands per person and minute
- services.py      the long-lived objects that handlers use
- user/            commands for everybody
- admin/           commands for admins
"""
