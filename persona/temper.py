"""How a mood moves, as the tables `mood` of a card and of the settings say it: names, ranges, defaults.

The names and defaults are those of the mood's own arithmetic, which a test holds them to. docs/mood.md tells what each
one does, and where the defaults come from.
"""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from persona.tomlfile import Table

Share = Annotated[float, Field(ge=0, le=1)]
Span = Annotated[float, Field(gt=0, le=1e6)]


class MoodKeys(Table):
    """Every constant there is. What a card does not mention is decided by the settings."""

    half_life: Span = Field(default=3.56, description="calm messages until half of a feeling has faded")
    half_life_minutes: Span = Field(default=20.0, description="minutes of silence until half of a feeling has faded")
    jolt_from: Share = Field(default=0.22, description="a feeling this sure begins to move the mood faster …")
    jolt_full: Share = Field(default=0.8, description="… and one this sure by the full jolt")
    jolt: Share = Field(default=0.97, description="share of the new mood that a jolt makes up")
    own: Share = Field(default=0.8, description="how much the character's own words count beside others'")
    reader: Share = Field(default=0.89, description="weight of what was said before; the rest: how the words sound")
    sharpness: Span = Field(default=1.93, description="above 1, many unlikely feelings count for less")
    neutral_floor: Share = Field(default=0.05, description="the mood is never less neutral than this")
    margin: Share = Field(default=0.1, description="by how much another emotion must lead to take over")
    reserve: Share = Field(default=0.23, description="how much pleasure is withheld from somebody who has hurt")
    grudge_hours: Span = Field(default=12.0, description="hours until half of a grudge is forgotten")

    @model_validator(mode="after")
    def _jolts_grow(self) -> Self:
        if self.jolt_from >= self.jolt_full:
            raise ValueError(f"expected jolt_from below jolt_full, got {self.jolt_from:g} and {self.jolt_full:g}")
        return self

    def wishes(self) -> dict[str, Any]:
        """Only what was written down."""
        return self.model_dump(exclude_unset=True)
