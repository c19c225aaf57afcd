"""The web chat: one page in which people of the sandbox talk with the bot.

In: a running `Sandbox`. Out: routes of its server: the page, its files, and a stream of what happens. What people do
goes through `bot.sandbox.control`, as from any other process. The page builds every message from text and entities as
DOM nodes; its Content-Security-Policy allows nothing else. Not here: anything a real bot needs.
"""
