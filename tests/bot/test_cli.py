"""The command line: what goes wrong is one sentence, exit status 2 and no traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from bot.cli import main

CARD = """
name = "Tess"
description = "You are a tester."
[expressions.neutral]
emotions = ["neutral"]
prompt = "calm"
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own working folder and state, so that no mien.toml of this machine counts."""
    roots = Path(__file__).parents[2] / "personas"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIEN_BOT__STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MIEN_BOT__PERSONAS", f"{tmp_path / 'personas'},{roots}")
    monkeypatch.delenv("DISCORD_TOKEN", raising=False)
    return tmp_path


def persona(folder: Path, card: str = CARD, size: int = 64) -> Path:
    """A small persona folder with a portrait of one colour."""
    folder.mkdir(parents=True)
    (folder / "persona.toml").write_text(card)
    Image.new("RGB", (size, size), "teal").save(folder / "base.png")
    return folder


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that must be refused; returns its sentence."""
    assert main(list(arguments)) == 2
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.strip().splitlines()
    assert len(lines) == 1, said.err
    assert lines[0].startswith("mien: ") and "Traceback" not in said.err
    return lines[0]


def test_an_unknown_persona_is_told_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert "marigold" in refused(capsys, "say", "hi", "--persona", "nobody")


@pytest.mark.parametrize("text", ["", "   \n"])
def test_an_empty_message_is_refused(capsys: pytest.CaptureFixture[str], text: str) -> None:
    assert "empty" in refused(capsys, "say", text, "--persona", "marigold")


def test_a_hundred_thousand_characters_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "100,000" in refused(capsys, "say", "x" * 100_000, "--persona", "marigold")


def test_broken_toml_names_file_and_line(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    folder = persona(home / "broken", CARD + "\nvoice = ")
    assert "persona.toml, line 8" in refused(capsys, "say", "hi", "--persona", str(folder))


def test_an_unknown_key_is_named_with_its_line(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    folder = persona(home / "odd", CARD + "voise = 3\n")
    said = refused(capsys, "say", "hi", "--persona", str(folder))
    assert "line 7" in said and "voise" in said


def test_a_missing_base_picture_is_named(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    folder = persona(home / "faceless")
    (folder / "base.png").unlink()
    assert "base.png" in refused(capsys, "paint", "--persona", str(folder), "--expression", "neutral", "--out", "x.png")


def test_a_mask_of_another_size_is_refused(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    folder = persona(home / "masked")
    Image.new("L", (32, 32), 255).save(folder / "mask.png")
    said = refused(capsys, "paint", "--persona", str(folder), "--expression", "neutral", "--out", "x.png")
    assert "mask.png" in said and "32" in said and "64" in said


def test_a_picture_that_is_no_picture_is_refused(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    folder = persona(home / "fake")
    (folder / "base.png").write_text("I am a picture, honestly.")
    assert "base.png" in refused(capsys, "paint", "--persona", str(folder), "--expression", "neutral", "--out", "x.png")


def test_an_expression_that_the_card_lacks_is_told_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "paint", "--persona", "marigold", "--expression", "hunger", "--out", "x.png")
    assert "hunger" in said and "joy" in said


def test_a_missing_language_model_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_MODEL__NAME", "/nowhere/model")
    assert "/nowhere/model" in refused(capsys, "say", "hi", "--persona", "marigold")


def test_a_missing_painter_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_FACE__MODEL", "/nowhere/painter")
    said = refused(capsys, "paint", "--persona", "marigold", "--expression", "joy", "--out", "x.png")
    assert "/nowhere/painter" in said


def test_a_setting_that_does_not_exist_is_named(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    (home / "mien.toml").write_text("[gpu]\nthread = 2\n")
    said = refused(capsys, "feel")
    assert "mien.toml, line 2" in said and "thread" in said


@pytest.mark.parametrize("arguments", [[], ["dance"], ["say"], ["paint", "--persona", "marigold"]])
def test_a_wrong_command_line_is_one_sentence(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_persona_check_names_each_mistake_and_passes_the_sound(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    sound, broken = persona(home / "sound", size=256), persona(home / "odd", "name = 3\n")
    Image.new("L", (256, 256), 255).save(sound / "mask.png")
    assert main(["persona", "check", str(sound), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["fine"]
    assert main(["persona", "check", str(sound), str(broken), "--json"]) == 1
    reports = {report["path"]: report for report in map(json.loads, capsys.readouterr().out.splitlines())}
    assert [reports[str(folder)]["fine"] for folder in (sound, broken)] == [True, False]
    notices = reports[str(broken)]["notices"]
    assert all(notice["line"] or "missing" in notice["says"] for notice in notices)
    assert len(notices) == reports[str(broken)]["errors"] > 1


def test_persona_check_takes_a_personas_name_like_the_other_commands(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    tess = persona(home / "personas" / "tess", size=256)
    assert main(["persona", "check", "Tess", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["path"] == str(tess)
    assert main(["persona", "check", "Tesss"]) == 1
    assert "Tesss" in capsys.readouterr().out


def test_persona_check_takes_cards_and_folders_of_cards(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    cards = home / "cards"
    cards.mkdir()
    (cards / "pip.json").write_text('{"name": "Pip",\n "description": "An {{odd}} owl.", "first_mes": "Hoo!"}')
    (cards / "juno.json").write_text('{"name": "Juno", "description": "A robot.", "first_mes": "Beep!"}')
    assert main(["persona", "check", str(cards)]) == 0
    said = capsys.readouterr().out
    assert "warning: line 2, column 17, description: {{odd}} is no macro" in said and "→ take it out" in said
    assert "\n2 cards: 0 with errors, 1 with warnings, 1 in order" in said and "\x1b" not in said
    assert main(["persona", "check", str(cards), "--quiet"]) == 0
    quiet = capsys.readouterr().out
    assert "juno.json" not in quiet and "note:" not in quiet and "{{odd}}" in quiet
    (cards / "half.json").write_text('{"name": ')
    assert main(["persona", "check", str(cards), str(cards / "juno.json")]) == 1
    assert "BAD" in capsys.readouterr().out
    assert main(["persona", "check", str(home / "nowhere")]) == 1
    assert "error: there is no such file" in capsys.readouterr().out


@pytest.mark.parametrize(("given", "said"), [(None, "passive"), ("active", "active")])
def test_waiting_threads_sleep_unless_the_admin_wants_otherwise(given: str | None, said: str) -> None:
    """OpenMP reads its policy when torch is loaded, so it is set before that."""
    code = (
        "import os, sys\nfrom bot.cli import main\nearly = 'torch' in sys.modules\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    print('END', early, os.environ['OMP_WAIT_POLICY'])"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {} if given is None else {"OMP_WAIT_POLICY": given}
    root = Path(__file__).parents[2]
    process = subprocess.run([sys.executable, "-c", code], env=environment, cwd=root, capture_output=True, text=True)
    assert process.stdout.splitlines()[-1] == f"END False {said}"


def test_an_adapter_that_no_setting_names_is_told_by_check_and_doctor(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    folder = persona(home / "personas" / "tess", 'adapter = "tess-lora"' + CARD)
    for command in (["persona", "check", str(folder)], ["doctor"]):
        assert main(command) == 1
        told = capsys.readouterr().out
        assert "speaks through the adapter 'tess-lora', which [model.adapters] does not name (there: none)" in told
    (home / "mien.toml").write_text('[model.adapters]\ntess-lora = "anywhere"\n')
    assert main(["persona", "check", str(folder)]) == 0


def test_a_lora_that_is_not_there_or_cannot_be_worn_is_told_by_check_and_doctor(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    folder = persona(home / "personas" / "tess", CARD + '\n[face]\nloras = ["tess.safetensors"]\n')
    assert main(["persona", "check", str(folder)]) == 1
    assert "tess.safetensors, which is not there" in " ".join(capsys.readouterr().out.split())
    (folder / "tess.safetensors").write_bytes(b"looked into by the painter alone")
    assert main(["persona", "check", str(folder)]) == 0
    capsys.readouterr()
    assert main(["doctor"]) == 1
    assert "brings LoRAs of its own" in capsys.readouterr().out
