"""How much of a prompt was read a turn ago: a history that moves with every turn against one that moves in strides.

    python -m bench.window --json

No model runs: this counts tokens that a prompt has in common with the one before, which is what the engine's cache of
prefixes saves. Baseline: the newest N turns, whatever is before them (N = 7 as for the starter, 60 as for others).
"""

import argparse
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import torch

from bench.report import finish, parser
from bench.voice import SCRIPTS
from inference.loader import load
from inference.tokens import Tokens
from persona.budget import window
from persona.card import Card, load_persona
from persona.prompt import build_prompt
from persona.turn import Role, Turn

CASES = ((7, 61, 2048), (60, 181, 8192))  # turns read, turns said, tokens of context: the starter, and a bigger model
REPLY = 220  # tokens of the context that are the reply's
LINE = "Yes, I know what you mean. Let us talk about that for a while, and then about number {number}."


def talk(turns: int) -> list[Turn]:
    """A conversation of different messages, as long as needed."""
    texts = [message for _, messages in SCRIPTS for message in messages]
    return [
        Turn(Role.CHARACTER, "Marigold", LINE.format(number=number), float(number), feeling="joy")
        if number % 2
        else Turn(Role.USER, "Robin", f"{texts[number // 2 % len(texts)]} ({number})", float(number))
        for number in range(turns)
    ]


def shares(
    tokens: Tokens, card: Card, read: Callable[[int], int], turns: Sequence[Turn], first: int, budget: int
) -> list[float]:
    """For each member's turn from `first` on: the share of its prompt that begins as the one before did."""
    prompts = []
    for total in range(first, len(turns) + 1, 2):
        seen = turns[:total][-read(total) :]
        messages = build_prompt(card, seen, budget=budget, count=lambda asked: len(tokens.prompt(asked)))
        prompts.append(tokens.prompt(messages))
    return [_common(old, new) / len(new) for old, new in pairwise(prompts)]


def _common(old: Sequence[int], new: Sequence[int]) -> int:
    return next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))


def main(options: argparse.Namespace) -> None:
    tokens = Tokens(load("starter", Path("state/cache"), torch.device("cpu")).tokenizer)
    card = load_persona("marigold", [Path("personas")]).card
    figures: dict[str, float | int | str] = {}
    reread = {}
    for most, said, context in CASES:
        for name, read in (("sliding", lambda total, n=most: n), ("strides", lambda total, n=most: window(total, n))):
            found = shares(tokens, card, read, talk(said), most + 1 - most % 2, context - REPLY)
            figures[f"{name}_{most}_share_known"] = round(sum(found) / len(found), 3)
            reread[name, most] = 1 - sum(found) / len(found)
    finish("window", reread["sliding", 60] / reread["strides", 60], figures, options)


if __name__ == "__main__":
    main(parser(__doc__.splitlines()[0]).parse_args())
