import os
import shutil
from pathlib import Path

import pytest

from persona.card import BASE_FILE, CARD_FILE, Persona, PersonaError, read_folder
from persona.cast import Cast
from persona.tomlfile import TomlError


def write(root: Path, slug: str, name: str) -> Path:
    here = root / slug
    here.mkdir(parents=True, exist_ok=True)
    save(here, f'name = "{name}"\ndescription = "x"\n[expressions.neutral]\nemotions = ["neutral"]\nprompt = "calm"\n')
    (here / BASE_FILE).write_bytes(b"picture")
    return here


def save(folder: Path, text: str) -> None:
    """Save persona.toml so that its time differs from the last save's, however coarse the file system's clock is."""
    file = folder / CARD_FILE
    before = file.stat().st_mtime_ns if file.exists() else 0
    file.write_text(text)
    later = max(file.stat().st_mtime_ns, before + 1_000_000_000)
    os.utime(file, ns=(later, later))


def test_a_persona_is_found_by_slug_and_by_name_in_any_case_and_script(tmp_path: Path) -> None:
    write(tmp_path, "emile", "Émile Straße")
    write(tmp_path, "yuki", "ゆき")
    cast = Cast([tmp_path])
    assert cast.get("ÉMILE STRASSE").slug == cast.get("Emile").slug == "emile"
    assert cast.get("ゆき").slug == "yuki"
    assert cast.names() == ["Émile Straße", "ゆき"]


def test_autocomplete_prefers_the_start_of_the_name_over_a_later_word_over_the_inside(tmp_path: Path) -> None:
    for slug, name in (("a", "Old Bram"), ("b", "Bramble"), ("c", "Abram"), ("d", "Juno")):
        write(tmp_path, slug, name)
    cast = Cast([tmp_path])
    assert [persona.card.name for persona in cast.match("BRAM")] == ["Bramble", "Old Bram", "Abram"]
    assert [persona.card.name for persona in cast.match("", limit=2)] == ["Abram", "Bramble"]
    assert cast.match("zzz") == []


def test_a_save_counts_at_the_next_question(tmp_path: Path) -> None:
    here = write(tmp_path, "pip", "Pip")
    cast = Cast([tmp_path])
    assert cast.names() == ["Pip"]
    write(tmp_path, here.name, "Pippa")
    assert cast.names() == ["Pippa"]
    write(tmp_path, "juno", "Juno")
    assert cast.names() == ["Juno", "Pippa"]


def test_a_broken_save_keeps_the_last_good_one_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    here = write(tmp_path, "pip", "Pip")
    cast = Cast([tmp_path])
    assert cast.names() == ["Pip"] and caplog.messages == []
    save(here, "name = Pip")
    assert cast.get("pip").card.name == cast.get("pip").card.name == "Pip"
    [sentence] = caplog.messages
    assert "line 1, column 8: not valid TOML" in sentence and sentence.endswith("; the last good version stays")
    (here / CARD_FILE).unlink()
    assert cast.get("pip").card.name == "Pip"
    write(tmp_path, "pip", "Pippa")
    assert cast.get("pip").card.name == "Pippa"


def test_a_deleted_folder_leaves_the_cast(tmp_path: Path) -> None:
    here = write(tmp_path, "pip", "Pip")
    write(tmp_path, "juno", "Juno")
    cast = Cast([tmp_path])
    assert cast.get("pip")
    shutil.rmtree(here)
    with pytest.raises(PersonaError, match=r"^there is no persona 'pip'; known are: juno$"):
        cast.get("pip")


def test_a_persona_that_never_loaded_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    save(write(tmp_path, "pip", "Pip"), "name = 3")
    cast = Cast([tmp_path])
    with pytest.raises(TomlError, match="name: expected text in quotes"):
        cast.get("pip")
    assert cast.all() == []


def test_the_earlier_root_wins_where_two_have_the_same_slug(tmp_path: Path) -> None:
    write(tmp_path / "mine", "pip", "My Pip")
    write(tmp_path / "shipped", "pip", "Pip")
    assert Cast([tmp_path / "mine", tmp_path / "shipped", tmp_path / "nowhere"]).names() == ["My Pip"]


def test_a_card_that_names_an_unknown_adapter_does_not_load_and_says_why(tmp_path: Path) -> None:
    here = write(tmp_path, "juno", "Juno")
    save(here, 'adapter = "juno-lora"\n' + (here / CARD_FILE).read_text())
    with pytest.raises(PersonaError, match=r"'juno-lora', which \[model.adapters\] does not name \(there: bram"):
        Cast([tmp_path], ["bram"]).get("juno")
    assert Cast([tmp_path], ["bram", "juno-lora"]).get("juno").card.adapter == "juno-lora"
    assert Cast([tmp_path]).get("juno").card.adapter == "juno-lora"


def test_lorebooks_and_cards_in_the_folder_count_like_persona_toml(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    here = write(tmp_path, "pip", "Pip")
    cast = Cast([tmp_path])
    assert cast.get("pip").lore == ()
    book = here / "lorebook.toml"
    book.write_text('[[entries]]\nkeys = ["owl"]\ntext = "Owls hoot."\n')
    assert [entry.text for entry in cast.get("pip").lore[0].entries] == ["Owls hoot."]
    book.write_text('[[entries]]\nkeys = ["owl"]\ntext = Owls sleep.\n')
    assert [entry.text for entry in cast.get("pip").lore[0].entries] == ["Owls hoot."]
    assert "lorebook.toml, line 3, column 8: not valid TOML" in caplog.text
    book.write_text('[[entries]]\nkeys = ["owl"]\ntext = "Owls sleep by day."\n')
    (here / "card.json").write_text('{"name": "Wren", "description": "A bird.", "personality": "quick"}')
    assert cast.get("pip").card.personality == "quick" and len(cast.get("pip").lore) == 1
    (here / "card.json").write_text('{"name": "Wren",\n "description": }')
    assert cast.get("pip").card.personality == "quick"
    assert "line 2, column 17" in caplog.text
    [(folder, says)] = cast.troubles().items()
    assert folder == here and "line 2, column 17" in says and says.endswith("; the last good version stays")
    (here / "card.json").unlink()
    assert cast.troubles() == {} and cast.get("pip").card.personality == ""


def test_what_is_wrong_is_said_once_for_each_mistake_and_once_when_it_is_well_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    here = write(tmp_path, "pip", "Pip")
    cast = Cast([tmp_path])
    cast.all()
    for mask in (b"", b"x", b"xy"):  # the mistake stays while other files are saved
        save(here, "name = Pip")
        (here / "mask.png").write_bytes(mask)
        cast.all()
    write(tmp_path, "pip", "Pip")
    cast.all()
    cast.all()
    assert ["not valid TOML" in message for message in caplog.messages] == [True, False]
    assert caplog.messages[1] == "pip is in order again"


def test_a_folder_that_changes_while_it_is_read_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody saves two files that belong together, and the first look falls between them."""
    here = write(tmp_path, "pip", "Pip")
    (here / "lorebook.toml").write_text('[[entries]]\nkeys = ["owl"]\ntext = "of Pip"\n')
    cast = Cast([tmp_path])
    assert cast.names() == ["Pip"]
    write(tmp_path, "pip", "Pippa")
    saved = []

    def read_and_be_overtaken(folder: Path) -> Persona:
        persona = read_folder(folder)
        if not saved:
            saved.append((here / "lorebook.toml").write_text('[[entries]]\nkeys = ["owl"]\ntext = "of Pippa"\n'))
        return persona

    monkeypatch.setattr("persona.cast.read_folder", read_and_be_overtaken)
    pippa = cast.get("pip")
    assert (pippa.card.name, pippa.lore[0].entries[0].text) == ("Pippa", "of Pippa")
