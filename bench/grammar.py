"""What a grammar costs: a reply under one against the same reply without, and the mask of one token alone.

Two replies of the starter model, the same greedy tokens, in turns: one free, one under a grammar that allows all that
was said but no control token in the middle. Then a JSON text is walked through, token by token, under JSON's own
grammar in GBNF and under a schema, with the starter's vocabulary and with one of Qwen's size (the starter's, and pairs
of its tokens).

    python -m bench.grammar [--json] [--record] [--rounds 5] [--tokens 64] [--threads 1]
"""

import random
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter

import torch

from bench.decode import PROMPT
from bench.report import ROOT, finish, interleaved, parser
from inference.batch import Batch
from inference.cache import PrefixCache
from inference.decode import reply
from inference.family import network_of
from inference.grammar import Grammar
from inference.loader import Loaded, load
from inference.sampling import SamplingParams
from inference.tokens import Tokens
from inference.writer import Wish

BIG = 151_936  # Qwen's vocabulary
JSON = r"""
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws (string ":" ws value ("," ws string ":" ws value)*)? "}" ws
array  ::= "[" ws (value ("," ws value)*)? "]" ws
string ::= "\"" ([^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}))* "\"" ws
number ::= "-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]+)? ([eE] [-+]? [0-9]+)? ws
ws     ::= | " " | "\n" [ \t]{0,20}
"""
TEXT = (
    '{ "name": "Marigold the baker, who \\"sings\\"", "age": 12.5e3,\n  "list": [1, 2, {"a": null}], '
    '"tale": "' + "once upon a time there was a pony " * 4 + '"}'
)


def main() -> None:
    options = parser("Tokens per second with a grammar and without; microseconds per mask.")
    options.add_argument("--tokens", type=int, default=64, help="tokens of the reply (default 64)")
    options.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of torch")
    options.add_argument("--cache", type=Path, default=ROOT / "state" / "cache", help="folder of converted models")
    arguments = options.parse_args()
    torch.set_num_threads(arguments.threads)
    loaded = load("starter", arguments.cache)
    tokens = Tokens(loaded.tokenizer)
    free = replier(loaded, tokens, arguments.tokens, None)
    held = replier(loaded, tokens, arguments.tokens, Grammar.from_gbnf("root ::= .*"))
    assert free() == held(), "a grammar that allows everything changed the reply"
    free_s, held_s = interleaved(free, held, arguments.rounds)
    figures: dict[str, float | int | str] = {
        "free_tokens_per_s": round(arguments.tokens / statistics.median(free_s), 2),
        "held_tokens_per_s": round(arguments.tokens / statistics.median(held_s), 2),
        "reply_tokens": arguments.tokens,
    }
    for vocabulary in (tokens, Widened(loaded, BIG)):
        for name, make in {
            "gbnf": partial(Grammar.from_gbnf, JSON),
            "schema": partial(Grammar.from_json_schema, {"type": "object"}),
        }.items():
            measured = walked(make, vocabulary)
            figures |= {f"{figure}_{name}_{len(vocabulary.pieces)}": value for figure, value in measured.items()}
    finish("grammar", statistics.median(free_s) / statistics.median(held_s), figures, arguments)


def replier(loaded: Loaded, tokens: Tokens, count: int, grammar: Grammar | None) -> Callable[[], list[int]]:
    """A greedy reply of `count` tokens, nothing remembered between replies; gives its ids."""
    network = network_of(loaded.model)
    # The end of the turn is made unlikely, on both sides, so that the reply is as long as it may be.
    bias = dict.fromkeys(tokens.controls, -100.0)
    params = SamplingParams(temperature=0, min_p=0, repetition_penalty=1, max_tokens=count, logit_bias=bias)
    wish = Wish(
        tokens.prompt(PROMPT),
        params,
        tokens.decode,
        tokens.controls,
        matcher=partial(grammar.matcher, tokens) if grammar else None,
    )

    @torch.inference_mode()
    def run() -> list[int]:
        steps = reply(Batch(network, PrefixCache(0)), wish)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return list(end.value)

    return run


class Widened(Tokens):
    """The starter's vocabulary with pairs of its tokens added, up to `size`."""

    def __init__(self, loaded: Loaded, size: int) -> None:
        super().__init__(loaded.tokenizer)
        chance, known = random.Random(0), dict.fromkeys(self.pieces)
        while len(known) < size:
            pair = chance.choice(self.pieces[17:]) + chance.choice(self.pieces[17:])
            if len(pair) <= 16:
                known[pair] = None
        self.pieces = list(known)


def walked(make: Callable[[], Grammar], tokens: Tokens) -> dict[str, float]:
    """Times of reading a grammar, compiling it for a vocabulary, and of each token of TEXT under it."""
    Grammar.one_of(["warm"]).matcher(tokens)  # the vocabulary itself is taken over once, for all grammars
    start = perf_counter()
    grammar = make()
    read = perf_counter()
    matcher = grammar.matcher(tokens)
    compiled = perf_counter()
    ids = longest_first(TEXT.encode(), {piece: id for id, piece in enumerate(tokens.pieces)})
    masks, accepts = [], []
    for id in ids:
        begin = perf_counter()
        allowed = matcher.allowed()
        middle = perf_counter()
        assert allowed[id]
        before = perf_counter()
        matcher.accept(id)
        masks.append(middle - begin)
        accepts.append(perf_counter() - before)
    return {
        "read_ms": round(1e3 * (read - start), 2),
        "compile_ms": round(1e3 * (compiled - read), 2),
        "mask_us_mean": round(1e6 * statistics.mean(masks), 1),
        "mask_us_max": round(1e6 * max(masks), 1),
        "accept_us_mean": round(1e6 * statistics.mean(accepts), 1),
    }


def longest_first(data: bytes, ids: dict[bytes, int]) -> list[int]:
    """A cut of `data` into tokens: always the longest that fits."""
    found = []
    while data:
        length = next(length for length in range(16, 0, -1) if data[:length] in ids)
        found.append(ids[data[:length]])
        data = data[length:]
    return found


if __name__ == "__main__":
    main()
