"""When a digest is due, and how what it tells becomes messages.

In: a reader's time and zone, or the items a chat is owed. Out: moments (UTC) and the keys that keep a digest from being
made twice; messages within Telegram's limits. Not here: what is owed, storing or sending it.
"""
