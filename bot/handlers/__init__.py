"""Chat commands and buttons: read the update, call one function, reply.

In: updates, stored in the inbox before Telegram may forget them. Out: their effect and their reply, in one transaction
with the mark that they were applied. Not here: deciding anything about news, or sending.

- receive.py        updates into the inbox, and from there, once each, to python-telegram-bot's application
- register.py       the table of commands: who may use them, and what the menu says
- turn.py           one update being answered
- start.py, watch.py, digests.py, sources.py   the commands, by what they are about
- buttons.py        what a pressed button means
"""
