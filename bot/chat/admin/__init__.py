"""Commands and buttons for the bot's admins: sources, names, people, and how the bot is doing."""
