"""A small Discord-compatible server on this machine, with a chat page: try the bot without Discord.

Unmodified discord.py connects to it once its addresses point here; the page is a client of the same REST API and
gateway. `python -m bot.playground --port 8765` runs it alone.
"""

from bot.playground.errors import PlaygroundError
from bot.playground.limits import Rule, Rules
from bot.playground.server import Playground

__all__ = ["Playground", "PlaygroundError", "Rule", "Rules"]
