"""The tuner moves many moods at once as the bot moves each, and finds constants that were hidden from it."""

import random

import numpy as np
import pytest

from bench.felt import Scene, cards, faces
from bench.tune_mood import BEFORE, RANGES, judged, moods, side_by_side, tuned
from bench.tune_mood import faces as faces_side_by_side
from emotion.dialogue import Dialogue, Line
from emotion.labels import EMOTIONS
from emotion.mood import Reading
from emotion.motion import MoodSettings


def scenes(count: int, seed: int) -> list[Scene]:
    """Dialogues of three to nine lines by two members and the character, with readings that lean to what is felt."""
    dice = random.Random(seed)
    made = []
    for _ in range(count):
        lines, readings = [], []
        for number in range(dice.randint(3, 9)):
            name = dice.choice(("Ann", "Bo", "Juno"))
            felt = dice.choice(EMOTIONS) if dice.random() < 0.5 else "neutral"
            shares = np.array([dice.random() ** 8 + (one == felt) for one in EMOTIONS])
            readings.append(Reading(tuple(dice.random() ** 3 for _ in EMOTIONS), tuple(shares / shares.sum())))
            lines.append(Line(name, f"line {number}", name == "Juno", (), (felt, "neutral")[: dice.randint(1, 2)]))
        made.append(Scene(Dialogue("kind", "Juno", "", tuple(lines)), readings))
    return made


@pytest.mark.parametrize("settings", [BEFORE, MoodSettings(margin=0.3, own=1, reserve=1, jolt_from=0.1, half_life=0.5)])
def test_side_by_side_moves_as_the_bot_does(settings: MoodSettings) -> None:
    made = scenes(40, seed=3)
    shares, leads = moods(side_by_side(made), settings)
    worn, card = faces_side_by_side(shares, side_by_side(made).own), cards()["marigold"]
    for n, one in enumerate(made):
        alone = one.moods(settings)
        for t, mood in enumerate(alone):
            assert shares[n, t] == pytest.approx(mood.weights, abs=1e-3)
        assert [EMOTIONS[leads[n, t]] for t in range(len(alone))] == [mood.leading for mood in alone]
        assert [list(card.expressions)[worn[n, t]] for t in range(len(alone))] == faces(card, alone, one.lines)


def test_a_perfect_reader_is_judged_perfect_and_a_deaf_one_is_not() -> None:
    settings = MoodSettings(half_life=0.01, reader=1, jolt=1, own=1, margin=0, neutral_floor=0, reserve=0)
    made = scenes(60, seed=4)
    heard = [
        Scene(
            one.dialogue,
            [
                Reading((0.0,) * 28, tuple(float(name == line.felt[0]) for name in EMOTIONS))
                for line in one.dialogue.lines
            ],
        )
        for one in made
    ]
    perfect = judged(side_by_side(heard), settings)
    assert perfect["top1"] == pytest.approx(1, abs=0.02) and perfect["woken"] > 0.9
    deaf = judged(side_by_side(made), MoodSettings(half_life=100, jolt=0, own=0))
    assert deaf["woken"] == 0 and deaf["top1"] < 0.8


def test_tuning_finds_nothing_worse_than_it_started_from() -> None:
    logs = side_by_side(scenes(30, seed=6))
    best = tuned(logs, BEFORE, draws=10)
    assert judged(logs, best)["good"] >= judged(logs, BEFORE)["good"]
    assert all(low <= getattr(best, name) <= high for name, (low, high) in RANGES.items())
    assert best == tuned(logs, BEFORE, draws=10), "the same seed finds the same"
