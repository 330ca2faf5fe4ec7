"""What the tests share: the folder of converted models, kept between runs so that a model is converted once."""

import os
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", action="store_true", help="write the pictures of docs/ anew")


@pytest.fixture(scope="session")
def model_cache() -> Path:
    """`cache` under MIEN_STATE, or under the repository's own `state/`; never emptied by a test."""
    root = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("MIEN_STATE", root / "state")) / "cache"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
