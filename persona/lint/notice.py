"""What the linter says: one Notice for each thing found, one Report for each card.

error      Mien refuses it, or it does nothing at all
warning    it works, but hardly as it was meant
note       worth knowing: what is kept but not used, and why
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from persona.finding import Level
from persona.tomlfile import Problem, shown

LEVELS: Sequence[Level] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Notice:
    """`where` is the place in the file ("data.first_mes"), `code` names the rule; docs/personas.md lists them all.

    line, column: from 1, where the file is text; 0 = it is not, or the file as a whole is meant.
    """

    level: Level
    code: str
    where: str
    says: str
    advice: str = ""
    file: Path | None = None
    line: int = 0
    column: int = 0

    def place(self, within: Path) -> str:
        """Where it is, for people who know that `within` is meant: "persona.toml, line 3, column 9, greeting"."""
        numbers = (f"{what} {number}" for what, number in (("line", self.line), ("column", self.column)) if number)
        file = ""
        if self.file is not None and self.file != within:
            file = str(self.file.relative_to(within)) if self.file.is_relative_to(within) else shown(self.file)
        return ", ".join(filter(None, (file, *numbers, self.where)))

    def data(self) -> dict[str, Any]:
        return asdict(self) | {"file": str(self.file) if self.file else None}


def counted(number: int, one: str, many: str) -> str:
    """ "1 greeting", "3 greetings"."""
    return f"{number} {one if number == 1 else many}"


def of_problem(problem: Problem) -> Notice:
    """A mistake that makes Mien refuse a file."""
    return Notice(
        "error", "refused", problem.key, problem.says, "", problem.file, line=problem.line, column=problem.column
    )


@dataclass
class Report:
    """All that was found out about one card. `used`: what goes into prompts and faces, in a few words each."""

    path: Path
    kind: str
    name: str = ""
    used: list[str] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    def number(self, level: Level) -> int:
        return sum(notice.level == level for notice in self.notices)

    @property
    def fine(self) -> bool:
        return not self.number("error")

    def sorted(self) -> list[Notice]:
        """The worst first, each level in the order in which it was found."""
        return sorted(self.notices, key=lambda notice: LEVELS.index(notice.level))

    def data(self) -> dict[str, Any]:
        """One object for programs."""
        return {
            "path": str(self.path),
            "kind": self.kind,
            "name": self.name,
            "fine": self.fine,
            **{f"{level}s": self.number(level) for level in LEVELS},
            "used": self.used,
            "notices": [notice.data() for notice in self.sorted()],
        }
