"""Dialogue lines become training material, whole dialogues on one side or the other."""

from pathlib import Path

from emotion.labels import INDEX
from emotion.training.lines import FOLDER, lines

DIALOGUE = "== kind · Mira, a guide\nJo: line {n} *waves* | joy, love -> joy\nMira: hm | neutral -> joy\n"


def test_every_fifth_dialogue_is_kept_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n".join(DIALOGUE.format(n=n) for n in range(1, 11)), encoding="utf-8")
    learned, kept = lines(tmp_path)
    assert kept.texts == ["line 5 waves", "hm", "line 10 waves"]
    assert len(learned) == 8 + 1  # "hm" is one text
    assert learned.truth[0].nonzero().flatten().tolist() == [INDEX["joy"], INDEX["love"]]


def test_the_dialogues_written_here_hold_every_emotion() -> None:
    learned, kept = lines(FOLDER)
    assert len(learned) > 3 * len(kept) > 0
    assert (learned.truth.sum(0) > 20).all()
