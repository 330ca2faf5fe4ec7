"""`mien persona budget`: who spends the tokens of a prompt."""

import json
from pathlib import Path

import pytest

from bot.cli import main
from inference.loader import words_of
from inference.tokens import Tokens
from persona.card import load_persona
from persona.prompt import build_prompt, opening_room
from persona.sections import Sections
from persona.setting import Setting
from persona.spending import Fate, spending
from tests.persona.talk import counted, said

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def at_home(tmp_path: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without settings; the converted starter is there already."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "cache").symlink_to(model_cache)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_rows_add_up_to_the_prompt(model_cache: Path) -> None:
    tokens = Tokens(words_of("starter", model_cache))
    turns = said("Robin: Hello there!", "Pip: Hoo.", "Robin: Well?")
    card = load_persona("marigold", [ROOT / "personas"]).card.model_copy(
        update={
            "personality": "Kind to {{user}}.",
            "post_history": "Be {{img}}.",
            "dialogue": "{{char}}: Hi.\n<START>\nHo.",
        }
    )

    def count(messages: list) -> int:  # type: ignore[type-arg]
        return len(tokens.prompt(messages))

    found = spending(card, budget=4000, count=count, turns=turns, setting=Setting(members={"Robin": "A knight."}))
    messages = build_prompt(card, turns, budget=4000, count=count, setting=Setting(members={"Robin": "A knight."}))
    assert sum(row.tokens for row in found.rows) == count(messages) + opening_room(card, count)
    assert found.left == 4000 - count(messages) - opening_room(card, count) and found.unknown == ("img",)
    fates = {row.what: row.fate for row in found.rows}
    assert {"system prompt", "members", "description", "personality", "post-history instructions"} <= fates.keys()
    assert [what for what, fate in fates.items() if fate is Fate.FIRST] == ["examples (6)", "dialogue (2)"]
    assert fates["conversation"] is Fate.SECOND


def test_the_picture_has_a_line_for_each_part(at_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["persona", "budget", "marigold"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Marigold: 4,096 tokens for a prompt and its reply"
    assert any(line.startswith("  description ") and "%" in line and "▎" in line for line in lines)
    assert any(line.endswith("goes first when space is short") for line in lines)
    assert lines[-1].startswith("  left for the conversation")


def test_too_little_room_says_so(at_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["persona", "budget", "marigold", "--tokens", "500"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("so examples are left out")
    assert main(["persona", "budget", "marigold", "--tokens", "260", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["left"] < 0 and told["context"] == 260 and {"what", "tokens", "fate", "share"} == told["rows"][0].keys()
    assert main(["persona", "budget", "marigold", "--tokens", "100"]) == 2
    assert "100 tokens leave none beside a reply of 220" in capsys.readouterr().err


def test_a_brief_card_counts_its_closing_sentence() -> None:
    card = load_persona("juno", [ROOT / "personas"]).card
    found = spending(card, budget=1000, count=counted)
    assert [row.what for row in found.rows][:5] == [
        *("system prompt", "description", "voice", "scenario", "closing sentence")
    ]
    assert Sections(card).is_brief
