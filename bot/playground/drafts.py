"""What a client asks to be said: the message fields of a request, read and checked, not yet a message."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.playground.embeds import check_components, check_embeds
from bot.playground.errors import ApiError, bad_form, too_long
from bot.playground.forms import Body, Upload
from bot.playground.records import MessageFlag, Payload

MAX_CONTENT = 2000
SETTABLE_FLAGS = MessageFlag.SUPPRESS_EMBEDS | MessageFlag.SUPPRESS_NOTIFICATIONS | MessageFlag.COMPONENTS_V2


@dataclass(frozen=True, slots=True)
class NewFile:
    filename: str
    description: str | None
    upload: Upload


@dataclass(frozen=True, slots=True)
class AllowedMentions:
    """Whom the text may ping. `parse` holds "users", "roles", "everyone"."""

    parse: frozenset[str] = frozenset({"users", "roles", "everyone"})
    users: frozenset[int] = frozenset()
    roles: frozenset[int] = frozenset()
    replied_user: bool = True


@dataclass(frozen=True, slots=True)
class Draft:
    given: frozenset[str]  # the fields the request named; an edit changes only these
    content: str = ""
    embeds: list[Payload] = field(default_factory=list)
    components: list[Payload] = field(default_factory=list)
    flags: int = 0  # MessageFlag bits
    tts: bool = False
    mentions: AllowedMentions = AllowedMentions()
    files: list[NewFile] = field(default_factory=list)
    kept: frozenset[int] | None = None  # attachments an edit leaves in place; None = all
    reply_to: int | None = None
    reply_must_exist: bool = True
    nonce: str | int | None = None


def read_draft(body: Body, uploads: Mapping[int, Upload]) -> Draft:
    """The message fields of a request body; raises 50035 for what Discord would refuse."""
    content = body.text("content", limit=100_000) or ""
    if len(content) > MAX_CONTENT:
        raise too_long("content", MAX_CONTENT)
    files, kept = _read_attachments(body, uploads)
    reference = body.object("message_reference")
    nonce = body.fields.get("nonce")
    draft = Draft(
        given=frozenset(body.fields),
        content=content,
        embeds=check_embeds(body.payloads("embeds")),
        components=check_components(body.payloads("components")),
        flags=(body.number("flags") or 0) & SETTABLE_FLAGS,
        tts=body.flag("tts"),
        mentions=_read_mentions(body.object("allowed_mentions")),
        files=files,
        kept=kept,
        reply_to=reference.snowflake("message_id") if reference else None,
        reply_must_exist=reference.flag("fail_if_not_exists", True) if reference else True,
        nonce=nonce if isinstance(nonce, str | int) else None,
    )
    _check_layout(draft)
    return draft


def _check_layout(draft: Draft) -> None:
    """Components v2 say everything themselves."""
    if draft.flags & MessageFlag.COMPONENTS_V2:
        for name in ("content", "embeds"):
            if getattr(draft, name):
                code = "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"
                raise bad_form(
                    name, code, f"The '{name}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2"
                )


def _read_attachments(body: Body, uploads: Mapping[int, Upload]) -> tuple[list[NewFile], frozenset[int] | None]:
    """New files join their upload by the n of files[n]; every other entry names an attachment to keep."""
    files: list[NewFile] = []
    kept: set[int] = set()
    described: set[int] = set()
    for entry in body.objects("attachments"):
        number = entry.number("id")
        upload = uploads.get(number) if number is not None else None
        if number is None or upload is None:
            kept.add(number or 0)
            continue
        described.add(number)
        name = entry.text("filename", limit=1024) or upload.filename
        files.append(NewFile(safe_name(name), entry.text("description", limit=1024), upload))
    for number, upload in sorted(uploads.items()):
        if number not in described:
            files.append(NewFile(safe_name(upload.filename), None, upload))
    return files, frozenset(kept) if body.has("attachments") else None


def safe_name(filename: str) -> str:
    """Only letters, digits, dot, dash and underscore survive, as on Discord."""
    kept = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in filename)
    return kept.strip(".") or "unknown"


def _read_mentions(allowed: Body | None) -> AllowedMentions:
    if allowed is None:
        return AllowedMentions()
    return AllowedMentions(
        parse=frozenset(str(kind) for kind in allowed.fields.get("parse") or []),
        users=frozenset(allowed.snowflakes("users")),
        roles=frozenset(allowed.snowflakes("roles")),
        replied_user=allowed.flag("replied_user"),
    )


def check_webhook_name(name: str) -> str:
    """1-80 characters after trimming, and none of Discord's own names; raises 50035."""
    name = name.strip()
    if not 1 <= len(name) <= 80:
        raise bad_form("name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 80 in length.")
    for forbidden in ("clyde", "discord"):
        if forbidden in name.lower():
            raise bad_form("name", "USERNAME_INVALID_CONTAINS", f'Username cannot contain "{forbidden}"')
    return name


def empty_message() -> ApiError:
    return ApiError(400, 50006, "Cannot send an empty message")
