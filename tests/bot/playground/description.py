"""Discord's own description of its API, and a recorder that holds what clients were answered against it."""

import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.jsonschema import DRAFT202012

API = "/api/v10"
ONLY_CHAT_CLIENTS = ("application-command-index", "/interactions$")  # Discord describes what bots use


def find_description() -> Path | None:
    """shared/data/discord/openapi.json beside the repository, if it was given."""
    places = (parent / "shared/data/discord/openapi.json" for parent in Path(__file__).resolve().parents)
    return next((place for place in places if place.is_file()), None)


@cache
def _described(path: Path) -> tuple[dict[str, Any], Registry[Any]]:
    contents = json.loads(path.read_text(encoding="utf-8"))
    resource = DRAFT202012.create_resource(contents)
    return contents, Registry().with_resource("urn:discord", resource)


@dataclass
class Answer:
    method: str
    path: str  # without /api/v10
    status: int
    body: Any


@dataclass
class Recorder:
    answers: list[Answer] = field(default_factory=list)

    def trace(self) -> aiohttp.TraceConfig:
        """For a client session: everything it is answered is recorded."""
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(self._record)
        return trace

    async def _record(
        self, _: aiohttp.ClientSession, __: SimpleNamespace, params: aiohttp.TraceRequestEndParams
    ) -> None:
        if params.url.path.startswith(API) and params.response.status != 101:
            text = await params.response.read()
            body = json.loads(text) if text else None
            path = params.url.path.removeprefix(API)
            self.answers.append(Answer(params.method, path, params.response.status, body))

    def complaints(self, description: Path) -> list[str]:
        """One line for every answer that is not as described."""
        contents, registry = _described(description)
        return [line for answer in self.answers for line in _compare(answer, contents, registry)]


def _compare(answer: Answer, contents: dict[str, Any], registry: Registry[Any]) -> list[str]:
    where = f"{answer.method} {answer.path} {answer.status}"
    if any(re.search(pattern, answer.path) for pattern in ONLY_CHAT_CLIENTS):
        return []
    if answer.status >= 400:
        ok = isinstance(answer.body, dict) and {"message"} <= answer.body.keys()
        return [] if ok else [f"{where}: no refusal of Discord's: {answer.body}"]
    template = _template(answer, contents)
    if template is None:
        return [f"{where}: no such route"]
    responses = contents["paths"][template][answer.method.lower()]["responses"]
    if str(answer.status) not in responses:
        return [f"{where}: only {sorted(responses)} are described"]
    if "content" not in responses[str(answer.status)]:
        return [] if answer.body is None else [f"{where}: no body is described"]
    steps = [template, answer.method.lower(), "responses", str(answer.status), "content", "application/json", "schema"]
    pointer = "/".join(step.replace("~", "~0").replace("/", "~1") for step in steps)
    validator = Draft202012Validator({"$ref": f"urn:discord#/paths/{pointer}"}, registry=registry)
    return [f"{where}: {error.json_path} {_deepest(error)}" for error in validator.iter_errors(answer.body)]


def _deepest(error: ValidationError) -> str:
    """Among the alternatives that did not fit, the complaint of the one that came nearest."""
    nearest = best_match([error]) or error
    return f"{nearest.json_path} {nearest.message[:200]}"


def _template(answer: Answer, contents: dict[str, Any]) -> str | None:
    """The described path with the fewest placeholders that fits."""
    fitting = [
        template
        for template, methods in contents["paths"].items()
        if answer.method.lower() in methods and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), answer.path)
    ]
    return min(fitting, key=lambda template: template.count("{"), default=None)
