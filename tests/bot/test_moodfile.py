"""`mien mood`: a picture from the state folder alone, and one sentence where there is nothing to draw."""

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from bot.cli import main
from bot.history import History, channel_number
from emotion.labels import EMOTIONS
from emotion.mood import Mood, Reading
from persona.turn import Role, Turn

NOTHING_READ = Reading((0.0,) * 28, Mood.neutral().weights)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIEN_BOT__STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MIEN_BOT__PERSONAS", str(Path(__file__).parents[2] / "personas"))
    return tmp_path / "state"


def felt(state: Path, channel: str, persona: str, *leading: str, ago: float = 0.0) -> None:
    """Replies of a persona in a channel, each with its mood."""

    async def keep() -> None:
        async with History(state / "mien.sqlite") as history:
            for name in leading:
                turn = Turn(Role.CHARACTER, persona.title(), "Hm.", time.time() - ago, feeling="joy")
                turn = replace(turn, id=await history.remember(channel_number(channel), persona, turn))
                mood = Mood(tuple(float(emotion == name) for emotion in EMOTIONS), name, turn.at)
                await history.keep_reading(turn, NOTHING_READ, mood)

    asyncio.run(keep())


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["mood", "--out", "mood.png", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == "" and len(said.err.strip().splitlines()) == 1 and not Path("mood.png").exists()
    return said.err


def test_a_channel_is_drawn_in_either_theme(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    felt(state, "kitchen", "marigold", "joy", "love")
    for theme, ground in (("dark", (37, 38, 46)), ("light", (255, 255, 255))):
        assert main(["mood", "--channel", "kitchen", "--out", f"{theme}.png", "--theme", theme]) == 0
        with Image.open(f"{theme}.png") as picture:
            assert picture.convert("RGB").getpixel((600, 12)) == ground
        assert Path(f"{theme}.png").stat().st_size < 150_000
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "dark.png: Marigold feels love. In the last 2 turns: joy, then love. Faces worn: joy."
    main(["mood", "--channel", "kitchen", "--out", "mood.png", "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert (answer["out"], answer["persona"], answer["leading"]) == ("mood.png", "marigold", "love")


def test_silence_since_then_has_calmed_it(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    felt(state, "123456789", "marigold", "anger", ago=30 * 24 * 3600)
    assert main(["mood", "--channel", "123456789", "--out", "mood.png"]) == 0
    assert capsys.readouterr().out.startswith("mood.png: Marigold is calm. In the last turn: anger.")


def test_whoever_spoke_there_last_is_drawn_unless_another_is_named(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    felt(state, "deck", "marigold", "joy")
    felt(state, "deck", "juno", "curiosity")
    for extra, name in (([], "Juno feels curiosity"), (["--persona", "marigold"], "Marigold feels joy")):
        assert main(["mood", "--channel", "deck", "--out", "mood.png", *extra]) == 0
        assert name in capsys.readouterr().out
    Path("mood.png").unlink()
    assert "Bram never spoke in the channel 'deck'; there spoke: juno, marigold." in refused(
        capsys, "--channel", "deck", "--persona", "bram"
    )


def test_what_is_not_there_is_one_sentence(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"Nothing was ever said in {state}" in refused(capsys, "--channel", "kitchen")
    assert not state.exists(), "looking leaves nothing behind"
    felt(state, "kitchen", "marigold", "joy")
    for name in ("cellar", "", "9" * 30, "9" * 5_000, "-1", "\udcff"):
        assert "Nothing was said in the channel" in refused(capsys, f"--channel={name}")
    assert "nobody" in refused(capsys, "--channel", "kitchen", "--persona", "nobody")
