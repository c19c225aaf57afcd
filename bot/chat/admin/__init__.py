"""Commands and buttons of the bot's admins: sources, aliases, people and operations."""
