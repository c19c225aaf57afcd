"""HTTP pages: health and metrics for the operator; the webhook for Telegram and callbacks for hubs.

In: requests. Out: pages, and updates stored in the inbox. Not here: TLS, which the proxy in front provides.
"""
