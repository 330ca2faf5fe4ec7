"""Settings, card and expression each say how words are drawn; the innermost that says anything decides."""

from typing import Any

from bot.compose import SamplerWishes
from bot.settings import Model, Sampler, Settings
from inference.sampling import SamplingParams
from persona.card import Card


def drawn(sampler: dict[str, Any], card: dict[str, Any], face: dict[str, Any]) -> SamplingParams:
    settings = Settings(model=Model(max_tokens=100), sampler=Sampler.model_validate(sampler))
    faces = {"neutral": {"emotions": ["neutral"], "prompt": "a face", "sampler": face}}
    wishes = {"name": "Pip", "description": "An owl.", "sampler": card, "expressions": faces}
    return SamplerWishes(settings)(Card.model_validate(wishes), "neutral", ("\n",), 7)


def test_nothing_said_is_the_engines_own_default() -> None:
    assert drawn({}, {}, {}) == SamplingParams(max_tokens=100, stop=("\n",), seed=7)


def test_the_innermost_wins_even_where_it_says_the_default() -> None:
    found = drawn({"temperature": 1.5, "top_k": 5, "min_p": 0.3}, {"temperature": 0.8, "top_k": 7}, {"top_k": 0})
    assert (found.temperature, found.top_k, found.min_p) == (0.8, 0, 0.3)


def test_lists_replace_lists_but_bans_add_up() -> None:
    found = drawn(
        {"banned_phrases": ["shivers"], "dry_sequence_breakers": ["\n"]},
        {"banned_phrases": ["orbs"], "samplers": ["temperature"]},
        {"banned_phrases": ["shivers", "hush"], "dry_sequence_breakers": ["!"]},
    )
    assert found.banned_phrases == ("shivers", "orbs", "hush")
    assert found.dry_sequence_breakers == ("!",)
    assert found.samplers == ("temperature",)


def test_a_card_may_ask_for_shorter_replies_not_for_longer_ones() -> None:
    assert drawn({}, {"max_tokens": 40}, {}).max_tokens == 40
    assert drawn({}, {"max_tokens": 400}, {}).max_tokens == 100
