from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persona.budget import window
from persona.card import Card, PersonaError
from persona.prompt import build_prompt
from persona.turn import ChatMessage, Role, Turn
from tests.persona.talk import counted, said


def prompt(card: Card, turns: list[Turn], budget: int) -> list[ChatMessage]:
    return build_prompt(card, turns, budget=budget, count=counted)


def long_talk(length: int) -> list[Turn]:
    return said(*[f"{'Pip' if n % 2 else 'Robin'}: line {n} of a talk" for n in range(length)])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(45, 400), st.lists(st.text("ab \n", min_size=1, max_size=200), min_size=1, max_size=12))
def test_a_prompt_never_exceeds_its_budget_and_always_ends_with_the_newest_turn(
    card: Card, budget: int, texts: list[str]
) -> None:
    turns = [Turn(Role.USER, f"R{number}", f"x{text}", float(number)) for number, text in enumerate(texts)]
    messages = prompt(card, turns, budget)
    assert counted(messages) <= budget
    assert messages[0]["role"] == "system"
    assert f"R{len(texts) - 1}: x" in messages[-1]["content"]


def test_the_oldest_turns_go_once_the_examples_are_gone(card: Card) -> None:
    messages = prompt(card, long_talk(40), 150)
    shown = " ".join(message["content"] for message in messages)
    assert "question" not in shown
    assert "line 39" in shown and "line 0 " not in shown
    numbers = [n for n in range(40) if f"line {n} of" in shown]
    assert numbers == list(range(numbers[0], 40))


def test_while_a_long_talk_goes_on_the_start_of_the_prompt_rarely_moves(card: Card) -> None:
    """Without strides the first turn shown would move with every new turn: 60 starts in 60 turns."""
    talk = long_talk(200)
    starts = [prompt(card, talk[: 140 + n], 400)[1]["content"] for n in range(1, 60, 2)]
    kept = sum(old == new for old, new in pairwise(starts))
    assert kept >= len(starts) // 2


def test_a_single_message_beyond_the_budget_keeps_its_two_ends(card: Card) -> None:
    text = " ".join(f"word{n}" for n in range(500))
    messages = prompt(card, said(f"Robin: {text}"), 100)
    assert counted(messages) <= 100
    assert messages[-1]["content"].startswith("Robin: word0 word1 ")
    assert " … " in messages[-1]["content"]
    assert messages[-1]["content"].endswith("word499")
    assert 100 - counted(messages) <= 12, "more was left out than the stage direction needs"


def test_a_card_beyond_the_budget_is_a_sentence_that_says_what_to_do(card: Card) -> None:
    with pytest.raises(
        PersonaError, match=r"^the card of Pip alone needs \d+ tokens and the prompt may have 10; shorten"
    ):
        prompt(card, said("Robin: hi"), 10)


@given(st.integers(1, 100), st.integers(0, 1000))
def test_a_window_moves_in_strides_of_half_its_size(most: int, total: int) -> None:
    read = window(total, most)
    assert read == total if total <= most else most // 2 < read <= most
    starts = [total + n - window(total + n, most) for n in range(2 * most + 1)]
    moves = [new - old for old, new in pairwise(starts) if new != old]
    assert all(move == moves[0] for move in moves) and all(move >= most // 2 - 1 for move in moves)
    assert sum(moves) <= 2 * most + most // 2


def test_the_window_of_the_starter_begins_with_a_member_and_moves_every_second_exchange() -> None:
    totals = range(1, 30, 2)  # a member's turn is the newest
    starts = [total - window(total, 7) for total in totals]
    assert starts == [0, 0, 0, 0, 4, 4, 8, 8, 12, 12, 16, 16, 20, 20, 24]
