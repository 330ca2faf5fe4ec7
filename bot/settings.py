"""What the admin decides: `mien.toml`, then the environment over it. Nothing is read at import.

A setting `[gpu] threads` is also `MIEN_GPU__THREADS`. Unknown keys are refused; every error names the file and line (or
the variable), the key and what was expected. Secrets come from the environment alone: a token in a file is refused.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, Field, SecretStr, Strict

from avatar.expression import STAY
from avatar.recipe import LoraFile, Recipe, SchedulerName
from bot.ranking import AGREEMENT, RUBRIC
from emotion.labels import EMOTIONS
from persona.lore.rules import LoreRules
from persona.sampler import SamplerKeys
from persona.temper import MoodKeys
from persona.tomlfile import Problem, Table, TomlError, fit, parse, read_text
from persona.tomllines import KeyLines, KeyPath, find_keys

DEFAULT_FILE = Path("mien.toml")
SAMPLES = Path(__file__).parents[1] / "personas"
PREFIX = "MIEN_"
TOKEN = "DISCORD_TOKEN"


def _id_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


SettingsPath = Annotated[Path, Strict(False)]
ChannelName = Annotated[str, BeforeValidator(_id_as_text), Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=10)]
Scale = Annotated[float, Field(ge=1, le=10)]


class Bot(Table):
    """Where things are."""

    state: SettingsPath = Field(default=Path("state"), description="folder for history, converted models and faces")
    personas: list[SettingsPath] = Field(default=[Path("personas")], description="folders that hold persona folders")
    persona: str = Field(default="marigold", description="the persona of a channel that has chosen none")
    home: int | None = Field(
        default=None,
        ge=1,
        description="id of the server whose managers may change portraits; unset = the bot's only server, if it is one",
    )
    admin_channel: Annotated[str, BeforeValidator(_id_as_text)] = Field(
        default="", description="channel (id or name) that is told when a persona's file was saved broken; empty = none"
    )

    def persona_roots(self) -> list[Path]:
        """The folders named above; where none of them exists, the samples that come with Mien."""
        return self.personas if any(folder.is_dir() for folder in self.personas) else [SAMPLES]


class Discord(Table):
    """Which server to talk to; empty = Discord itself."""

    api_base: str = Field(default="", description="REST address, such as http://127.0.0.1:7890/api/v10")
    gateway_url: str = Field(default="", description="gateway address, such as ws://127.0.0.1:7890/gateway")
    cdn_base: str = Field(default="", description="address of attachments and avatars")


class Model(Table):
    """The language model."""

    name: str = Field(default="starter", description='"starter", a folder, or a name on the model hub')
    quantization: Literal["none", "nf4", "int8"] = Field(
        default="none", description="how bitsandbytes packs a model that is not quantized yet: none, nf4 or int8"
    )
    adapters: dict[str, SettingsPath] = Field(
        default_factory=dict,
        description="LoRA adapters that cards may name: a table of NAME = folder (peft's format)",
    )
    chat_template: str = Field(
        default="", description="for models without one: chatml or a Jinja file; empty = the model's own"
    )
    max_tokens: int = Field(default=220, ge=8, le=4096, description="longest reply, in tokens; cards may ask for less")
    context: int | None = Field(
        default=None,
        ge=512,
        description="tokens a reply reads and writes at most; unset = 4,096 for the starter, up to 8,192 for others",
    )
    turns: int | None = Field(
        default=None, ge=1, le=1000, description="latest messages it reads; unset = 7 for the starter, 60 for others"
    )

    def longest_context(self) -> int:
        """Tokens of one reply, prompt included, if the model can hold so many: memory is set aside for all of them."""
        return self.context or (4096 if self.name == "starter" else 8192)

    def read_turns(self) -> int:
        """A small model that sees many of its own replies goes on repeating them; a big one should remember more."""
        return self.turns or (7 if self.name == "starter" else 60)


class Sampler(SamplerKeys):
    """How words are drawn where neither the card nor the expression says otherwise."""


class GuidanceTable(Table):
    """How hard words are pushed away from what the voice must not be (classifier-free guidance)."""

    scale: Scale = Field(default=1.0, description="where no card or expression says; 1 = off, which costs nothing")
    limit: Scale = Field(default=10.0, description="never above this, whatever a card wishes; 1 = off for all of them")


class DirectionTable(Table):
    """What decides the expression of a reply, before its words."""

    say: Weight = Field(default=1.5, description="weight of the language model's own choice; 0 = it is not asked")
    mood: Weight = Field(default=1.0, description="weight of the mood, as the classifier feels it")
    stay: Weight = Field(
        default=STAY, description="lean of the expression worn already, so that a near tie keeps the face"
    )
    tags: bool = Field(default=False, description="let the model change its feeling in mid-reply by writing [joy]")


class Drafts(Table):
    """How many replies are tried, and what makes one the best."""

    count: int | None = Field(
        default=None,
        ge=1,
        le=16,
        description="replies written at once; 1 = shown while written; unset = 4 for the starter, 1 for others",
    )
    again: int = Field(default=2, ge=0, le=10, description="how often others are written when none is good enough")
    agreement: Weight = Field(default=AGREEMENT, description="weight of how well the words sound like the direction")
    rubric: Weight = Field(default=RUBRIC, description="weight of how unlike the card's negative line they are")

    def number(self, model: str) -> int:
        """A tiny model needs several tries for one good reply; the words of a big one are better seen growing."""
        return self.count or (4 if model == "starter" else 1)


class MoodTable(MoodKeys):
    """How moods move where a card says nothing else."""


def _as_shares(value: object) -> object:
    return {value: 1.0} if isinstance(value, str) else value


Emotion = Literal[*EMOTIONS]  # type: ignore[valid-type]  # the 28 names


class EmotionTable(Table):
    """What hears how a message sounds."""

    model: str = Field(default="starter", description='"starter", a folder, or a name on the model hub')
    labels: dict[str, Annotated[dict[Emotion, Share], BeforeValidator(_as_shares)]] = Field(
        default_factory=dict,
        description="what that model's own labels stand for: an emotion, several with weights, or {} for nothing",
    )
    thresholds: dict[Emotion, Annotated[Share, Strict(False)]] = Field(
        default_factory=dict,
        description="from which probability on an emotion counts; else the starter's own, or 0.5 for other models",
    )


class FaceLora(Table):
    """One LoRA that the painter wears."""

    file: SettingsPath = Field(description="its safetensors file")
    weight: Annotated[float, Field(ge=-4, le=4)] = Field(default=1.0, description="how strongly it counts")


def _as_lora(value: object) -> object:
    """Also "FILE" or "FILE=WEIGHT", as the environment has it."""
    if not isinstance(value, str):
        return value
    file, _, weight = value.partition("=")
    return {"file": file.strip(), "weight": float(weight or 1)}


class Face(Table):
    """The picture beside a reply."""

    mode: Literal["webhook", "embed", "member"] = Field(
        default="webhook",
        description="webhook: name and avatar on each message; embed: a picture inside it; member: the bot's own",
    )
    model: str = Field(default="starter", description='"starter" or a folder in diffusers format')
    steps: int | None = Field(
        default=None,
        ge=1,
        le=200,
        description="of a painting; unset = what suits the model: 4 for the starter, else 30",
    )
    guidance: float | None = Field(
        default=None,
        ge=0,
        le=100,
        description="how hard the prompt is followed; 1 = half the work; unset = the model's",
    )
    strength: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="share of noise a face is painted from; unset = 1, or 0.8 for plain models",
    )
    size: int | None = Field(
        default=None,
        ge=64,
        le=2048,
        description="pixels of the crop that is painted; unset = what the model was made for",
    )
    scheduler: SchedulerName = Field(
        default="auto", description="auto (by the LoRAs' names), folder (the model's own), lcm, euler, ddim or tcd"
    )
    negative: str = Field(default="", description="what must not be seen, where there is guidance")
    loras: list[Annotated[FaceLora, BeforeValidator(_as_lora)]] = Field(
        default_factory=list, description="LoRAs for the painter: a list of {file = …, weight = 1.0}"
    )
    fuse_loras: bool = Field(
        default=True, description="add LoRAs to the weights; false = beside them, slower and exact"
    )
    tiny_vae: SettingsPath | None = Field(
        default=None, description="folder of a TAESD that takes the place of the model's autoencoder"
    )
    recogniser: str = Field(
        default="starter",
        description='what checks that paintings show what they should: "starter", "none" or a folder with a CLIP model',
    )
    mask_model: str = Field(
        default="starter",
        description='what finds the face in a portrait without a mask: "starter" or a folder with a segmentation model',
    )
    patience: float = Field(default=10.0, ge=0, le=600, description="seconds the words wait for a face being painted")
    shelf_channel: str = Field(
        default="mien-faces", min_length=1, max_length=100, description="private channel where faces get an address"
    )
    shelf_bytes: int = Field(default=1_000_000_000, ge=1_000_000, description="disk space for finished faces")
    prewarm: bool = Field(default=True, description="paint every expression while nobody waits")
    blends: bool = Field(
        default=False, description="between two feelings that lead nearly alike, wear a face between them"
    )

    def recipe(self) -> Recipe:
        """How faces are painted, as the painter takes it."""
        return Recipe(
            steps=self.steps,
            guidance=self.guidance,
            strength=self.strength,
            size=self.size,
            scheduler=self.scheduler,
            negative=self.negative,
            loras=tuple(LoraFile(lora.file, lora.weight) for lora in self.loras),
            fuse=self.fuse_loras,
            tiny_vae=self.tiny_vae,
        )


class GpuTable(Table):
    """The device that everything runs on."""

    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto, cpu, cuda or cuda:N")
    threads: int | None = Field(default=None, ge=1, le=1024, description="CPU threads of a step; unset = one per core")
    max_waiting: int = Field(default=64, ge=1, description="jobs that may wait; one more is told to come back later")
    replies: int = Field(
        default=4, ge=1, le=1024, description="full-length replies that memory is set aside for; shorter ones share it"
    )


class PlaygroundTable(Table):
    """The local chat page that stands in for Discord while there is no token."""

    port: int = Field(default=7890, ge=0, le=65535, description="where the page listens on 127.0.0.1; 0 = any free one")


class Replies(Table):
    """When the bot answers, and how a reply grows."""

    edit_seconds: float = Field(default=1.2, ge=1.2, le=60, description="at most one edit in so many seconds")
    timeout_seconds: float = Field(default=180.0, gt=0, description="a reply that takes longer is given up")
    always: list[ChannelName] = Field(
        default_factory=list, description="channels (names or ids) where every message is answered; * = all"
    )


class SceneTable(Table):
    """Where several personas share a channel."""

    replies: int = Field(default=3, ge=1, le=10, description="replies that one message brings, of all personas")


class Settings(Table):
    """All of it. `token` is the environment's DISCORD_TOKEN, empty where there is none."""

    bot: Bot = Field(default=Bot(), description="where things are")
    discord: Discord = Field(default=Discord(), description="which server to talk to")
    model: Model = Field(default=Model(), description="the language model")
    sampler: Sampler = Field(default=Sampler(), description="how words are drawn")
    guidance: GuidanceTable = Field(
        default=GuidanceTable(), description="how hard words are pushed away from what the voice must not be"
    )
    direction: DirectionTable = Field(default=DirectionTable(), description="what decides the expression of a reply")
    drafts: Drafts = Field(default=Drafts(), description="how many replies are tried, and what makes one the best")
    emotion: EmotionTable = Field(default=EmotionTable(), description="what hears how a message sounds")
    mood: MoodTable = Field(default=MoodTable(), description="how a mood moves")
    face: Face = Field(default=Face(), description="the picture beside a reply")
    gpu: GpuTable = Field(default=GpuTable(), description="the device that everything runs on")
    playground: PlaygroundTable = Field(default=PlaygroundTable(), description="the local chat page")
    replies: Replies = Field(default=Replies(), description="when the bot answers, and how a reply grows")
    lore: LoreRules = Field(default=LoreRules(), description="how lorebooks are searched")
    scene: SceneTable = Field(default=SceneTable(), description="where several personas share a channel")
    token: SecretStr = Field(default=SecretStr(""), exclude=True, repr=False)


def load_settings(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings in `path` (None: mien.toml where there is one), with the environment over them.

    Raises TomlError for a missing file, broken TOML, unknown keys, unfit values and secrets in the file.
    """
    file = path or DEFAULT_FILE
    text = read_text(file) if path or file.exists() else ""
    values, keys = parse(file, text), find_keys(text)
    _refuse_secrets(file, values, keys)
    fit(file, values, Settings, keys)  # by itself first, so that its mistakes have lines
    variables = {name: value for name, value in environ.items() if name.startswith(PREFIX) and "__" in name}
    names = _lay_over(values, variables)
    values["token"] = SecretStr(environ.get(TOKEN, "").strip())
    return fit(Path("environment"), values, Settings, names)


def setting_paths() -> Iterator[tuple[str, str, str, object]]:
    """Every setting as (table, key, description, default), in the order of the file."""
    for table, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            for key, inner in field.annotation.model_fields.items():
                yield table, key, inner.description or "", inner.get_default(call_default_factory=True)


def _refuse_secrets(file: Path, values: Mapping[str, Any], keys: KeyLines, around: KeyPath = ()) -> None:
    for key, value in values.items():
        path = (*around, key)
        if "token" in key.lower().split("_"):
            says = f"a token never stands in a file; set the environment variable {TOKEN} instead"
            raise TomlError([Problem(file, keys.line(path), keys.spell(path), says)])
        if isinstance(value, dict):
            _refuse_secrets(file, value, keys, path)


def _lay_over(values: dict[str, Any], variables: Mapping[str, str]) -> KeyLines:
    """Put each MIEN_TABLE__KEY into `values`; returns the variables' names as the places of those keys."""
    names = KeyLines(first=0)
    for name, value in sorted(variables.items()):
        table, key = name.removeprefix(PREFIX).lower().split("__", 1)
        section = values.setdefault(table, {})
        section[key] = _from_text(table, key, value)
        names.headers[(table, key)] = name
        if table not in Settings.model_fields:
            names.headers[(table,)] = name
    return names


def _from_text(table: str, key: str, value: str) -> object:
    """What a variable's text means for the setting: lists and tables by commas, text as it is, the rest as in TOML."""
    tables = {name: field.annotation for name, field in Settings.model_fields.items()}
    model = tables.get(table)
    field = model.model_fields.get(key) if isinstance(model, type) and issubclass(model, BaseModel) else None
    if field is None:
        return value
    if get_origin(field.annotation) is list:
        return [part.strip() for part in value.split(",") if part.strip()]
    if get_origin(field.annotation) is dict:
        pairs = (part.partition("=") for part in value.split(",") if part.strip())
        return {name.strip(): folder.strip() for name, _, folder in pairs}
    kinds = get_args(field.annotation)  # of a Literal its values, of a union its types
    if {int, float, bool} & {field.annotation, *kinds, *map(type, kinds)}:
        try:
            return tomllib.loads(f"value = {value.strip().lower()}")["value"]
        except tomllib.TOMLDecodeError:
            return value
    return value
