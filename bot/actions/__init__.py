"""Actions: everything people can do with the bot, independent of the chat network.

In: a connection, plain arguments and the time. Out: one frozen record, or a refusal. Not here: Telegram, and sentences.
"""
