"""Actions: what people can do with the bot, independent of how they ask for it.

In: a connection, plain arguments and the time. Out: one frozen record, or a refusal. Not here: Telegram, and sentences.
"""
