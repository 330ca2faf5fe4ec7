"""What a persona folder's `faces/` says; no picture is opened here, so any bytes will do."""

from pathlib import Path

import pytest

from persona.card import Persona, check, read_folder
from persona.cast import Cast
from persona.faces import keep_seed, seeds
from persona.tomlfile import TomlError
from tests.persona.test_card import folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = folder(tmp_path)
    (made / "faces").mkdir()
    return made


def put(home: Path, *names: str) -> None:
    for name in names:
        (home / "faces" / name).write_bytes(b"picture")


def given(persona: Persona) -> dict[str, str]:
    return {name: path.name for name, path in persona.faces.items()}


def test_pictures_are_given_by_their_names_whatever_the_case(home: Path) -> None:
    put(home, "JOY.webp", "neutral.jpg", "neutral.png", "readme.txt", "hungry.png")
    assert given(read_folder(home)) == {"neutral": "neutral.png", "joy": "JOY.webp"}


def test_a_picture_that_fits_no_expression_is_told_with_the_nearest(home: Path) -> None:
    put(home, "joyy.png", "zzz.png")
    said = [str(problem) for problem in check(home)]
    assert len(said) == 2
    assert said[0].endswith("joyy.png: fits no expression of the card; did you mean joy.png?")
    assert "zzz.png: fits no expression of the card; there are: neutral" in said[1]


def test_a_seed_is_kept_until_it_is_nought_again(home: Path) -> None:
    keep_seed(home, "joy", 2**53)
    keep_seed(home, "neutral", 7)
    assert read_folder(home).seeds == {"joy": 2**53, "neutral": 7}
    keep_seed(home, "neutral", 0)
    assert seeds(home) == {"joy": 2**53}
    assert [file.name for file in (home / "faces").iterdir()] == ["seeds.toml"]


def test_seeds_that_are_no_numbers_are_a_mistake_with_its_line(home: Path) -> None:
    (home / "faces" / "seeds.toml").write_text('[seeds]\njoy = "new"\n')
    with pytest.raises(TomlError, match=r"seeds\.toml, line 2"):
        read_folder(home)
    assert check(home)


def test_the_cast_notices_a_picture_that_comes_and_goes(home: Path) -> None:
    cast = Cast([home.parent])
    assert given(cast.get(home.name)) == {}
    put(home, "joy.png")
    assert given(cast.get(home.name)) == {"joy": "joy.png"}
    (home / "faces" / "joy.png").unlink()
    assert given(cast.get(home.name)) == {}
