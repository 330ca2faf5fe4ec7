"""Grammars and their matchers: what is accepted, what may come next, on real vocabularies of every family."""

import json
from pathlib import Path
from typing import Any

import pytest

from inference.grammar import Grammar, GrammarError
from inference.loader import Loaded
from inference.tokens import Tokens

NEARBY = [parent / "shared" / "data" / "grammar" / "llamacpp.json" for parent in Path(__file__).parents]
CASES = next((file for file in NEARBY if file.exists()), None)
# Where llama.cpp reads a schema otherwise than the JSON Schema standard, which we keep: {} allows any value, there is
# no largest integer, and an object without `additionalProperties` may have more properties than are named.
BY_THE_STANDARD = {
    "empty schema (object)": ["[]", "null", '""', "true"],
    "min 0": ["100000000000000000000000000000000"],
    "object properties": [
        '{ "number": 1600, "street_name": "Pennsylvania", "street_type":"Avenue", "direction":"NW"}',
    ],
}


@pytest.fixture(scope="session")
def tokens(starter: Loaded) -> Tokens:
    return Tokens(starter.tokenizer)


def cases() -> list[dict[str, Any]]:
    return json.loads(CASES.read_text()) if CASES else []


@pytest.mark.skipif(CASES is None, reason="shared/data/grammar is not beside the checkout")
@pytest.mark.parametrize("case", cases(), ids=lambda case: case["desc"] or "several types")
def test_strings_are_accepted_and_refused_as_in_llama_cpp(case: dict[str, Any]) -> None:
    grammar = (
        Grammar.from_gbnf(case["grammar"]) if case["kind"] == "grammar" else Grammar.from_json_schema(case["schema"])
    )
    assert [text for text in case["pass"] if not grammar.accepts(text)] == []
    assert [text for text in case["fail"] if grammar.accepts(text)] == BY_THE_STANDARD.get(case["desc"], [])


# --- one of ---------------------------------------------------------------------------------------------------------


def test_one_of_is_exactly_one_of_the_texts() -> None:
    grammar = Grammar.one_of(["glad", "gladly", "so so", 'a "quote"', "🦄"])
    assert all(map(grammar.accepts, ["glad", "gladly", "so so", 'a "quote"', "🦄"]))
    assert not any(map(grammar.accepts, ["", "gla", "gladl", "glad ", "so", "🦄🦄"]))


@pytest.mark.parametrize("texts", [[], ["glad", ""]])
def test_one_of_needs_texts(texts: list[str]) -> None:
    with pytest.raises(GrammarError, match="must be texts to choose from"):
        Grammar.one_of(texts)


# --- matchers ---------------------------------------------------------------------------------------------------------


def test_every_cut_of_an_allowed_text_is_allowed_and_nothing_else(tokens: Tokens) -> None:
    matcher = Grammar.one_of(["happy", "happily", "sad"]).matcher(tokens)
    allowed = {tokens.pieces[token].decode() for token in matcher.allowed().nonzero().flatten().tolist()}
    vocabulary = {piece for piece in tokens.pieces if piece}
    beginnings = {text[:end] for text in ("happy", "happily", "sad") for end in range(1, len(text) + 1)}
    assert allowed == {text for text in beginnings if text.encode() in vocabulary}


def test_the_end_of_the_turn_is_allowed_where_the_grammar_may_end(tokens: Tokens) -> None:
    matcher = Grammar.from_gbnf('root ::= "ha"+').matcher(tokens)
    assert not matcher.allowed()[sorted(tokens.controls)].any()
    for token in tokens.literal("haha"):
        matcher.accept(token)
    controls = {token for token in tokens.controls if matcher.allowed()[token]}
    assert controls == set(tokens.ends) == {2}
    assert not matcher.finished
    matcher.accept(2)
    assert matcher.finished
    assert matcher.allowed().nonzero().flatten().tolist() == [2]


def test_what_was_accepted_can_be_taken_back(tokens: Tokens) -> None:
    matcher = Grammar.one_of(["glad", "gloomy"]).matcher(tokens)
    before = matcher.allowed()
    ids = tokens.literal("glad")
    for token in [*ids, 2]:
        matcher.accept(token)
    assert matcher.finished
    matcher.undo(1)
    assert matcher.finished  # nothing but the end may follow
    matcher.undo(len(ids))
    assert not matcher.finished
    assert matcher.allowed().equal(before)
    with pytest.raises(ValueError, match="no 1 accepted"):
        matcher.undo(1)


def test_a_token_that_is_not_allowed_is_refused_and_changes_nothing(tokens: Tokens) -> None:
    matcher = Grammar.one_of(["glad"]).matcher(tokens)
    before = matcher.allowed()
    for token in (0, 2, tokens.literal("x")[0], -1, 10**9):
        with pytest.raises(ValueError, match=f"does not allow the token {token} here"):
            matcher.accept(token)
    assert matcher.allowed().equal(before)


def test_matchers_of_one_grammar_do_not_disturb_each_other(tokens: Tokens) -> None:
    grammar = Grammar.one_of(["glad", "sad"])
    one, other = grammar.matcher(tokens), grammar.matcher(tokens)
    before = other.allowed()
    for token in tokens.literal("glad"):
        one.accept(token)
    assert other.allowed().equal(before)
    assert not other.finished
