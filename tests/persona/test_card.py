from pathlib import Path

import pytest

from persona.card import BASE_FILE, CARD_FILE, PersonaError, check, load_persona
from persona.expression import EMOTION_NAMES
from persona.tomlfile import TomlError

CARD = """
name = "Pip"
description = "A tiny owl."

[sampler]
temperature = 0.7

[[examples]]
user = "Hi!"
reply = "Hoo! Hello."

[expressions.neutral]
emotions = ["neutral"]
prompt = "calm face"

[expressions.joy]
emotions = { joy = 1.0, amusement = 0.5 }
prompt = "smiling face"
manner = "Pip hoots with laughter."
sampler = { temperature = 1, top_k = 40 }
"""


def folder(root: Path, slug: str = "pip", card: str = CARD, base: bool = True) -> Path:
    here = root / slug
    here.mkdir(parents=True)
    (here / CARD_FILE).write_text(card)
    if base:
        (here / BASE_FILE).write_bytes(b"a picture; this room never opens it")
    return here


def said(root: Path, card: str) -> list[str]:
    here = folder(root, card=card)
    with pytest.raises(TomlError) as caught:
        load_persona("pip", [root])
    return [str(problem).removeprefix(f"{here / CARD_FILE}, ") for problem in caught.value.problems]


def test_the_labels_are_those_of_the_emotion_room() -> None:
    labels = pytest.importorskip("emotion.labels", reason="the emotion room is not built yet")
    assert set(labels.EMOTIONS) == EMOTION_NAMES


def test_a_folder_becomes_a_persona_by_slug_and_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = folder(tmp_path / "personas")
    monkeypatch.chdir(tmp_path)
    by_slug = load_persona("PIP", [Path("personas")])
    assert by_slug.slug == "pip" and by_slug.card.name == "Pip" and by_slug.mask is None
    assert load_persona("personas/pip", []).card == load_persona(str(here), []).card == by_slug.card


def test_emotions_may_be_a_list_or_a_table_of_weights(tmp_path: Path) -> None:
    folder(tmp_path)
    expressions = load_persona("pip", [tmp_path]).card.expressions
    assert expressions["neutral"].emotions == {"neutral": 1.0}
    assert expressions["joy"].emotions == {"joy": 1.0, "amusement": 0.5}


def test_a_sampler_wishes_what_was_written_and_nothing_else(tmp_path: Path) -> None:
    folder(tmp_path)
    card = load_persona("pip", [tmp_path]).card
    assert card.sampler.wishes() == {"temperature": 0.7}
    assert card.expressions["joy"].sampler.wishes() == {"temperature": 1.0, "top_k": 40}
    assert card.expressions["neutral"].sampler.wishes() == {}


def test_an_unknown_persona_is_told_with_the_known_ones(tmp_path: Path) -> None:
    folder(tmp_path, "pip")
    folder(tmp_path, "bram")
    with pytest.raises(PersonaError, match=r"^there is no persona 'zoe'; known are: bram, pip$"):
        load_persona("zoe", [tmp_path, tmp_path / "nowhere"])
    with pytest.raises(PersonaError, match=r"^there is no persona ''; known are: none$"):
        load_persona("", [])


def test_a_missing_picture_or_card_is_a_sentence(tmp_path: Path) -> None:
    folder(tmp_path, base=False)
    with pytest.raises(PersonaError, match=r"pip has no base\.png; put the character's portrait there as a PNG$"):
        load_persona("pip", [tmp_path])
    with pytest.raises(PersonaError, match=r"has no persona\.toml; docs/personas\.md shows how to write one$"):
        load_persona(str(tmp_path), [])


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('["neutral"]', '["happy"]', "line 13, column 13: [expressions.neutral] emotions.happy: "
         "expected one of the 28 GoEmotions labels, got 'happy'"),
        ('["neutral"]', '["anoyance"]', "line 13, column 13: [expressions.neutral] emotions.anoyance: "
         "expected one of the 28 GoEmotions labels, got 'anoyance'; did you mean annoyance?"),
        ('["neutral"]', '"happy"', "line 13, column 12: [expressions.neutral] emotions: "
         "expected a list of emotion names or a table of emotion = weight, got 'happy'"),
        ('["neutral"]', '["joy", "joy"]', "line 13, column 12: [expressions.neutral] emotions: "
         "expected each emotion once, got joy twice"),
        ("amusement = 0.5", "amusement = -1", "line 17, column 37: [expressions.joy] emotions.amusement: "
         "expected 0 or more, got -1"),
        ("amusement = 0.5", "amusement = nan", "line 17, column 37: [expressions.joy] emotions.amusement: "
         "expected a finite number, got nan"),
        ("top_k = 40", "top_k = -1", "line 20, column 38: [expressions.joy] sampler.top_k: "
         "expected 0 or more (keep this many of the likeliest words, 0 = all), got -1"),
        ("temperature = 0.7", 'temperature = "hot"', "line 6, column 15: [sampler] temperature: "
         "expected a number (0 = always the likeliest word, 1 = as learnt), got 'hot'"),
        ('reply = "Hoo! Hello."', 'reply = " "', "line 10, column 9: [[examples]] reply: "
         "expected some text, got only blanks"),
        ('reply = "Hoo! Hello."', "", "line 8: [[examples]] reply: missing; expected what the character answers"),
        ('"Pip"', '"Pip\\nRobin"', "line 2, column 8: name: expected one line without control characters"),
        ('"Pip"', '""', "line 2, column 8: name: expected 1 or more characters "
         "(the character's name, 1 to 80 characters), got ''"),
        ("expressions.joy", 'expressions."../joy"', 'line 16: [expressions."../joy"]: '
         "expected a name of at most 40 letters, digits, blanks and hyphens"),
        ("[sampler]", "[note]\ntext = 'Be kind.'\ndepth = -1\n[sampler]", "line 7, column 9: [note] depth: "
         "expected 0 or more (how many messages above the end; 0 = behind the newest), got -1"),
        ("expressions.neutral", "expressions.calm", "line 1: expected a table [expressions.neutral] "
         "for the neutral face; there are: calm, joy"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_card_names_line_key_and_expectation(
    tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    assert said(tmp_path, CARD.replace(old, new, 1)) == [sentence]


def test_check_lists_every_mistake_and_the_missing_picture(tmp_path: Path) -> None:
    here = folder(tmp_path, card=CARD.replace("0.7", "9").replace("smiling face", " "), base=False)
    assert [problem.line for problem in check(here)] == [6, 18, 0]
    assert [problem.line for problem in check(here / CARD_FILE)] == [6, 18, 0]
    assert "there is no persona.toml here" in str(check(tmp_path)[0])


def test_check_finds_nothing_wrong_with_a_sound_folder(tmp_path: Path) -> None:
    assert check(folder(tmp_path)) == []
