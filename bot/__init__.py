"""Watchword: a Telegram bot that watches the world's news feeds for the words you care about."""
