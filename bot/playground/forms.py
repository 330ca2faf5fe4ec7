"""Request bodies: JSON or multipart, read field by field with Discord's own complaints.

Clients send snowflakes as strings or as JSON numbers, null for what they leave out, and fields nobody knows: all of
that is accepted.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

from bot.playground.errors import ApiError, bad_form, required, too_long
from bot.playground.records import Payload

MAX_FILE_BYTES = 10 * 1024 * 1024
MAX_FILES = 10
IMAGE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")


@dataclass(frozen=True, slots=True)
class Upload:
    filename: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Form:
    body: "Body"
    uploads: dict[int, Upload]  # n of files[n] → file


class Body:
    """A JSON object of a request; `path` is where it lies in the whole, for error messages."""

    def __init__(self, fields: dict[str, Any], path: str = "") -> None:
        self.fields = fields
        self.path = path

    def has(self, name: str) -> bool:
        """Named at all, be it null: an edit then clears it."""
        return name in self.fields

    def _at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def text(self, name: str, *, least: int = 0, limit: int = 4000) -> str | None:
        value = self.fields.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise bad_form(self._at(name), "STRING_TYPE_CONVERT", f'Could not interpret "{value}" as string.')
        if len(value) > limit:
            raise too_long(self._at(name), limit)
        if len(value) < least:
            raise bad_form(self._at(name), "BASE_TYPE_MIN_LENGTH", f"Must be {least} or more in length.")
        return value

    def number(self, name: str) -> int | None:
        value = self.fields.get(name)
        if value is None:
            return None
        try:
            return int(value)
        except (TypeError, ValueError):
            raise bad_form(self._at(name), "NUMBER_TYPE_COERCE", f'Value "{value}" is not int.') from None

    def snowflake(self, name: str) -> int | None:
        return self.number(name) or None

    def needed_snowflake(self, name: str) -> int:
        value = self.snowflake(name)
        if value is None:
            raise required(self._at(name))
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.fields.get(name)
        return default if value is None else bool(value)

    def object(self, name: str) -> "Body | None":
        value = self.fields.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise bad_form(self._at(name), "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
        return Body(value, self._at(name))

    def objects(self, name: str) -> "list[Body]":
        values = self.fields.get(name) or []
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            raise bad_form(self._at(name), "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
        return [Body(value, f"{self._at(name)}.{index}") for index, value in enumerate(values)]

    def payloads(self, name: str) -> list[Payload]:
        return [entry.fields for entry in self.objects(name)]

    def snowflakes(self, name: str) -> list[int]:
        values = self.fields.get(name) or []
        try:
            return [int(value) for value in values]
        except (TypeError, ValueError):
            raise bad_form(self._at(name), "LIST_TYPE_CONVERT", "Only snowflakes may be used here") from None

    def image(self, name: str) -> tuple[str, bytes] | None:
        """A picture as data URI → (content type, bytes)."""
        value = self.text(name, limit=14_000_000)
        if value is None:
            return None
        head, _, data = value.partition(";base64,")
        content_type = head.removeprefix("data:")
        try:
            if content_type not in IMAGE_TYPES:
                raise ValueError(content_type)
            return content_type, base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            raise bad_form(self._at(name), "BASE_TYPE_BAD_IMAGE", "Invalid image data") from None


async def read_body(request: web.Request) -> Body:
    """The JSON object of a request; an empty one when there is no body."""
    form = await read_form(request)
    return form.body


async def read_form(request: web.Request) -> Form:
    if request.content_type.startswith("multipart/"):
        return await _read_multipart(request)
    text = await request.text()
    return Form(_parse(text, request) if text else Body({}), {})


def _parse(text: str, request: web.Request) -> Body:

    try:
        fields = json.loads(text)
    except ValueError as error:
        raise ApiError(400, 50109, "The request body contains invalid JSON.") from error
    return Body(fields if isinstance(fields, dict) else {"": fields})


async def _read_multipart(request: web.Request) -> Form:
    body, uploads = Body({}), dict[int, Upload]()
    async for part in await request.multipart():
        if not isinstance(part, aiohttp.BodyPartReader):
            continue
        name = part.name or ""
        if name == "payload_json":
            body = _parse(await part.text(), request)
        elif name.startswith("file"):
            number = int(name[6:-1]) if name.startswith("files[") and name[6:-1].isdigit() else len(uploads)
            uploads[number] = await _read_upload(part)
    if len(uploads) > MAX_FILES:
        raise bad_form("files", "BASE_TYPE_MAX_LENGTH", f"Must be {MAX_FILES} or fewer in length.")
    return Form(body, uploads)


async def _read_upload(part: aiohttp.BodyPartReader) -> Upload:
    data = bytearray()
    while chunk := await part.read_chunk(256 * 1024):
        data += chunk
        if len(data) > MAX_FILE_BYTES:
            raise ApiError(413, 40005, "Request entity too large")
    content_type = part.headers.get("Content-Type", "application/octet-stream").partition(";")[0]
    return Upload(part.filename or "unknown", content_type, bytes(data))
