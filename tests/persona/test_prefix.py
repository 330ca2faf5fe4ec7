"""How much of a prompt must be read again for the next reply, in tokens of the starter model."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise, takewhile
from pathlib import Path
from random import Random

import pytest

from inference.loader import words_of
from inference.tokens import Tokens
from persona.card import Card, load_persona
from persona.lore.engine import Lore
from persona.lorebook import Lorebook
from persona.prompt import build_prompt
from persona.sections import Sections
from persona.setting import Setting
from persona.turn import Role, Turn

ROOTS = [Path(__file__).resolve().parents[2] / "personas"]
SAYS = ("Is the mill far away?", "And who lives in the old cave?", "I would rather talk about cake with you.", "Fine!")
ANSWERS = ("It is a long walk, sugar, but the road is nice in spring.", "Nobody knows, and I will not go and look!")
BOOK = {
    "entries": [
        {"keys": ["mill"], "content": "The mill stands by the river and grinds the flour of the village."},
        {"keys": ["cave"], "content": "In the cave lives a bear who is fond of honey.", "position": "before_char"},
        {"keys": [], "constant": True, "content": "The village is called Hollow. {{user}} is new there."},
    ]
}


@pytest.fixture(scope="session")
def tokens(model_cache: Path) -> Tokens:
    return Tokens(words_of("starter", model_cache))


@pytest.fixture(scope="module")
def marigold() -> Card:
    return load_persona("marigold", ROOTS).card


def talk(length: int) -> list[Turn]:
    """Two members by turns, and the character's answers."""
    turns = []
    for number in range(length):
        name = ("Robin", "Alex")[number // 2 % 2]
        turns += [
            Turn(Role.USER, name, f"{SAYS[number % 4]} I ask for the {number}. time.", 120.0 * number),
            Turn(Role.CHARACTER, "Marigold", f"{ANSWERS[number % 2]} ({number})", 120.0 * number + 9, feeling="joy"),
        ]
    return turns[:-1]


def shares(card: Card, tokens: Tokens, setting: Callable[[Sequence[Turn]], Setting]) -> list[float]:
    """For each of several replies: the part of the prompt's tokens that the prompt before it did not begin with."""
    prompts = []
    for length in range(6, 19):
        turns = talk(length)
        made = setting(turns)
        messages = build_prompt(card, turns, budget=8000, count=lambda said: len(tokens.prompt(said)), setting=made)
        prompts.append(tokens.prompt(messages))
    found = []
    for old, new in pairwise(prompts):
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
        found.append(1 - same / len(new))
    return found


def awake(turns: Sequence[Turn], card: Card) -> Setting:
    now = datetime.fromtimestamp(turns[-1].at, UTC)
    setting = Setting(user=turns[-1].name, now=now, seed=len(turns), chat="1")
    lore, fill = Lore([Lorebook.of_card_book(BOOK)]), Sections(card, turns, setting).lasting.fill
    return replace(setting, lore=lore.awaken(turns, count=len, budget=10_000, chance=Random(0), fill=fill))


def mean(found: list[float]) -> float:
    return sum(found) / len(found)


def test_without_lore_only_what_was_said_since_is_read(marigold: Card, tokens: Tokens) -> None:
    found = shares(marigold, tokens, lambda turns: awake(turns, marigold))
    bare = shares(marigold, tokens, lambda turns: Setting(user=turns[-1].name))
    assert mean(bare) < 0.07 and max(bare) < 0.09
    # Lore that comes and goes costs the exchange that it stood above, and itself.
    assert mean(found) < 0.11 and max(found) < 0.15


def test_clocks_and_dice_in_a_card_do_not_make_it_be_read_again(marigold: Card, tokens: Tokens) -> None:
    text = f"{marigold.description}\nIt is {{{{time}}}}.\nShe feels {{{{random::glad::sad}}}}, as {{{{user}}}} knows."
    moving = marigold.model_copy(update={"description": text, "post_history": "Answer {{user}}, {{char}}."})
    assert max(shares(moving, tokens, lambda turns: awake(turns, moving))) < 0.17
    naive = [moving.model_copy(update={"description": text.replace("{{time}}", f"{9 + n}:00")}) for n in range(2)]
    first, second = (
        tokens.prompt(build_prompt(card, talk(9), budget=8000, count=lambda said: len(tokens.prompt(said))))
        for card in naive
    )
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))
    assert same < 0.2 * len(first), "a clock at the top would have everything read again"


def test_a_template_without_notes_is_no_dearer(marigold: Card, tokens: Tokens) -> None:
    """Folded into members' messages, lore must not change the messages above it."""
    setting = awake(talk(7), marigold)
    messages = build_prompt(
        marigold, talk(7), budget=8000, count=lambda said: len(tokens.prompt(said)), setting=setting
    )
    without = build_prompt(
        marigold, talk(7), budget=8000, count=lambda said: len(tokens.prompt(said)), setting=replace(setting, lore=None)
    )
    assert messages[1 : len(without) - 1] == without[1:-1]
