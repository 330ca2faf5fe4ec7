"""`/me set`, `/me show`, `/me clear`: whom a member plays in a server. docs/commands.md is their manual.

What a member writes here is the member's own word and nothing more: it is bounded, its name stays on one line and is
nobody's who plays on the stage. How it stands in the prompt is decided in persona/members.py.
"""

from discord import app_commands

from bot.errors import MienError
from bot.here import Here
from bot.scenery import Mask
from persona.cast import Cast
from persona.naming import fold, visible

NAME, DESCRIPTION = 40, 1000  # characters at most


class Masks(app_commands.Group):
    """/me set, /me show, /me clear"""

    def __init__(self) -> None:
        super().__init__(name="me", description="Whom you play in this server")

    @app_commands.command(name="set", description="Be somebody else for the characters in this server")
    @app_commands.describe(name="What they call you", description="Who that is, as they may know it")
    async def set_(
        self, here: Here, name: app_commands.Range[str, 1, NAME], description: app_commands.Range[str, 1, DESCRIPTION]
    ) -> None:
        mask = mask_of(name, description, here.client.rooms.cast)
        await here.client.history.set_mask(here.guild_id, here.user.id, mask)
        await here.response.send_message(f"You are {mask.name} to the characters here from now on.", ephemeral=True)

    @app_commands.command(description="Show whom you play in this server")
    async def show(self, here: Here) -> None:
        mask = await here.client.history.mask(here.guild_id, here.user.id)
        said = f"**{mask.name}**: {mask.description}" if mask else "You are yourself here; /me set changes that."
        await here.response.send_message(said[:2000], ephemeral=True)

    @app_commands.command(description="Be yourself again in this server, and let Mien forget whom you played")
    async def clear(self, here: Here) -> None:
        taken_off = await here.client.history.set_mask(here.guild_id, here.user.id, None)
        said = "You are yourself again, and what you wrote is forgotten." if taken_off else "You are yourself already."
        await here.response.send_message(said, ephemeral=True)


def mask_of(name: str, description: str, cast: Cast) -> Mask:
    """What a member wrote, in bounds; MienError for what cannot be."""
    called = " ".join(visible(name.replace("\n", " ")).split())
    about = "\n".join(" ".join(visible(line).split()) for line in description.splitlines()).strip()
    if not called or not about:
        raise MienError("A name and a description need letters that can be seen.")
    if len(called) > NAME or len(about) > DESCRIPTION:
        raise MienError(f"The name may have {NAME} characters and the description {DESCRIPTION:,}; shorten them.")
    for persona in cast.all():
        if fold(called) in map(fold, (persona.card.name, persona.card.nickname, persona.slug)):
            raise MienError(f"{persona.card.name} is one of the characters; choose another name.")
    return Mask(called, about)
