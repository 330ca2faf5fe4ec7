"""How fast a reply is written: the engine's steps on 4-bit blocks against transformers' `generate` on bfloat16.

The same starter weights on both sides (the baseline has them dequantised), the same prompt, greedy on both, a fixed
number of tokens, in turns. Ours includes all a reply's steps do: the sampler, text, stop strings; reading the prompt
is timed with it on both sides.

    python -m bench.decode [--json] [--record] [--rounds 5] [--tokens 64] [--threads 1]
"""

import copy
import statistics
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedModel

from bench.report import ROOT, copy_bandwidth, finish, interleaved, parser, spread
from inference.batch import Batch
from inference.cache import PrefixCache
from inference.decode import reply
from inference.loader import Loaded, load
from inference.network import Segment, network_of
from inference.packed import unfilled
from inference.sampling import SamplingParams
from inference.tokens import Message, Tokens
from inference.writer import Wish
from kernels.linear4 import Linear4, Linear8
from kernels.plain import dequantize4, dequantize8

PROMPT: list[Message] = [
    {"role": "system", "content": "You are Marigold, a cheerful pony who bakes for the whole village."},
    {"role": "user", "content": "I dropped your whole tray of muffins, I'm so sorry. What happens now?"},
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
    loaded = load("starter", arguments.cache)
    dense = dequantised(loaded)
    prompt = Tokens(loaded.tokenizer).prompt(PROMPT)
    ours, baseline = replier(loaded, prompt, arguments.tokens), generator(dense, prompt, arguments.tokens)
    same = sum(a == b for a, b in zip(ours(), baseline(), strict=True))
    theirs_s, ours_s = interleaved(baseline, ours, arguments.rounds)
    tokens_a_second = spread(ours_s, arguments.tokens)
    moved = bytes_a_token(loaded.model)
    limit = copy_bandwidth() / moved
    figures = {
        **{f"tokens_per_s_{name}": value for name, value in tokens_a_second.items()},
        **{f"generate_tokens_per_s_{name}": value for name, value in spread(theirs_s, arguments.tokens).items()},
        "prompt_tokens": len(prompt),
        "reply_tokens": arguments.tokens,
        "same_greedy_tokens": same,
        **faithfulness(loaded, dense),
        "bytes_per_token": moved,
        "fraction_of_bandwidth": round(tokens_a_second["best"] / limit, 4),
    }
    finish("decode", statistics.median(theirs_s) / statistics.median(ours_s), figures, arguments)


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
    model.generation_config.eos_token_id = None  # a fixed number of tokens, whatever they are
    return model


def replier(loaded: Loaded, prompt: list[int], count: int) -> Callable[[], list[int]]:
    """The engine's own steps, nothing remembered between replies; gives the ids of `count` tokens."""
    network, tokens = network_of(loaded.model), Tokens(loaded.tokenizer)
    params = SamplingParams(temperature=0, min_p=0, repetition_penalty=1, max_tokens=count)

    @torch.inference_mode()
    def run() -> list[int]:
        steps = reply(Batch(network, PrefixCache(0)), Wish(prompt, params, tokens.decode, controls=frozenset()))
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return list(end.value)

    return run


def generator(model: PreTrainedModel, prompt: list[int], count: int) -> Callable[[], list[int]]:
    """transformers' `generate`, greedy, with its own cache; gives the ids of `count` tokens."""
    ids = torch.tensor([prompt])
    mask = torch.ones_like(ids)

    @torch.inference_mode()
    def run() -> list[int]:
        out: Tensor = model.generate(ids, attention_mask=mask, do_sample=False, max_new_tokens=count)
        return [int(token) for token in out[0, len(prompt) :]]

    return run


def faithfulness(loaded: Loaded, dense: PreTrainedModel) -> dict[str, float]:
    """How alike both sides read one text: the share of places with the same likeliest next token; perplexities.

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
