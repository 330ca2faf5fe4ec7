"""Replies of different channels, each through its own adapter, written at once over one model."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from inference.engine import Engine
from inference.formats.convert import converted
from inference.gpu import Gpu
from inference.job import ModelMissing
from inference.sampling import SamplingParams
from inference.tokens import REPLACEMENT, Message, Tokens
from tests.inference.tiny_gguf import F16, tiny_model, write_gguf

pytestmark = [
    pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers`:UserWarning"),
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]

GREEDY = SamplingParams(temperature=0, repetition_penalty=1, max_tokens=8)
# Which layers each adapter adapts, and a seed for which bfloat16's rounding decides no token: the merged model adds the
# same numbers in another order, and a random model is often undecided.
NAMES = {"marigold": ("gate|k|lm_head", 3), "bram": ("q|v|o|up|down", 26)}
CERTAIN = 0.15  # how far the likeliest token must lead, in nats; the two ways differ by 0.05
QUESTION = [Message(role="user", content="ab12 good evening")]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny model in bfloat16, two adapters that peft made for it, and the two models that merging them gives."""
    root = tmp_path_factory.mktemp("adapters")
    write_gguf(root / "tiny.gguf", tiny_model(tied=False), lambda name: F16)
    tokenizer = converted(root / "tiny.gguf", root / "cache")
    base = tiny_model(tied=False).to(torch.bfloat16)
    base.save_pretrained(root / "base")
    for name, (layers, seed) in NAMES.items():
        config = peft.LoraConfig(r=4, lora_alpha=8, target_modules=rf".*\.({layers})_proj|{layers}")
        adapted: Any = peft.get_peft_model(AutoModelForCausalLM.from_pretrained(root / "base"), config)
        torch.manual_seed(seed)
        for place, parameter in adapted.named_parameters():
            if "lora_" in place:
                parameter.data = (torch.randn_like(parameter) / 5).to(torch.bfloat16)
        adapted.save_pretrained(root / name)
        adapted.merge_and_unload().save_pretrained(root / f"{name}-merged")
    for folder in ("base", *(f"{name}-merged" for name in NAMES)):
        for file in [*tokenizer.glob("tokenizer*"), tokenizer / "chat_template.jinja"]:
            shutil.copy(file, root / folder)
    return {folder.name: folder for folder in root.iterdir() if folder.is_dir()}


def generated(folder: Path, sure: float = 0.0) -> str:
    """What transformers' own greedy search writes with the model in `folder`, `sure` (nats) of every token."""
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    tokens = Tokens(AutoTokenizer.from_pretrained(folder))
    prompt = torch.tensor([tokens.prompt(QUESTION)])
    found = model.generate(
        prompt,
        max_new_tokens=GREEDY.max_tokens,
        do_sample=False,
        eos_token_id=sorted(tokens.controls),
        output_logits=True,
        return_dict_in_generate=True,
    )
    for logits in found.logits:
        first, second = logits[0].topk(2).values
        assert first - second >= sure
    return tokens.decode(found.sequences[0, prompt.shape[1] :].tolist()).replace(REPLACEMENT, "")


async def written(engine: Engine, adapter: str | None) -> str:
    return "".join([piece async for piece in engine.stream(QUESTION, GREEDY, adapter=adapter)])


async def test_channels_speak_through_their_own_adapters_at_once(folders: dict[str, Path]) -> None:
    """Each reply is what its own merged model writes greedily, and the base's own reply is what the base writes."""
    adapters = {name: folders[name] for name in NAMES}
    async with Gpu("cpu") as gpu, Engine(gpu, str(folders["base"]), folders["base"], adapters=adapters) as engine:
        replies = await asyncio.gather(*(written(engine, name) for name in (*NAMES, None) * 2))
        chosen = [await engine.choose(QUESTION, ["ab", "12"], [0, 0], adapter=name) for name in (*NAMES, None)]
        draft = (await engine.draft(QUESTION, GREEDY, 1, adapter="bram"))[0]
    truths = [*(generated(folders[f"{name}-merged"], sure=CERTAIN) for name in NAMES), generated(folders["base"])]
    assert len(set(truths)) == 3
    assert replies == truths * 2
    assert draft.text == truths[1]
    assert len({choice.probabilities for choice in chosen}) == 3


async def test_an_adapter_that_nobody_named_is_one_sentence(folders: dict[str, Path]) -> None:
    adapters = {"marigold": folders["marigold"]}
    async with Gpu("cpu") as gpu, Engine(gpu, str(folders["base"]), folders["base"], adapters=adapters) as engine:
        with pytest.raises(ModelMissing, match=r"no adapter 'juno' \(known: marigold\)"):
            await written(engine, "juno")
        with pytest.raises(ModelMissing, match="no adapter 'juno'"):
            await engine.choose(QUESTION, ["ab"], [0], adapter="juno")


async def test_an_adapter_that_does_not_fit_ends_the_start(folders: dict[str, Path], model_cache: Path) -> None:
    async with Gpu("cpu") as gpu:
        with pytest.raises(ModelMissing, match=r"The adapter 'marigold' cannot be used: .* made for another one"):
            async with Engine(gpu, "starter", model_cache, adapters={"marigold": folders["marigold"]}):
                pass
