"""The edge: Discord, SQLite, settings, the story, the playground."""
