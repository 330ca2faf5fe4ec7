"""What the reader is taught: every line with those before it, and messages with what a listener would feel."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from emotion.appraisal import appraise
from emotion.dialogue import parse
from emotion.labels import EMOTIONS, INDEX
from emotion.training.corpus import NAMES, Corpus
from emotion.training.examples import Script, answers, examples, messages, renamed, scripts, shares
from emotion.training.reader import DIALOGUES
from emotion.window import Heard

PLAY = """== quarrel · Pip, a ghost
Jo: hey pip, you broke it | annoyance -> sadness, annoyance
Pip: It was broken already, Jo. | sadness -> sadness
Jo: oh. sorry | remorse -> relief, caring, joy
"""


@pytest.fixture
def script() -> Script:
    return Script("quarrels", parse(PLAY)[0])


def test_a_line_is_read_with_those_before_it(script: Script) -> None:
    found = examples(script)
    assert [len(example.window) for example in found] == [1, 2, 3]
    assert found[0].window == [Heard("hey you, you broke it", own=False, name="Jo")]
    assert found[2].window[1] == Heard("It was broken already, Jo.", own=True, name="Pip")
    assert [EMOTIONS[example.felt.argmax()] for example in found] == ["sadness", "sadness", "relief"]


def test_the_first_label_weighs_most() -> None:
    for felt in (["joy"], ["joy", "love"], ["joy", "love", "pride"]):
        weights = shares(felt)
        assert weights.sum() == pytest.approx(1)
        assert weights[[INDEX[label] for label in felt]].tolist() == sorted(weights[weights > 0], reverse=True)


def test_who_is_judged_on_depends_on_the_name_alone(script: Script) -> None:
    other = replace(script, theme="grief", dialogue=replace(script.dialogue, kind="grief", lines=()))
    assert script.held_out == other.held_out
    written = scripts(DIALOGUES)
    assert 0.15 < sum(each.held_out for each in written) / len(written) < 0.25


def test_a_folder_of_scripts_is_read_in_the_order_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "w2_good_news.txt").write_text(PLAY, encoding="utf-8")
    (tmp_path / "grief.txt").write_text(PLAY, encoding="utf-8")
    assert [each.theme for each in scripts(tmp_path)] == ["grief", "good news"]


def test_a_listener_answers_as_the_table_says_until_dialogues_say_otherwise(script: Script) -> None:
    table = answers([])
    for emotion in EMOTIONS:
        said = [float(name == emotion) for name in EMOTIONS]
        assert table[INDEX[emotion]].tolist() == pytest.approx(appraise(said), abs=1e-6)
    taught = answers([script.dialogue] * 50)
    torch.testing.assert_close(taught.sum(1), torch.ones(len(EMOTIONS)))
    assert EMOTIONS[taught[INDEX["remorse"]].argmax()] == "relief"
    assert torch.equal(taught[INDEX["grief"]], table[INDEX["grief"]])  # nobody said it
    assert torch.equal(taught[INDEX["sadness"]], table[INDEX["sadness"]])  # only the character did


def test_messages_are_felt_by_a_listener_or_by_who_says_them() -> None:
    truth = torch.zeros(2, len(EMOTIONS))
    truth[0, INDEX["gratitude"]] = truth[1, INDEX["neutral"]] = 1
    found = messages(Corpus(["thanks", "the door is red"], truth), answers([]), 200, random.Random(0), 0.5)
    assert len(found) == 200
    assert {example.weight for example in found} == {0.5}
    felt = {(e.window[0].text, e.window[0].own, EMOTIONS[e.felt.argmax()]) for e in found}
    assert felt == {
        ("thanks", False, "joy"),
        ("thanks", True, "gratitude"),
        ("the door is red", False, "neutral"),
        ("the door is red", True, "neutral"),
    }


def test_others_get_other_names_wherever_they_are_named(script: Script) -> None:
    example = examples(script)[2]
    named = replace(example, window=[replace(turn, name="Jolyon") if not turn.own else turn for turn in example.window])
    named.window[1] = replace(named.window[1], text="It was broken already, Jolyon.")
    first, own, last = renamed(named, random.Random(1)).window
    assert first.name == last.name in NAMES
    assert own == Heard(f"It was broken already, {first.name}.", own=True, name="Pip")
    assert first.text == "hey you, you broke it"
