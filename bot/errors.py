"""Each failure is one sentence, and this is the one place where exceptions become sentences.

MienError              the bot's own, something the user can put right; its text is the sentence
└── HistoryError       bot/migrations.py
other rooms' errors    TELLING below: their text is the sentence, too
foreign errors         discord.py's, aiohttp's, SQLite's, the system's: translated here
everything else        a mistake of ours: logged with its traceback, members see UNKNOWN
"""

import errno
import logging
import sqlite3

import aiohttp
import discord
from discord import app_commands

log = logging.getLogger(__name__)

UNKNOWN = "Something went wrong here, and it has been logged; please try again in a moment."
NEEDED = "View Channel, Send Messages, Embed Links, Attach Files, Read Message History, Manage Webhooks"
INTENTS = (
    "Discord does not give this bot what members write: switch on “Message Content Intent” under Bot at"
    " https://discord.com/developers/applications, then start Mien again."
)
TELLING = {
    "persona": ("PersonaError", "TomlError", "CardError"),
    "inference": (
        *("Busy", "NoRoom", "Replaced", "TimedOut", "Stopped"),
        *("NoDevice", "ModelMissing", "RivalKernels", "TooLong", "GrammarError"),
    ),
    "avatar": ("PortraitError", "ShelfFull"),
    "bot": ("StoryError", "PlaygroundError"),
}


class MienError(Exception):
    """Something the user can put right; its text is one sentence that says what to do."""


def sentence(error: BaseException) -> str | None:
    """What to tell the user about an error; None for one that nobody foresaw."""
    if isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        return sentence(error.exceptions[0])
    if isinstance(error, app_commands.CommandInvokeError | app_commands.TransformerError):
        return sentence(error.__cause__) if error.__cause__ else None
    if isinstance(error, MienError) or _tells_itself(error):
        return str(error)
    return _of_discord(error) or _of_network(error) or _of_system(error)


def for_member(error: BaseException) -> str:
    """The sentence to show in a channel; an unforeseen error is logged with its traceback."""
    said = sentence(error)
    if said is None:
        log.error("unforeseen", exc_info=error)
    else:
        log.warning("%s", said)
    return said or UNKNOWN


def _tells_itself(error: BaseException) -> bool:
    """By name, so that telling a small mistake imports no model room, which would take seconds."""
    kinds = ((kind.__module__.partition(".")[0], kind.__qualname__) for kind in type(error).__mro__)
    return any(name in TELLING.get(room, ()) for room, name in kinds)


def _of_discord(error: BaseException) -> str | None:
    match error:
        case discord.LoginFailure():
            return "Discord refuses the token: copy it anew from the developer portal, page Bot, into DISCORD_TOKEN."
        case discord.PrivilegedIntentsRequired():
            return INTENTS
        case discord.Forbidden():
            return f"Mien is not permitted to do this here; its role needs: {NEEDED}."
        case discord.DiscordServerError():
            return f"Discord has trouble at the moment (status {error.status}); try again in a while."
        case discord.HTTPException():
            return f"Discord refused a request ({error.status}, code {error.code}): {error.text or 'no reason given'}."
        case discord.GatewayNotFound():
            return "Discord's gateway cannot be found: check the network, and [discord] api_base if it is set."
        case discord.ConnectionClosed():
            return f"Discord closed the connection (code {error.code}); check the token and the bot's settings."
        case app_commands.CheckFailure():
            return f"This is not for you here: {error}".rstrip(".") + "."
    return None


def _of_network(error: BaseException) -> str | None:
    match error:
        case aiohttp.ClientConnectorError():
            return f"{error.host}:{error.port} cannot be reached: check the network and the [discord] addresses."
        case aiohttp.ClientError() | TimeoutError():
            return f"The connection failed ({str(error) or type(error).__name__}): check the network, then try again."
    return None


def _of_system(error: BaseException) -> str | None:
    match error:
        case OSError(errno=errno.EADDRINUSE):
            return "The port is taken: stop the program that has it, or choose another one with --port."
        case OSError(errno=errno.ENOSPC):
            return "The disk is full: make room, then try again."
        case OSError(filename=str(name), strerror=str(why)):
            return f"{name}: {why}."
        case sqlite3.OperationalError() if "locked" in str(error):
            return "The database is held by another process: stop it, then try again."
        case sqlite3.DatabaseError():
            return f"The database cannot be used ({error}): check the disk; a copy of the state folder helps."
    return None
