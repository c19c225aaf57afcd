"""Web chat: a page in which the people of the sandbox chat with the bot.

In: a running `Sandbox`. Out: routes for the page, its files and an event stream. Actions of people go through
`bot.sandbox.control`, as from any other process. The page builds every message from text and entities as
DOM nodes; its Content-Security-Policy allows nothing else. Not here: any part of the real bot.
"""
