"""What the bench reckons from readings: top-1, calm and jolts, on dialogues whose answers are known beforehand."""

from pathlib import Path

import numpy as np
import pytest

from bench.feel_quality import calm, context, interval, jolts
from bench.felt import JUDGED_ON, Scene, cards, changes, faces, fitting
from emotion.dialogue import Dialogue, Line, read
from emotion.labels import EMOTIONS
from emotion.mood import Mood, Reading
from emotion.motion import MoodSettings

SETTINGS = MoodSettings()


def only(emotion: str) -> tuple[float, ...]:
    return tuple(float(name == emotion) for name in EMOTIONS)


def scene(kind: str, *felt: str, said: str = "neutral") -> Scene:
    """Words that all sound alike, and a reader who is sure of what the script says; members only."""
    lines = tuple(Line("Ann", f"line {number}", False, (said,), (name,)) for number, name in enumerate(felt))
    return Scene(Dialogue(kind, "Juno", "", lines), [Reading(only(said), only(name)) for name in felt])


def test_only_who_hears_what_came_before_is_right_about_sarcasm() -> None:
    sarcastic = [scene("sarcasm", "neutral", "annoyance", said="gratitude")] * 3
    plain = [scene("thanks", "neutral", "gratitude", said="gratitude")]
    figures = context([*sarcastic, *plain], SETTINGS)
    assert str(figures["context_last_message"]).startswith("25.0 ")
    assert str(figures["context_reader"]).startswith("100.0 ")
    assert str(figures["context_mood"]).startswith("100.0 ")
    assert str(figures["context_mood_above_last_message"]).startswith("75.0 ")
    assert figures["context of sarcasm (3)"] == "last_message 0, appraised 0, reader 100, mood 100"


def test_an_interval_holds_the_mean_and_shrinks_with_more_dialogues() -> None:
    few, many = interval([0.0, 1.0] * 10), interval([0.0, 1.0] * 1000)
    assert few[0] < many[0] < 50 < many[1] < few[1]
    assert interval([1.0] * 20) == (100, 100)


def test_a_log_in_which_nothing_is_felt_changes_nothing() -> None:
    figures = calm([scene("calm", *["neutral"] * 50, said="neutral")], SETTINGS)
    assert figures["calm_turns"] == 50
    assert {v for k, v in figures.items() if k.endswith("per_3_turns")} == {0}


def test_a_nervous_log_is_counted() -> None:
    figures = calm([scene("calm", *["anger", "joy"] * 25)], MoodSettings(reader=1, jolt=1, margin=0, reserve=0))
    assert figures["calm_leading_changes_per_3_turns"] == pytest.approx(3 * 49 / 50)
    assert figures["calm_leading_worst"] == "2.94 in a log, 3 in 3 turns"


def test_a_jolt_counts_where_it_turns_to_what_fits() -> None:
    right, wrong = scene("jolt", *["neutral"] * 4, "fear"), scene("jolt", *["neutral"] * 4, "joy")
    line = wrong.lines[-1]
    mistaken = Scene(
        Dialogue("jolt", "Juno", "", (*wrong.lines[:-1], Line(line.name, line.text, False, (), ("grief",)))),
        wrong.readings,
    )
    figures = jolts([right, mistaken], MoodSettings(reader=1))
    assert figures["jolts_leading_changed"] == figures["jolts_marigold_changed"] == 1
    assert figures["jolts_leading_rightly"] == figures["jolts_marigold_rightly"] == 0.5


def test_an_expression_fits_the_emotions_that_lead_to_it_most() -> None:
    card = cards()["marigold"]
    assert fitting(card, ["disapproval"]) == {"anger"}
    assert fitting(card, ["joy", "fear"]) == {"joy", "fear"}


def test_faces_begin_neutral_and_stay_where_nothing_outweighs_them() -> None:
    card = cards()["marigold"]
    torn = Mood(tuple(np.mean([only("joy"), only("neutral")], axis=0)), "joy")
    moods = [Mood.neutral(), torn, Mood(only("joy"), "joy"), torn, Mood(only("fear"), "fear")]
    lines = [Line("Juno" if number == 4 else "Ann", "", number == 4, (), ("joy",)) for number in range(5)]
    assert faces(card, moods, lines) == ["neutral", "neutral", "joy", "joy", "joy"], "its own words change no face"


def test_changes_are_counted_between_neighbours() -> None:
    assert changes(["a", "a", "b", "b", "a"]) == 2
    assert changes(["a"]) == changes([]) == 0


@pytest.mark.parametrize("file", sorted(JUDGED_ON.glob("*.txt")), ids=lambda file: file.stem)
def test_the_dialogues_to_judge_by_can_be_read(file: Path) -> None:
    written = read(file)
    assert written and all(len(one.lines) >= 3 for one in written)
    assert all(not one.lines[-1].own for one in written) or file.stem == "calm"


def test_nobody_is_judged_on_a_dialogue_that_is_learned_from() -> None:
    """Neither character nor any longer line stands in both."""
    folder = JUDGED_ON.parents[1] / "emotion" / "dialogues"
    learned = [one for file in folder.glob("*.txt") for one in read(file)]
    judged = [one for file in JUDGED_ON.glob("*.txt") for one in read(file)]
    said = [{line.text.casefold() for one in written for line in one.lines} for written in (learned, judged)]
    assert not [text for text in said[0] & said[1] if len(text.split()) > 5]
