"""`mien doctor`: is everything in order, and what to do where it is not."""

import json
import os
import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from itertools import chain
from pathlib import Path

from avatar.checkpoint import painter_folder
from avatar.kind import kind_of
from avatar.maskmodel import mask_folder
from avatar.own_loras import own_loras, require_wearable
from bot.errors import sentence
from bot.footprint import footprint
from bot.settings import Settings, load_settings
from inference.carriers import verify
from inference.job import ModelMissing
from inference.rival import check_no_rival
from persona.card import check_adapter
from persona.cast import Cast

LIBRARIES = ("torch", "transformers", "diffusers", "bitsandbytes", "llguidance", "discord.py", "aiosqlite", "pillow")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: whether it is in order, and the figure or the sentence that says so."""

    what: str
    fine: bool
    says: str
    details: tuple[str, ...] = ()  # lines for people
    data: Mapping[str, object] | None = None  # the same for programs


def examine(config: Path | None, *, as_json: bool, card: int | None = None) -> int:
    """Print every check; exit status 1 if one failed. card: plan for a GPU of so many bytes, wherever that is."""
    settings = load_settings(config)
    checks: dict[str, Callable[[], str]] = {
        "python": lambda: f"{platform.python_version()} on {platform.machine()}",
        "libraries": lambda: ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
        "no rival named kernels": _no_rival,
        "device": lambda: _device(settings),
        "starter models": _starters,
        "painter": lambda: str(painter_folder(settings.face.model, settings.face.recipe())),
        "mask model": lambda: str(mask_folder(settings.face.mask_model) or "the finder that comes with Mien"),
        "state": lambda: _state(settings.bot.state),
        "personas": lambda: _personas(settings),
        "discord": lambda: "a token is set" if os.environ.get("DISCORD_TOKEN") else "no token: the playground is used",
    }
    findings = (_look(what, look) for what, look in checks.items())
    return _report(chain(findings, [_memory(settings, card)]), as_json=as_json)


def _memory(settings: Settings, card: int | None) -> Finding:
    """The plan of who will be where; nothing is loaded for it."""
    try:
        plan = footprint(settings, card).plan
    except ModelMissing as error:
        return Finding("memory", fine=False, says=str(error))
    verdict = plan.refusal or ("the painter's parts take turns" if plan.swaps else "everything fits at once")
    return Finding("memory", plan.refusal is None, verdict, tuple(plan.table().splitlines()), plan.data())


def _look(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, fine=True, says=look())
    except Exception as error:
        if (said := sentence(error)) is None:
            raise
        return Finding(what, fine=False, says=said)


def _report(findings: Iterable[Finding], *, as_json: bool) -> int:
    fine = True
    for finding in findings:
        fine = fine and finding.fine
        print(_as_json(finding) if as_json else _as_text(finding))
    return 0 if fine else 1


def _as_json(finding: Finding) -> str:
    told = {"what": finding.what, "fine": finding.fine, "says": finding.says}
    return json.dumps(told if finding.data is None else {**told, "data": finding.data}, ensure_ascii=False)


def _as_text(finding: Finding) -> str:
    mark = "ok " if finding.fine else "BAD"
    return "\n      ".join([f"{mark} {finding.what}: {finding.says}", *finding.details])


def _no_rival() -> str:
    check_no_rival()
    return "our kernels/ is the only one"


def _device(settings: Settings) -> str:
    import torch

    if torch.cuda.is_available() and settings.gpu.device != "cpu":
        free, total = torch.cuda.mem_get_info()
        return f"{torch.cuda.get_device_name()}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free"
    return f"CPU, {os.cpu_count()} cores"


def _starters() -> str:
    verify()
    return "SmolLM2 and MiniLM are whole"


def _state(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / ".doctor"
    probe.touch()
    probe.unlink()
    return f"{folder} can be written"


def _personas(settings: Settings) -> str:
    personas = Cast(settings.bot.persona_roots()).all()
    painter = kind_of(painter_folder(settings.face.model, settings.face.recipe()))
    for persona in personas:
        check_adapter(persona, settings.model.adapters)
        require_wearable(persona, own_loras(persona), painter)
    return ", ".join(persona.card.name for persona in personas)
