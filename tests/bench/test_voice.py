"""What the voice's benchmarks say of what they found."""

from pathlib import Path

from bench.directions import PAIRS, Heard, page
from bench.voice import SCRIPTS, Tally
from persona.card import load_persona

ROOT = Path(__file__).parents[2]


def test_the_report_shows_both_replies_and_counts_the_pairs_that_differ() -> None:
    card = load_persona("bram", [ROOT / "personas"]).card
    opening = card.expressions["anger"].opens[0]
    angry = Heard("anger", f"{opening} Go | away.", opening, own=0.8, other=0.1, strongest="anger 0.80")
    calm = Heard("caring", "Stay.", "", own=0.5, other=0.2, strongest="caring 0.50")
    cold = Heard("caring", "Stay.", "", own=0.1, other=0.2, strongest="anger 0.20")
    text = "\n\n".join(page([(card, "Hm?", calm, angry), (card, "Hm!", cold, angry)], count=4, eye=[2]))
    assert "1 of 2 by the classifier's reading, 1 of 2 by a reader's eye." in text
    assert f"*{opening}* Go \\| away." in text and "0.80 / 0.10" in text
    assert card.rubric("anger") in text and card.expressions["caring"].manner in text
    first, second = text.split("## 2.")
    assert "they differ. A reader: not as configured." in first
    assert "do not both sound like their direction. A reader: they differ." in second


def test_the_pairs_are_of_expressions_that_the_cards_have() -> None:
    for slug, _, *directions in PAIRS:
        card = load_persona(slug, [ROOT / "personas"]).card
        assert len(directions) == 2 and set(directions) <= card.expressions.keys()
    assert len(PAIRS) == 10 and {slug for slug, *_ in PAIRS} == {"marigold", "bram", "juno"}


def test_faults_are_counted_for_a_hundred_replies() -> None:
    tally = Tally(replies=4, agreements=[0.5, 0.7], insults=2, sorry=1, seconds=8.0)
    tally.faults.update(["name", "name", "echoes"])
    figures = tally.figures("one")
    assert figures["one_faults_per_100"] == 75.0 and figures["one_faults"] == "name 2, echoes 1"
    assert (figures["one_agreement"], figures["one_seconds_per_reply"]) == (0.6, 2.0)
    assert Tally().figures("none")["none_faults"] == "none"
    assert sum(len(messages) for _, messages in SCRIPTS) >= 30
