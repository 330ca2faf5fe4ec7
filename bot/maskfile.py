"""`mien persona mask`: shows where a persona's face may change, and keeps the proposal as its mask.png. A model is
loaded only where one is configured for masks, and nothing is written that was not asked for."""

import argparse
import asyncio
import json

from avatar.mask import open_portrait
from avatar.maskmodel import mask_folder
from avatar.overlay import overlay
from avatar.picture import to_png
from avatar.proposal import place_in_words
from avatar.proposals import Proposals
from avatar.shelf import write_whole
from bot.errors import MienError
from bot.newface import keep_mask
from bot.settings import Settings, load_settings
from persona.card import MASK_FILE, Persona, load_persona


async def mask(options: argparse.Namespace) -> int:
    """The mask in words; over the portrait into --out; into the persona's folder with --save."""
    settings = load_settings(options.config)
    persona = load_persona(options.persona, settings.bot.persona_roots())
    if options.save and persona.mask is not None:
        raise MienError(f"{persona.card.name} has a {MASK_FILE} already: move it away to keep a proposal in its place.")
    proposals = await _proposed(persona, settings)
    portrait = await asyncio.to_thread(open_portrait, persona.base, persona.mask, proposals)
    if options.out:
        write_whole(options.out, to_png(overlay(portrait)))
    saved = keep_mask(persona.folder, portrait.mask) if options.save else None
    words = place_in_words(portrait.mask)
    source = MASK_FILE if persona.mask else "proposal"
    answer = {"persona": persona.slug, "source": source, "place": words}
    answer |= {"out": str(options.out)} if options.out else {}
    answer |= {"saved": str(saved)} if saved else {}
    if options.json:
        print(json.dumps(answer, ensure_ascii=False))
        return 0
    print(f"{persona.card.name}, {source}: {words}")
    for what in ("out", "saved"):
        if what in answer:
            print(f"{what:>6}  {answer[what]}")
    return 0


async def _proposed(persona: Persona, settings: Settings) -> Proposals:
    """Where the proposal for the persona's portrait is kept by now, if it needs one."""
    folder, model = settings.bot.state / "shelf" / "masks", settings.face.mask_model
    if persona.mask is not None or mask_folder(model) is None:
        return Proposals(folder)
    from avatar.proposer import Proposer
    from bot.compose import open_gpu

    async with open_gpu(settings) as gpu:
        proposer = Proposer(gpu, model, folder)
        await proposer.prepare(persona)
        return proposer.proposals
