"""Who speaks next in a scene."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona.card import load_persona
from persona.scene import Player, Scene, names, words_of

ROOT = Path(__file__).resolve().parents[2]
ANNA = Player("anna", (*words_of("Anna the Brave"), "the cook"))
BORIS = Player("boris", tuple(words_of("Борис")))
MING = Player("ming", tuple(words_of("小明")))
MARI = Player("mari", tuple(words_of("마리")))
ZOE = Player("zoe", tuple(words_of("Zoë")))
SCENE = Scene((ANNA, BORIS, MING, MARI, ZOE), replies=5)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Hello everybody", []),
        ("ANNA, Борис!", ["anna", "boris"]),
        ("борис и Anna's cat", ["boris", "anna"]),
        ("Johanna and Annabel", []),
        ("is the brave one here?", ["anna"]),
        ("the end", []),
        ("where is the cook, zoe\u0308?", ["anna", "zoe"]),
        ("你好小明，今天怎么样", ["ming"]),
        ("我喜欢Anna的饼", ["anna"]),
        ("마리가 왔다", ["mari"]),
        ("다마리", []),
        ("Zoe", []),
        ("*Zoë*", ["zoe"]),
        ("Ａｎｎａ", ["anna"]),
        ("Борисов", []),
    ],
)
def test_names_are_heard_as_words_in_every_script_and_in_their_order(text: str, named: list[str]) -> None:
    assert SCENE.named(text) == named


def test_a_name_is_a_word_of_its_own_in_any_form() -> None:
    assert names("¿Marigold? 🧁", ["marigold"]) and names("marigold's muffins", ["Marigold"])
    assert not names("Marigoldă", ["marigold"]) and not names("xmarigold", ["marigold"])


def test_a_name_gives_its_words_but_not_those_of_everybody() -> None:
    assert list(words_of("Anna the Brave")) == ["Anna the Brave", "anna", "brave"]
    assert list(words_of("Dr. Jo von Stein")) == ["Dr. Jo von Stein", "stein"]
    assert list(words_of(" ")) == []


def test_a_card_is_called_by_its_name_its_nickname_its_folder_and_its_words() -> None:
    persona = load_persona("marigold", [ROOT / "personas"])
    card = persona.card.model_copy(update={"nickname": "Goldie Locks", "words": ["baker"], "talkativeness": 0.9})
    player = Player.of(replace(persona, card=card))
    assert player.talkativeness == 0.9
    assert all(names(text, player.names) for text in ("goldie?", "Marigold!", "a BAKER.", "locks"))
    assert not names("bakery", player.names)


def test_those_who_are_named_answer_in_order_whatever_chance_says() -> None:
    for seed in range(50):
        assert SCENE.answering("Zoë, tell Anna!", Random(seed))[:2] == ("zoe", "anna")


def test_a_reply_to_a_character_asks_that_character_first() -> None:
    for seed in range(50):
        assert SCENE.answering("and you, Anna?", Random(seed), asked="boris")[:2] == ("boris", "anna")


def test_talkativeness_is_how_often_somebody_speaks_unasked() -> None:
    players = (Player("often", ("x",), 0.9), Player("never", ("y",), 0.0), Player("seldom", ("z",), 0.2))
    spoken = [slug for seed in range(2000) for slug in Scene(players).answering("hm", Random(seed))]
    assert spoken.count("never") == 0
    assert 1780 < spoken.count("often") < 1960  # 0.9, and half of the 0.08 where nobody would
    assert 380 < spoken.count("seldom") < 560
    assert all(Scene(players).answering("hm", Random(seed)) for seed in range(200)), "somebody always answers"


def test_a_single_character_always_answers_and_several_silent_ones_only_when_asked() -> None:
    silent = Player("mute", ("Mute",), 0.0)
    assert Scene((silent,)).answering("hello", Random(1)) == ("mute",)
    two = Scene((silent, Player("deaf", ("Deaf",), 0.0)))
    assert two.answering("hello", Random(1)) == ()
    assert two.answering("hello, Deaf", Random(1)) == ("deaf",)


def test_a_line_calls_on_those_it_names_before_those_who_wait() -> None:
    assert SCENE.after("What do you say, Zoë?", "anna", ("boris", "zoe"), 1) == ("zoe", "boris")
    assert SCENE.after("Anna is tired.", "anna", (), 1) == ()
    assert SCENE.after("Nothing.", "anna", ("boris", "left town"), 1) == ("boris",)
    assert SCENE.after("Zoë? Boris?", "anna", ("boris",), 5) == ()


lines = st.lists(st.sampled_from(["anna", "Борис", "小明", "마리", "Zoë", "and", "the", "cook", "…"])).map(" ".join)


@given(lines, st.lists(lines, min_size=12, max_size=12), st.integers(0, 2**32), st.integers(1, 10), st.data())
def test_a_scene_ends_alternates_and_is_the_same_again(
    message: str, said: list[str], seed: int, replies: int, data: st.DataObject
) -> None:
    """Whatever is said, by whomever: at most `replies` lines, nobody twice in a row, everybody of the scene."""
    scene = Scene(SCENE.players[: data.draw(st.integers(1, 5))], replies)
    asked = data.draw(st.sampled_from([None, *(player.slug for player in scene.players)]))

    def play() -> list[str]:
        spoken: list[str] = []
        queue = scene.answering(message, Random(seed), asked)
        while queue:
            speaker, *waiting = queue
            spoken.append(speaker)
            queue = scene.after(said[len(spoken)], speaker, waiting, len(spoken))
        return spoken

    spoken = play()
    assert spoken == play()
    assert 1 <= len(spoken) <= replies
    assert all(first != second for first, second in pairwise(spoken))
    assert set(spoken) <= {player.slug for player in scene.players}
    if asked:
        assert spoken[0] == asked


@given(st.text(), st.text(min_size=1))
def test_no_text_and_no_name_is_too_strange(text: str, name: str) -> None:
    player = Player("it", tuple(words_of(name)))
    assert Scene((player, ANNA)).named(text) in ([], ["it"], ["anna"], ["it", "anna"], ["anna", "it"])
