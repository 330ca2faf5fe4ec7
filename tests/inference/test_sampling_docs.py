"""docs/samplers.md shows what the samplers do, and explains each of them."""

import re
import tomllib
from pathlib import Path

import pytest
import torch

from inference.sampling import SamplingParams, distribution
from inference.sampling.params import ORDER
from persona.sampler import SamplerKeys

PAGE = (Path(__file__).parents[2] / "docs" / "samplers.md").read_text()
TABLE = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if re.match(r"\| (`|as the model)", line)]
BELIEF = torch.tensor([float(percent) for percent in TABLE[0][1:]]) / 100
NEUTRAL = {"temperature": 1.0, "min_p": 0.0, "repetition_penalty": 1.0}


@pytest.mark.parametrize("row", TABLE[1:], ids=lambda row: row[0].strip("`"))
def test_the_example_shows_what_the_sampler_does(row: list[str]) -> None:
    wishes = tomllib.loads(row[0].strip("`").replace(", ", "\n"))
    found = distribution(BELIEF.log(), SamplingParams(**{**NEUTRAL, **wishes}), [0, 0, 4])
    shown = ["·" if probability == 0 else f"{100 * probability:.0f}" for probability in found.tolist()]
    assert row[1:] == shown


def test_every_sampler_and_every_key_is_explained() -> None:
    for key in SamplerKeys.model_fields:
        assert f"**`{key}`**" in PAGE, f"docs/samplers.md does not explain {key}"
    order = next(tomllib.loads(line) for line in PAGE.splitlines() if line.startswith("samplers = "))
    assert order["samplers"] == list(ORDER)


def test_the_presets_are_tables_that_a_card_may_hold() -> None:
    presets = re.findall(r"\*\*(\w+)\*\*: .*?```toml\n\[sampler\]\n(.*?)```", PAGE, re.DOTALL)
    assert [name for name, _ in presets] == ["steady", "playful", "dream", "clockwork"]
    for _, preset in presets:
        SamplingParams(**SamplerKeys.model_validate(tomllib.loads(preset)).wishes())
