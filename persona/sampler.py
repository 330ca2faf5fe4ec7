"""How words are drawn, as the tables `sampler` of a card and of the settings say it: names, ranges, defaults.

The names are those of the engine's parameters, which check them again; a test holds the two together. What each one
does, with examples, is on docs/samplers.md.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field

from persona.tomlfile import Table

SamplerName = Literal[
    "penalties",
    "dry",
    "top_n_sigma",
    "top_k",
    "typical_p",
    "top_p",
    "min_p",
    "xtc",
    "temperature",
    "mirostat",
]


def _each_once(names: list[SamplerName]) -> list[SamplerName]:
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise ValueError(f"expected each sampler once, got {twice[0]} twice")
    return names


Phrase = Annotated[str, Field(min_length=1, max_length=200)]
Order = Annotated[list[SamplerName], AfterValidator(_each_once)]


class SamplerKeys(Table):
    """Every choice there is. What a table does not mention is decided by the next one outwards."""

    temperature: float = Field(default=0.8, ge=0, le=3, description="0 = always the likeliest word, 1 = as learnt")
    dynatemp_range: float = Field(
        default=0.0,
        ge=0,
        le=3,
        description="temperature moves so far up where much may follow, and down where little may",
    )
    dynatemp_exponent: float = Field(
        default=1.0, ge=0.1, le=10, description="above 1, only great uncertainty raises the temperature"
    )
    top_k: int = Field(default=0, ge=0, le=1000, description="keep this many of the likeliest words, 0 = all")
    top_p: float = Field(default=1.0, gt=0, le=1, description="keep the likeliest words up to this share")
    min_p: float = Field(default=0.05, ge=0, le=1, description="drop words below this share of the likeliest")
    typical_p: float = Field(
        default=1.0, gt=0, le=1, description="keep the words about as surprising as expected, up to this share"
    )
    top_n_sigma: float = Field(
        default=0.0, ge=0, le=10, description="keep words within so many deviations of the best, 0 = all"
    )
    xtc_probability: float = Field(default=0.0, ge=0, le=1, description="how often the obvious words are left out")
    xtc_threshold: float = Field(default=0.1, ge=0, le=0.5, description="from this probability on a word is obvious")
    dry_multiplier: float = Field(
        default=0.0, ge=0, le=10, description="how much repeated phrases are avoided, 0 = not"
    )
    dry_base: float = Field(default=1.75, ge=1, le=8, description="how fast that grows with the phrase's length")
    dry_allowed_length: int = Field(default=2, ge=1, le=100, description="phrases up to so many tokens may come again")
    dry_penalty_last_n: int = Field(default=-1, ge=-1, le=131072, description="tokens it looks back, -1 = all")
    dry_sequence_breakers: list[Phrase] = Field(
        default=["\n", ":", '"', "*"], max_length=50, description="texts that no phrase reaches across"
    )
    repetition_penalty: float = Field(default=1.1, ge=0.5, le=2, description="above 1 avoids words already used")
    frequency_penalty: float = Field(default=0.0, ge=-2, le=2, description="avoids words, more for each time used")
    presence_penalty: float = Field(default=0.0, ge=-2, le=2, description="avoids words used at all")
    penalty_last_n: int = Field(
        default=64, ge=-1, le=131072, description="tokens these three penalties look back, -1 = all"
    )
    mirostat: Literal[0, 1, 2] = Field(default=0, description="1 or 2 = hold the surprise at a target, 0 = off")
    mirostat_tau: float = Field(
        default=5.0, ge=0.1, le=20, description="the target, in bits: 2 plain, 5 lively, 8 wild"
    )
    mirostat_eta: float = Field(default=0.1, ge=0, le=1, description="how fast it corrects itself")
    banned_phrases: list[Phrase] = Field(default=[], max_length=200, description="texts that are never said")
    samplers: Order = Field(default=list(get_args(SamplerName)), description="which of these apply, in this order")

    def wishes(self) -> dict[str, Any]:
        """Only what was written down."""
        return self.model_dump(exclude_unset=True)
