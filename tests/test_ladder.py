"""The rooms and who may import whom (docs/structures.md), as one rule that can fail."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT: dict[str, set[str]] = {
    "kernels": set(),
    "persona": set(),
    "inference": {"kernels"},
    "emotion": {"inference", "persona"},
    "avatar": {"kernels", "inference", "persona", "emotion"},
    "bot": {"kernels", "inference", "persona", "emotion", "avatar"},
}
ONLY_IN = {
    "triton": "kernels",
    "bitsandbytes": "inference",
    "llguidance": "inference",
    "diffusers": "avatar",
} | dict.fromkeys(("discord", "aiosqlite", "aiohttp"), "bot")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every absolute import of a file: line and top-level name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module.split(".")[0]


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_rooms_below_it(room: str) -> None:
    for path in sorted((ROOT / room).rglob("*.py")):
        for line, name in imports(path):
            where = f"{path.relative_to(ROOT)}:{line}"
            assert name == room or name not in MAY_IMPORT or name in MAY_IMPORT[room], f"{where} imports {name}"
            assert ONLY_IN.get(name, room) == room, f"{where} imports {name}, which belongs to {ONLY_IN[name]}"
            assert not (room == "persona" and name == "torch"), f"{where}: persona knows no torch"
