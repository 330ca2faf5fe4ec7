"""A card's adapter is what its stage direction and its words go through; other cards hear nothing of it."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from bot.compose import compose
from bot.settings import Drafts, Model
from emotion.mood import Mood
from persona.card import Card
from persona.turn import Role, Turn
from tests.bot.stage import settings_in
from tests.tiny_painter import write_painter

TURNS = [Turn(Role.USER, "Robin", "Good morning! What did you bake today?", 0.0)]


def write_adapter(folder: Path) -> Path:
    """A LoRA for the starter that bends its values enough to be heard."""
    folder.mkdir()
    draw = torch.Generator().manual_seed(0)
    weights = {
        f"base_model.model.model.layers.{layer}.self_attn.v_proj.lora_{side}.weight": torch.randn(shape, generator=draw)
        * 0.05
        for layer in range(30)
        for side, shape in (("A", (4, 576)), ("B", (192, 4)))
    }
    save_file(weights, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 4, "lora_alpha": 16}))
    return folder


@pytest.mark.parametrize("count", [1, 2])
async def test_a_card_speaks_through_its_own_adapter(tmp_path: Path, model_cache: Path, count: int) -> None:
    state = model_cache.parent
    adapters = {"hum": write_adapter(tmp_path / "hum")}
    settings = settings_in(state, write_painter(tmp_path / "painter")).model_copy(
        update={"model": Model(max_tokens=16, adapters=adapters), "drafts": Drafts(count=count)}
    )
    async with compose(settings, history=tmp_path / "mien.sqlite") as rooms:
        card = rooms.cast.get("marigold").card
        humming = card.model_copy(update={"adapter": "hum"})
        speaker, director = rooms.story.speaker, rooms.story.director

        async def told(who: Card) -> tuple[dict[str, float], str]:
            direction = await director.direct(speaker.prompt(who, TURNS), who, Mood.neutral(), None)
            said = [said async for said in speaker.speak(who, TURNS, "joy", 1)][-1]
            return direction.probabilities, said.text

        plain, hummed = await told(card), await told(humming)
        assert plain[0] != hummed[0]
        assert plain[1] != hummed[1]
        assert await told(card) == plain
