"""The sampling benchmark compares two ways to the same distribution."""

import pytest
import torch

from bench.sample import CONTEXTS, PARAMS, OurChain, SortedChain, agreement, contexts, logit_sets, timed


def test_both_sides_keep_the_same_tokens_with_the_same_probabilities() -> None:
    different, distance = agreement(list(logit_sets(9_001).values()))
    assert different == 0
    assert distance <= 1e-6


def test_the_logits_are_of_different_shapes_and_always_the_same() -> None:
    sets = logit_sets(9_001)
    largest = {shape: float(torch.softmax(logits, 0).max()) for shape, logits in sets.items()}
    assert largest["flat"] < 0.01 < largest["plateau"] < largest["zipf"] < largest["peaked"]
    assert all(
        torch.equal(logits, again) for logits, again in zip(sets.values(), logit_sets(9_001).values(), strict=True)
    )
    assert [len(context) for context in contexts(sets["zipf"])] == list(CONTEXTS)


@pytest.mark.parametrize("side", [SortedChain, OurChain])
def test_both_sides_draw_what_they_say_and_learn(side: type[SortedChain | OurChain]) -> None:
    chain = side(PARAMS, [1, 2, 3])
    logits = logit_sets(9_001)["zipf"]
    for _ in range(5):
        before = chain.distribution(logits)
        assert before[chain.draw(logits)] > 0
        assert not torch.equal(chain.distribution(logits), before)


def test_times_are_seconds_a_token() -> None:
    theirs, ours = timed(logit_sets(500)["zipf"], rounds=1, draws=2)
    assert 0 < ours < 1
    assert 0 < theirs < 1
