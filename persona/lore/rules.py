"""How lorebooks are searched where a book does not say it itself; settings and the command line share these keys."""

from pydantic import Field

from persona.tomlfile import Table


class LoreRules(Table):
    """What a book says about itself counts before this."""

    share: float = Field(default=0.25, ge=0, le=0.9, description="the part of the prompt that lore may take")
    scan_depth: int = Field(default=4, ge=0, le=1000, description="messages searched for keys, the newest")
    recursive: bool = Field(default=True, description="whether the text of an awakened entry may awaken others")
    steps: int = Field(default=10, ge=0, le=100, description="how often in a row awakened texts are searched for keys")
    min_activations: int = Field(
        default=0, ge=0, le=1000, description="search further back until so many entries are awake; 0 = no"
    )
    most_depth: int = Field(default=20, ge=0, le=1000, description="with min_activations: messages searched at most")
