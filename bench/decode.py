"""How fast a reply is written: the engine's steps against transformers' `generate` on the very same weights.

Four sides in turns, the same prompt, greedy on all, a fixed number of tokens: ours and `generate`, on the starter as it
is run (4-bit blocks, the head in 8) and on the same weights dequantised to bfloat16. `ratio` is `ratio_dense`: ours
against `generate`, both on bfloat16. `ratio_packed` is the same on the packed weights, through the same 4-bit products,
and `ratio_stock` ours packed against `generate` on bfloat16, which is what one has without Mien. Reading the prompt is
part of every time, and so is all a reply's steps do: sampler, text, stop strings. `_writing` ratios leave the prompt
out.

Ours gives the bits that transformers' modules give (tests/inference/test_llama.py), except that it asks torch's
attention for the queries of a group together, which sums in another order; where the two likeliest tokens are as close
as that, either may come first. PROMPT is one where that does not decide, so that both sides write the same tokens.

    python -m bench.decode [--json] [--record] [--rounds 5] [--tokens 64] [--threads 1]
"""

import copy
import statistics
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TypeAlias

import torch
from torch import Tensor
from transformers import PreTrainedModel

from bench.report import ROOT, copy_bandwidth, finish, parser, spread
from inference.batch import Batch
from inference.cache import PrefixCache
from inference.decode import reply
from inference.family import network_of
from inference.formats.packed import unfilled
from inference.loader import Loaded, load
from inference.network import Segment
from inference.sampling import SamplingParams
from inference.tokens import Message, Tokens
from inference.writer import Wish
from kernels.linear4 import Linear4, Linear8
from kernels.plain import dequantize4, dequantize8

PROMPT: list[Message] = [
    {"role": "system", "content": "You are Marigold, a cheerful pony who bakes for the whole village."},
    {"role": "user", "content": "Can you help me find my cat?"},
]
TEXT = (
    "The village woke slowly that morning. Mist lay over the mill pond, and the first smoke rose from the bakery, "
    "where somebody had been at work since three. Nobody spoke of the storm, though everyone had lain awake and "
    "listened to it; they swept the leaves from their steps, mended the fence that had fallen into the lane, and "
    "looked up now and then at the hole in the roof of the church. By noon the children had found the old boat, which "
    "the water had carried halfway to the orchard, and had made themselves its crew. They sailed it all afternoon "
    "through the long grass, past islands of clover and harbours of stone, until their mothers called them in."
)


def main() -> None:
    options = parser("Tokens per second: the engine's steps against transformers' generate.")
    options.add_argument("--tokens", type=int, default=64, help="tokens of the reply (default 64)")
    options.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of torch")
    options.add_argument("--cache", type=Path, default=ROOT / "state" / "cache", help="folder of converted models")
    arguments = options.parse_args()
    torch.set_num_threads(arguments.threads)
    loaded, plain = load("starter", arguments.cache), load("starter", arguments.cache)
    unending(plain.model)
    dense, plain_dense = dequantised(loaded), dequantised(loaded)
    prompt, count = Tokens(loaded.tokenizer).prompt(PROMPT), arguments.tokens
    moved = bytes_a_token(loaded.model)
    sides = {
        "packed": replier(loaded, prompt),
        "dense": replier(replace(loaded, model=dense), prompt),
        "generate_packed": generator(plain.model, prompt),
        "generate_dense": generator(plain_dense, prompt),
    }
    written = {name: side(count) for name, side in sides.items()}
    whole, reading = in_turns(sides, count, arguments.rounds), in_turns(sides, 1, arguments.rounds)
    ratios = {
        f"ratio_{name}": (statistics.median(whole[baseline]) / statistics.median(whole[ours]), ours, baseline)
        for name, ours, baseline in (
            ("packed", "packed", "generate_packed"),
            ("dense", "dense", "generate_dense"),
            ("stock", "packed", "generate_dense"),
        )
    }
    figures: dict[str, float] = {"prompt_tokens": len(prompt), "reply_tokens": count}
    for name, (ratio, ours, baseline) in ratios.items():
        same = sum(a == b for a, b in zip(written[ours], written[baseline], strict=True))
        if name == "ratio_dense":
            figures["same_greedy_tokens"] = same
        figures |= {name: round(ratio, 3), f"{name}_same_greedy_tokens": same}
        figures[f"{name}_writing"] = round(writing_s(whole, reading, baseline) / writing_s(whole, reading, ours), 3)
    for name in sides:
        figures |= {f"{name}_tokens_per_s_{kind}": value for kind, value in spread(whole[name], count).items()}
        figures[f"{name}_prompt_ms"] = round(1000 * statistics.median(reading[name]), 1)
    figures |= faithfulness(loaded, plain_dense)
    best = 1 / min(whole["packed"]) * count
    figures |= {"bytes_per_token": moved, "fraction_of_bandwidth": round(best * moved / copy_bandwidth(), 4)}
    finish("decode", ratios["ratio_dense"][0], figures, arguments)


Side: TypeAlias = Callable[[int], list[int]]
"""Writes a reply of so many tokens, and gives their ids."""


def in_turns(sides: Mapping[str, Side], count: int, rounds: int) -> dict[str, list[float]]:
    """Seconds that each side takes for a reply of `count` tokens, all in turns, so that a noisy neighbour meets all."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            start = perf_counter()
            side(count)
            seconds[name].append(perf_counter() - start)
    return seconds


def writing_s(whole: Mapping[str, list[float]], reading: Mapping[str, list[float]], name: str) -> float:
    """Seconds for all tokens but the first."""
    return statistics.median(whole[name]) - statistics.median(reading[name])


def dequantised(loaded: Loaded) -> PreTrainedModel:
    """The loaded model as an ordinary transformers model in bfloat16."""
    model = unfilled(copy.deepcopy(loaded.model.config), torch.bfloat16).eval()
    weights = {name: value for name, value in loaded.model.state_dict().items() if name.endswith(("weight", "bias"))}
    for place, layer in loaded.model.named_modules():
        if isinstance(layer, Linear4):
            weights[f"{place}.weight"] = dequantize4(layer.blocks).to(torch.bfloat16)
        if isinstance(layer, Linear8):
            weights[f"{place}.weight"] = dequantize8(layer.blocks).to(torch.bfloat16)
    model.load_state_dict(weights, assign=True)
    return unending(model)


def unending(model: PreTrainedModel) -> PreTrainedModel:
    """The model, which from now on generates a fixed number of tokens, whatever they are."""
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0
    return model


def replier(loaded: Loaded, prompt: list[int]) -> Side:
    """The engine's own steps, nothing remembered between replies."""
    network, tokens = network_of(loaded.model), Tokens(loaded.tokenizer)

    @torch.inference_mode()
    def run(count: int) -> list[int]:
        params = SamplingParams(temperature=0, min_p=0, repetition_penalty=1, max_tokens=count)
        steps = reply(Batch(network, PrefixCache(0)), Wish(prompt, params, tokens.decode, controls=frozenset()))
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return list(end.value)

    return run


def generator(model: PreTrainedModel, prompt: list[int]) -> Side:
    """transformers' `generate`, greedy, with its own cache."""
    ids = torch.tensor([prompt])
    mask = torch.ones_like(ids)

    @torch.inference_mode()
    def run(count: int) -> list[int]:
        out: Tensor = model.generate(ids, attention_mask=mask, do_sample=False, max_new_tokens=count)
        return [int(token) for token in out[0, len(prompt) :]]

    return run


def faithfulness(loaded: Loaded, dense: PreTrainedModel) -> dict[str, float]:
    """How alike packed and dense weights read one text: places with the same likeliest next token; perplexities.

    Ours reads token by token, as a reply is written: many tokens at once would be multiplied densely.
    """
    ids: Tensor = loaded.tokenizer(TEXT, return_tensors="pt")["input_ids"]  # (1, T)
    with torch.inference_mode():
        theirs = dense(ids).logits[0].float()  # (T, V)
        network = network_of(loaded.model)
        past = network.past(ids.shape[1])
        ours = torch.cat([network.read([Segment(past, [int(token)], every=True)])[0] for token in ids[0]]).float()
    perplexity, baseline = (torch.nn.functional.cross_entropy(side[:-1], ids[0, 1:]).exp() for side in (ours, theirs))
    return {
        "next_token_agreement": round((ours.argmax(-1) == theirs.argmax(-1)).float().mean().item(), 4),
        "perplexity": round(perplexity.item(), 3),
        "generate_perplexity": round(baseline.item(), 3),
    }


def bytes_a_token(model: PreTrainedModel) -> int:
    """Bytes of packed weights that writing one token reads: 4-bit codes and (scale, centre) pairs, the head as two."""
    return sum(
        layer.in_features * layer.out_features // 2 * (1 + isinstance(layer, Linear8)) * 5 // 4
        for layer in model.modules()
        if isinstance(layer, Linear4 | Linear8)
    )


if __name__ == "__main__":
    main()
