"""Commands and buttons for everybody: subscriptions, news, settings, and a person's own data."""
