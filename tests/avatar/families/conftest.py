"""What the tests of the families share: tiny painters, and numbers in float32."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from avatar import opening
from tests.tiny_families import write_flux, write_sd, write_xl


@pytest.fixture(autouse=True)
def in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """On every machine: what is compared are numbers."""
    monkeypatch.setattr(opening, "has_native_bfloat16", lambda device_type: False)


class Painters(dict[str, Path]):
    """One folder of each kind, written when a test first asks for it."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root

    def __missing__(self, kind: str) -> Path:
        self[kind] = KINDS[kind](self._root / kind.replace(" ", "-"))
        return self[kind]


KINDS: dict[str, Callable[[Path], Path]] = {
    "sd inpainting": write_sd,
    "sd plain": partial(write_sd, channels=4),
    "sd 2": partial(write_sd, channels=4, prediction="v_prediction"),
    "xl inpainting": write_xl,
    "xl plain": partial(write_xl, channels=4),
    "flux fill": write_flux,
    "flux plain": partial(write_flux, fill=False),
}


@pytest.fixture(scope="session")
def painters(tmp_path_factory: pytest.TempPathFactory) -> Painters:
    """Folders by kind."""
    return Painters(tmp_path_factory.mktemp("painters"))
