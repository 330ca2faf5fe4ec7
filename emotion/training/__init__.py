"""How the shipped networks were made. Nothing in here runs in the bot."""
