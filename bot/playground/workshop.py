"""The admin's workshop: personas whose masks are looked at and painted on the page /mask.

It reads and writes persona folders and keeps drafts of masks; whoever has a painter open lends it as `paint`, for
samples. It knows no HTTP.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from avatar.expression import ExpressionSpec, spec_for
from avatar.mask import Portrait, grey, open_portrait
from avatar.picture import PortraitError, open_picture, to_png
from avatar.proposal import propose
from avatar.proposals import Proposals
from avatar.shelf import Face, write_whole
from bot.errors import MienError
from bot.newface import is_writable, keep_mask
from persona.card import MASK_FILE, Persona
from persona.cast import Cast

if TYPE_CHECKING:
    from avatar.proposer import Proposer  # brings torch, and the page should not wait for it

SHOWN = 1024  # pixels of the longer side on the page; larger portraits are shown smaller, masks come back enlarged
Paint = Callable[[Persona, ExpressionSpec], Awaitable[Face]]


@dataclass
class Workshop:
    """cast: the personas; state: Mien's state folder; paint: see Painter.paint, None while no painter is open;
    proposer: who proposes masks, None while only the finder can."""

    cast: Cast
    state: Path
    paint: Paint | None = None
    proposer: "Proposer | None" = None

    def personas(self) -> list[dict[str, object]]:
        """What the page's list needs to know of each."""
        return [
            {
                "slug": persona.slug,
                "name": persona.card.name,
                "expressions": list(persona.card.expressions),
                "own": persona.mask is not None,
                "writable": is_writable(persona.folder),
                "folder": str(persona.folder),
            }
            for persona in self.cast.all()
        ]

    async def portrait(self, slug: str) -> bytes:
        """The base picture as PNG, at most SHOWN pixels wide and high."""
        return await asyncio.to_thread(lambda: _png(open_picture(self.cast.get(slug).base)))

    async def mask(self, slug: str) -> bytes:
        """The mask in use, its own or the proposed one, as PNG of the portrait's size on the page."""
        persona, proposals = self.cast.get(slug), Proposals(self.state / "shelf" / "masks")
        if self.proposer is not None:
            await self.proposer.prepare(persona)
            proposals = self.proposer.proposals
        found = await asyncio.to_thread(open_portrait, persona.base, persona.mask, proposals)
        return await asyncio.to_thread(_png, Image.fromarray(found.mask))

    async def proposal(self, slug: str) -> bytes:
        """A mask proposed afresh, whatever there is."""
        picture = await asyncio.to_thread(open_picture, self.cast.get(slug).base)
        if self.proposer is not None:
            return await asyncio.to_thread(_png, await self.proposer.propose(picture))
        return await asyncio.to_thread(lambda: _png(propose(picture)))

    def save(self, slug: str, png: bytes) -> Path:
        """Keep a painted mask as the persona's mask.png, the old one beside it. Returns where it is."""
        persona = self.cast.get(slug)
        return keep_mask(persona.folder, self._drafted(persona, png).mask)

    async def sample(self, slug: str, expression: str, png: bytes) -> bytes:
        """One expression painted under a mask that is not saved yet; the crop that was painted, as PNG."""
        persona = self.cast.get(slug)
        if self.paint is None:
            raise MienError("Nobody can paint yet: wait until the character is awake, then try again.")
        if expression not in persona.card.expressions:
            raise MienError(f"{persona.card.name} has no expression “{expression}”.")
        drafted = await asyncio.to_thread(self._drafted, persona, png)
        wearing = replace(persona, mask=drafted.sources[1])
        face = await self.paint(wearing, spec_for(persona.card, expression))
        return await asyncio.to_thread(_crop_of, face.path, drafted)

    def _drafted(self, persona: Persona, png: bytes) -> Portrait:
        """The portrait under a mask as the page sends it, brought to the portrait's size and kept as a draft."""
        draft = self.state / "masks" / f"{persona.slug}.png"
        write_whole(draft, png)
        size = open_picture(persona.base).size
        try:
            mask = grey(open_picture(draft))
        except PortraitError as error:
            raise PortraitError(str(error).replace(str(draft), "the mask")) from error
        if mask.size != size:
            mask = mask.resize(size, Image.Resampling.BICUBIC)
        if mask.getbbox() is None:
            raise MienError(f"Nothing is painted: a {MASK_FILE} without white leaves no place for a face.")
        write_whole(draft, to_png(mask))
        return open_portrait(persona.base, draft)


def _png(picture: Image.Image) -> bytes:
    """As the page shows it."""
    picture.thumbnail((SHOWN, SHOWN), Image.Resampling.LANCZOS)
    return to_png(picture)


def _crop_of(path: Path, portrait: Portrait) -> bytes:
    crop = portrait.crop
    return to_png(open_picture(path).crop((crop.left, crop.top, crop.left + crop.side, crop.top + crop.side)))
