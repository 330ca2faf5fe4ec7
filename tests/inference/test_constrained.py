"""Nothing that a grammar refuses is ever generated: many replies of a random model, some of the starter's.

A model with random weights walks through a grammar far more brutally than one that has read the world's JSON.
"""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import jsonschema
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from inference.batch import Batch
from inference.cache import PrefixCache
from inference.decode import drafts
from inference.family import network_of
from inference.grammar import Grammar
from inference.loader import Loaded
from inference.sampling import SamplingParams
from inference.tokens import Message, Tokens
from inference.writer import Wish

Run = Callable[[Any], Any]

NESTED = r"""
root    ::= pony
pony    ::= "{\"name\":" string ",\"age\":" age (",\"mood\":" mood)? friends (",\"likes\":" value)? "}"
string  ::= "\"" ([^"\\\x00-\x1F\x7F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4})){1,12} "\""
age     ::= [0-9] | [1-3] [0-9]
mood    ::= "\"" ("glad" | "gladly" | "sad") "\""
friends ::= ",\"friends\":[" (pony ("," pony){0,2})? "]"
value   ::= string | number | list | "true" | "false" | "null"
number  ::= "-"? ("0" | [1-9] [0-9]{0,6}) ("." [0-9]{1,4})?
list    ::= "[" (value ("," value)*)? "]"
"""
PONY = {
    "$defs": {
        "pony": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 12},
                "age": {"type": "integer", "minimum": 0, "maximum": 39},
                "mood": {"enum": ["glad", "gladly", "sad"]},
                "friends": {"type": "array", "items": {"$ref": "#/$defs/pony"}, "maxItems": 3},
                "likes": {},
            },
            "required": ["name", "age", "friends"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/pony",
}
CAKE = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 3, "maxLength": 20},
        "layers": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "taste": {"enum": ["apple", "plum", "honey"]},
                    "grams": {"type": "integer", "minimum": 1},
                },
                "required": ["taste", "grams"],
                "additionalProperties": False,
            },
            "minItems": 1,
            "maxItems": 2,
        },
        "sold": {"type": ["boolean", "null"]},
    },
    "required": ["name", "layers", "sold"],
    "additionalProperties": False,
}
VALID = jsonschema.Draft202012Validator(PONY)
LAST_WORDS = ['"', "}", "]", "0", ":", ",", "a", "n", "g", "f", "l", "e", "i", "d", "r", "s", "m", "t", "u", "{", "["]


@pytest.fixture(scope="session")
def tokens(starter: Loaded) -> Tokens:
    return Tokens(starter.tokenizer)


@pytest.fixture(scope="module")
def wild() -> Batch:
    """A random model with more logits than the starter's tokenizer has tokens."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49_280,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=512,
    )
    return Batch(network_of(LlamaForCausalLM(config).eval()), PrefixCache(1 << 20))


def wish(tokens: Tokens, grammar: Grammar, prompt: list[int], seed: int, max_tokens: int) -> Wish:
    params = SamplingParams(
        temperature=1.0, min_p=0.0, top_p=1.0, repetition_penalty=1.0, max_tokens=max_tokens, seed=seed
    )
    return Wish(prompt, params, tokens.decode, tokens.controls, matcher=partial(grammar.matcher, tokens))


def finished(tokens: Tokens, grammar: Grammar, text: str) -> str:
    """`text` with a short end that the grammar has for it: shows that there is one."""
    matcher, data = grammar.matcher(tokens), text.encode()
    ways = [tokens.pieces.index(sign.encode()) for sign in '"}]0,:agnflesidrmtuko[{']
    for token in tokens.literal(text):
        matcher.accept(token)
    for _ in range(200):
        allowed = matcher.allowed()
        if allowed[sorted(tokens.ends)].any():
            return data.decode()
        way = next(way for way in ways if allowed[way])
        matcher.accept(way)
        data += tokens.pieces[way]
    raise AssertionError(f"no end in sight: {data!r}")


def test_a_thousand_replies_under_a_nested_grammar(run: Run, wild: Batch, tokens: Tokens) -> None:
    grammar = Grammar.from_gbnf(NESTED)
    texts = []
    for seed in range(20):
        _, written = run(drafts(wild, wish(tokens, grammar, [100 + seed], seed, 32), 50, None))
        texts += [(draft.text, draft.ended) for draft in written]
    complete = [text for text, ended in texts if ended == "end"]
    for text in complete:
        assert grammar.accepts(text)
        VALID.validate(json.loads(text))
    for text, ended in texts:
        if ended != "end":  # it was cut off: there must be a way to its end
            assert ended == "length"
            VALID.validate(json.loads(finished(tokens, grammar, text)))
    assert len(texts) == 1000
    assert len(set(complete)) > 300
    assert sum('"friends":[{' in text for text, _ in texts) > 100


def test_replies_of_the_starter_satisfy_their_schema(run: Run, starter: Loaded, tokens: Tokens) -> None:
    batch = Batch(network_of(starter.model), PrefixCache(1 << 26))
    asked = Message(role="user", content="Describe a cake as a JSON object with its name and its layers.")
    grammar = Grammar.from_json_schema(CAKE)
    _, written = run(drafts(batch, wish(tokens, grammar, tokens.prompt([asked]), 7, 90), 6, None))
    for draft in written:
        assert grammar.accepts(draft.text) == (draft.ended == "end")
    complete = [json.loads(draft.text) for draft in written if draft.ended == "end"]
    for cake in complete:
        jsonschema.validate(cake, CAKE)
    assert len(complete) >= 3


def test_a_reply_ends_where_the_grammar_ends(run: Run, starter: Loaded, tokens: Tokens) -> None:
    batch = Batch(network_of(starter.model), PrefixCache(1 << 26))
    asked = Message(role="user", content="How do you feel today?")
    request = wish(tokens, Grammar.one_of(["happy", "happily surprised", "sad"]), tokens.prompt([asked]), 3, 20)
    _, written = run(drafts(batch, request, 12, None))
    assert {draft.text for draft in written} <= {"happy", "happily surprised", "sad"}
    assert {draft.ended for draft in written} == {"end"}
