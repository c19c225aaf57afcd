"""What the bot serves over HTTP: how it is doing, for whoever runs it; where Telegram and hubs may bring things.

In: requests. Out: health, metrics, an inbox that has one update more. Not here: what is healthy (`health.py` is asked
by nothing else), and TLS, which is the business of the proxy in front.
"""
