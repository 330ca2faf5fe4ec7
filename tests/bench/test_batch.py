"""The batch benchmark compares the same new text, early and late."""

import pytest

from bench.batch import NEWS, compared, history
from persona.turn import Role


def test_every_turn_ends_with_the_same_news_and_continues_the_one_before() -> None:
    early, late = history(2, 0), history(20, 0)
    assert early[-1].text == late[-1].text == NEWS
    assert late[: len(early) - 1] == early[:-1]
    assert [turn.role for turn in late] == [Role.USER, Role.CHARACTER] * 19 + [Role.USER]
    assert history(2, 1)[0].text != early[0].text


def test_turns_are_compared_by_their_means() -> None:
    rounds = [{"turn_2": [1.0], "late": [1.0, 2.0, 9.0]}, {"turn_2": [3.0], "late": [2.0, 2.0, 2.0]}]
    figures = compared(rounds)
    assert figures["first_token_s_turn_2"] == 2.0
    assert figures["late_over_turn_2"] == pytest.approx(1.5)
    assert figures["late_median_over_turn_2"] == pytest.approx(1.0)
