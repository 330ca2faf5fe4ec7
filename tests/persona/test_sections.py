"""Cards as the community writes them: what stands where in the prompt."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from persona.card import Card, Note, load_persona
from persona.defaults import defaults
from persona.lore.engine import Lore
from persona.lore.outcome import Awakened
from persona.lorebook import Lorebook
from persona.macros import Macros
from persona.macrowords import Known
from persona.prompt import build_prompt, greetings, opening_room, stable
from persona.sections import Sections
from persona.setting import Setting
from persona.turn import ChatMessage, Role, Turn
from tests.persona.talk import counted, said

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = json.loads((Path(__file__).parent / "golden" / "sample_prompts.json").read_text(encoding="utf-8"))
WPP = '[Character("{{char}}")\n{\nMind("shy" + "kind")   \nBody("small")\n}]\n\n\n\n* likes {{user}}\r\n* hates rain'
LONG = {
    "name": "Pip Featherly",
    "nickname": "Pip",
    "description": WPP,
    "personality": "{{char}} is shy.",
    "scenario": "An oak, where {{user}} waits.",
    "system_prompt": "Write well.\n{{original}}",
    "post_history": "Stay with {{user}}, {{char}}.{{original}}",
    "greeting": "*{{char}} lands.* Hoo, {{user}}!",
    "greetings": ["Two {{char}}.", "", "*{{char}} lands.* Hoo, {{user}}!"],
    "group_greetings": ["Hoo, {{group}}!"],
    "dialogue": "<START>\n{{user}}: Who are you?\n{{char}}: I am {{char}}.\n*hoots*\n{{user}}: Bye!\n"
    "<START>\n{{char}}: Hoo.",
}


@pytest.fixture
def long() -> Card:
    return Card.model_validate(LONG | {"expressions": defaults("Pip Featherly")})


def prompt(card: Card, turns: list[Turn], setting: Setting | None = None, budget: int = 10_000) -> list[ChatMessage]:
    return build_prompt(card, turns, budget=budget, count=counted, setting=setting or Setting())


def book(*entries: dict[str, object]) -> Callable[..., Awakened]:
    """Awakens entries of a card's book by what is said."""
    rows = [{"keys": [], "enabled": True, "insertion_order": number, **entry} for number, entry in enumerate(entries)]
    lore = Lore([Lorebook.of_card_book({"entries": rows})])
    return lambda turns: lore.awaken(turns, count=lambda text: len(text.split()), budget=1000, chance=Random(0))


TALK = said("Robin: hello", "Pip: Hoo.", "Robin: a letter?", "Pip: Yes.", "Robin: from the mill?")


# --- the samples -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GOLDEN)
def test_the_samples_prompts_are_what_they_were_to_the_byte(name: str) -> None:
    """The starter was tried with these very words; a change is a new trial, and then a new golden file."""
    card = load_persona(name, [ROOT / "personas"]).card
    turns = [
        Turn(Role.USER, "Robin", "Hi there!", 0.0),
        Turn(Role.CHARACTER, card.name, "Oh, hello!", 1.0, feeling="joy"),
        Turn(Role.USER, "Robin", "How was your day?\nMine was long.", 2.0),
        Turn(Role.USER, "Al: ex", "and me?", 3.0),
    ]
    for setting in (Setting(), Setting(user="Robin", now=datetime.now(UTC), seed=7, chat="9", lore=Awakened())):
        messages = build_prompt(card, turns, budget=100_000, count=counted, setting=setting)
        assert [[message["role"], message["content"]] for message in messages] == GOLDEN[name]


# --- the order -------------------------------------------------------------------------------------------------------


def test_a_community_card_stands_in_the_order_that_roleplayers_expect(long: Card) -> None:
    lore = book(
        {"content": "Before all.", "constant": True, "position": "before_char"},
        {"content": "After all.", "constant": True, "position": "after_char"},
    )(TALK)
    setting = Setting(lore=lore, members={"Robin": "A tall knight."})
    messages = prompt(long, TALK, setting)
    first = "You are Pip. Write only what Pip says and does, and never speak or act for anybody else."
    assert messages[0]["content"] == (
        f"Write well.\n{first}\n\nBefore all.\n\nRobin says of themselves: “A tall knight.”\n\n"
        '[Character("Pip")\n{\nMind("shy" + "kind")\nBody("small")\n}]\n\n* likes Robin\n* hates rain\n\n'
        "Pip's personality: Pip is shy.\n\nScenario: An oak, where Robin waits.\n\nAfter all."
    )
    assert [(message["role"], message["content"]) for message in messages[1:5]] == [
        ("user", "Friend: Who are you?"),
        ("assistant", "I am Pip.\n*hoots*"),
        ("user", "…"),
        ("assistant", "Hoo."),
    ]
    assert [message["content"] for message in messages[5:]] == [
        *("Robin: hello", "Hoo.", "Robin: a letter?", "Yes.", "Robin: from the mill?"),
        "Stay with Robin, Pip.",
    ]
    assert messages[-1]["role"] == "system"


def test_examples_go_first_when_space_is_short(long: Card) -> None:
    whole = counted(prompt(long, TALK)) + opening_room(long, counted)
    assert prompt(long, TALK, budget=whole) == prompt(long, TALK)
    fewer = prompt(long, TALK, budget=whole - 1)
    assert "Who are you?" in str(fewer) and len(fewer) == len(prompt(long, TALK)) - 2
    none = prompt(long, TALK, budget=whole - 18)
    assert "Who are you?" not in str(none) and "Robin: hello" in str(none) and "Stay with" in none[-1]["content"]


def test_notes_and_lore_stand_at_their_depth_in_their_role(long: Card) -> None:
    lore = book(
        {"content": "deep", "constant": True, "extensions": {"position": 4, "depth": 3, "role": 2}},
        {"content": "deeper", "constant": True, "extensions": {"position": 4, "depth": 99, "role": 1}},
        {"content": "at the end", "constant": True, "extensions": {"position": 4, "depth": 0, "role": 0}},
        {"content": "above the note", "constant": True, "extensions": {"position": 2}},
        {"content": "below the note", "constant": True, "extensions": {"position": 3}},
    )(TALK)
    noted = long.model_copy(update={"note": Note(text="{{char}} remembers.", depth=1)})
    setting = Setting(lore=lore, note=Note(text="It rains on {{user}}.", depth=2, role="system"))
    rows = [(message["role"], message["content"]) for message in prompt(noted, TALK, setting)[5:]]
    assert rows == [
        ("user", "[deeper]\nRobin: hello"),
        ("assistant", "Hoo.\ndeep"),
        ("user", "Robin: a letter?"),
        ("system", "above the note\nIt rains on Robin.\nbelow the note"),
        ("assistant", "Yes."),
        ("system", "Pip remembers."),
        ("user", "Robin: from the mill?"),
        ("system", "at the end\nStay with Robin, Pip."),
    ]


@pytest.mark.parametrize("role", ["system", "user", "assistant"])
@pytest.mark.parametrize("depth", [0, 1, 2, 3, 50])
@pytest.mark.parametrize(
    "spoken", [[], ["Robin: hi"], ["Pip: Hoo."], ["Robin: hi", "Pip: Hoo.", "Pip: Hoo!", "Al: oh"]]
)
def test_turns_are_still_taken_in_turn_wherever_a_note_stands(
    long: Card, role: str, depth: int, spoken: list[str]
) -> None:
    noted = long.model_copy(update={"note": Note.model_validate({"text": "note", "depth": depth, "role": role})})
    messages = prompt(noted, said(*spoken))
    roles = [message["role"] for message in messages]
    assert all(one != other for one, other in pairwise(roles)) and "note" in str(messages)
    spoken_by = [role for role in roles if role != "system"]
    assert (spoken_by[0], spoken_by[-1]) == ("user", "user")


def test_examples_of_the_book_are_dialogue_too(long: Card) -> None:
    lore = book(
        {"content": "{{user}}: top?\n{{char}}: Top.", "constant": True, "extensions": {"position": 5}},
        {"content": "Just prose.", "constant": True, "extensions": {"position": 6}},
    )(TALK)
    contents = [message["content"] for message in prompt(long, TALK, Setting(lore=lore))]
    assert contents[1:3] == ["Friend: top?", "Top."] and contents[7:9] == ["…", "Just prose."]


# --- stable and volatile ---------------------------------------------------------------------------------------------


def test_lore_that_keys_awaken_stands_low(long: Card) -> None:
    awaken = book({"keys": ["mill"], "content": "The mill is old."}, {"keys": ["cave"], "content": "No cave."})
    messages = prompt(long, TALK, Setting(lore=awaken(TALK)))
    assert messages[0] == prompt(long, TALK)[0]
    assert [(m["role"], m["content"]) for m in messages[-3:-1]] == [
        ("system", "The mill is old."),
        ("user", "Robin: from the mill?"),
    ]


def test_lines_that_tell_the_time_stand_low_and_dice_above_lie_still(long: Card) -> None:
    text = "{{char}} is old.\nIt is {{time}} now.\nMood: {{random::glad::sad::mad::bad}}, born on {{date}}."
    clock = long.model_copy(update={"description": text, "post_history": ""})

    def at(hour: int, seed: int) -> list[ChatMessage]:
        return prompt(clock, TALK, Setting(now=datetime(2026, 11, 22, hour, 5, tzinfo=UTC), seed=seed))

    morning, evening = at(9, 1), at(21, 2)
    assert morning[:-2] == evening[:-2] and morning[-1] == evening[-1]
    assert morning[-2]["content"] == "It is 9:05 AM now." and evening[-2]["content"] == "It is 9:05 PM now."
    assert "{{" not in str(morning) and "born on November 22, 2026" in morning[0]["content"]
    moods = {prompt(clock, [replace(TALK[0], at=float(n)), *TALK[1:]])[0]["content"] for n in range(40)}
    assert len(moods) == 4, "with another first turn the dice are thrown anew"


def test_who_speaks_last_does_not_change_the_top(long: Card) -> None:
    both = said("Robin: hello", "Pip: Hoo.", "Al: hi", "Pip: Yes.")
    robin, al = ([*both, *said(f"{name}: well?")] for name in ("Robin", "Al"))
    assert prompt(long, robin)[0] == prompt(long, al)[0]
    assert "waits" in prompt(long, al)[0]["content"] and "where Al and Robin waits" in prompt(long, al)[0]["content"]
    assert prompt(long, al)[-1]["content"] == "Stay with Al, Pip."
    scene = Setting(others=("Al",))
    assert "where Robin waits" in prompt(long, al, scene)[0]["content"]


def test_variables_last_as_long_as_they_are_kept(long: Card) -> None:
    counting = long.model_copy(update={"post_history": "{{incvar::n}}"})
    kept: dict[str, str] = {}
    assert [prompt(counting, TALK, Setting(variables=kept))[-1]["content"] for _ in range(3)] == ["1", "2", "3"]
    assert [prompt(counting, TALK)[-1]["content"] for _ in range(2)] == ["1", "1"]


# --- other texts -----------------------------------------------------------------------------------------------------


def test_greetings_are_filled_and_those_for_company_come_first_in_company(long: Card) -> None:
    macros = Macros(Known(char="Pip", user="Robin", others=("Juno",)))
    assert greetings(long, macros) == ["*Pip lands.* Hoo, Robin!", "Two Pip."]
    assert greetings(long, macros, alone=False)[0] == "Hoo, Pip, Juno!"


def test_unknown_macros_are_told(long: Card) -> None:
    odd = long.model_copy(update={"description": "{{img}} {{char}}", "post_history": "{{foo::{{bar}}}}"})
    sections = Sections(odd, TALK)
    assert sections.inserts[-1].text == "{{foo::{{bar}}}}" and sections.unknown == ["img", "bar", "foo"]


def test_a_card_without_dialogue_labels_shows_its_voice_as_the_characters(long: Card) -> None:
    prose = long.model_copy(update={"dialogue": "Hoo hoo, says the owl.\n\nAnd again."})
    assert [m["content"] for m in stable(prose)[1:]] == ["…", "Hoo hoo, says the owl.\n\nAnd again."]
    for odd in ("<START>", "<START>\n<start>\n\n", "{{user}}: only a question"):
        assert len(stable(long.model_copy(update={"dialogue": odd}))) == 1
