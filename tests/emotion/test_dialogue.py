"""Play scripts: read as written, refused with the place; and every script in the house can be read."""

from pathlib import Path

import pytest

from emotion.dialogue import Dialogue, Line, ScriptError, parse, read

HOUSE = Path(__file__).parents[2]
SCRIPTS = sorted([*HOUSE.glob("emotion/dialogues/*.txt"), *HOUSE.glob("bench/dialogues/*.txt")])

GRIEF = """
# from the inn
== grief · Tamsin, a cheerful innkeeper, never in a hurry
Jo: the vet called: Biscuit didn't make it | grief -> sadness, caring

Tamsin: Oh, Jo. | sadness -> sadness
== small talk · Al
Jo: a || b | -> neutral
"""


def test_a_script_is_read_as_written() -> None:
    grief, talk = parse(GRIEF)
    assert grief == Dialogue(
        "grief",
        "Tamsin",
        "a cheerful innkeeper, never in a hurry",
        (
            Line("Jo", "the vet called: Biscuit didn't make it", False, ("grief",), ("sadness", "caring")),
            Line("Tamsin", "Oh, Jo.", True, ("sadness",), ("sadness",)),
        ),
    )
    assert (talk.character, talk.about) == ("Al", "")
    assert talk.lines == (Line("Jo", "a || b", False, (), ("neutral",)),)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Jo: hi | neutral -> neutral", "line 1: a dialogue must begin"),
        ("== grief", "line 1: expected “== kind"),
        ("== a · B\nJo: hi", "line 2: expected “Name: text"),
        ("== a · B\nJo: hi | neutral ->", "line 2: say what B feels"),
        ("== a · B\nJo: hi | happy -> joy", "line 2: 'happy' is none of the 28"),
        ("== a · B\nhi | joy -> joy", "line 2: expected “Name: text"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, place: str) -> None:
    with pytest.raises(ScriptError, match=place):
        parse(text, "play.txt")


@pytest.mark.parametrize("script", SCRIPTS, ids=[script.stem for script in SCRIPTS])
def test_every_script_of_the_house_can_be_read(script: Path) -> None:
    dialogues = read(script)
    assert dialogues
    for dialogue in dialogues:
        assert len(dialogue.lines) >= 2, dialogue
        assert any(not line.own for line in dialogue.lines), dialogue
