"""Foreign labels become emotions by name or by what the admin says, and never by guessing."""

import pytest

from emotion.labels import EMOTIONS, INDEX
from emotion.mapping import UnknownLabels, knows_neutral, shares, weights


def test_a_label_that_is_an_emotion_means_it_unless_the_admin_says_otherwise() -> None:
    assert shares([" JOY ", "Fear"], {}) == [{"joy": 1.0}, {"fear": 1.0}]
    assert shares(["joy", "fear"], {"Joy": {"amusement": 0.5}}) == [{"amusement": 0.5}, {"fear": 1.0}]


def test_a_label_may_be_left_out() -> None:
    [row] = weights(shares(["toxic"], {"toxic": {}}))
    assert row == [0.0] * len(EMOTIONS)


def test_weights_stand_at_their_emotions() -> None:
    rows = weights(shares(["upset", "neutral"], {"upset": {"anger": 0.25, "sadness": 0.75}}))
    assert [rows[0][INDEX[name]] for name in ("anger", "sadness")] == [0.25, 0.75] and sum(rows[0]) == 1
    assert rows[1].index(1.0) == INDEX["neutral"]


def test_many_unknown_labels_are_counted() -> None:
    with pytest.raises(UnknownLabels, match="LABEL_7 and 20 more; say in"):
        shares([f"LABEL_{i}" for i in range(28)], {})


def test_neutral_is_known_only_if_a_label_stands_for_it() -> None:
    assert knows_neutral([{"joy": 1.0}, {"neutral": 0.2}])
    assert not knows_neutral([{"joy": 1.0}, {"neutral": 0.0}, {}])
