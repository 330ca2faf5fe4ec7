"""A member who types slash commands and presses buttons, as the page does."""

from typing import Any, Protocol

import discord

from bot.playground import Playground
from tests.bot.members import Member, Page

COMMAND, COMPONENT, AUTOCOMPLETE = 2, 3, 4
SUBCOMMAND, STRING = 1, 3


class Place(Protocol):
    """A playground with somebody in a channel of it."""

    playground: Playground
    channel: int


class Asking:
    """A member at the page, asking for commands."""

    def __init__(self, scene: Place, member: Member, page: Page) -> None:
        self.scene, self.member, self.page = scene, member, page
        self.application = next(user.id for user in scene.playground.world.users.values() if user.bot)

    async def command(self, line: str, *, kind: int = COMMAND, **options: str) -> None:
        """`line` is the command's name, with its subcommand; `options` are typed in."""
        name, _, sub = line.partition(" ")
        guild = self.scene.playground.world.channels[self.scene.channel].guild_id
        index = await self.member.call("GET", f"/guilds/{guild}/application-command-index")
        number = next(command["id"] for command in index["application_commands"] if command["name"] == name)
        focused = {"focused": True} if kind == AUTOCOMPLETE else {}
        data = [{"type": STRING, "name": key, "value": value, **focused} for key, value in options.items()]
        await self.member.call(
            "POST",
            "/interactions",
            type=kind,
            application_id=str(self.application),
            channel_id=str(self.scene.channel),
            data={
                "id": number,
                "name": name,
                "type": 1,
                "options": [{"type": SUBCOMMAND, "name": sub, "options": data}] if sub else data,
            },
        )

    async def answer(self, line: str, **options: str) -> dict[str, Any]:
        """The message that answers a command, when it is no longer loading."""
        await self.command(line, **options)
        created = await self.page.until("MESSAGE_CREATE", lambda event: event.get("interaction_metadata"))
        if created["flags"] & discord.MessageFlags.loading.flag:
            return await self.page.until("MESSAGE_UPDATE", lambda event: event["id"] == created["id"])
        return created

    async def choices(self, line: str, **options: str) -> list[str]:
        await self.command(line, kind=AUTOCOMPLETE, **options)
        event = await self.page.until("APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE")
        return [choice["value"] for choice in event["choices"]]

    async def click(self, message: dict[str, Any], label: str) -> dict[str, Any]:
        """Press a button of a message; the message as it is afterwards."""
        buttons = [one for row in message["components"] for one in row["components"]]
        pressed = next(button["custom_id"] for button in buttons if button["label"] == label)
        await self.member.call(
            "POST",
            "/interactions",
            type=COMPONENT,
            application_id=str(self.application),
            channel_id=str(self.scene.channel),
            message_id=message["id"],
            data={"component_type": 2, "custom_id": pressed},
        )
        return await self.page.until("MESSAGE_UPDATE", lambda event: event["id"] == message["id"])
