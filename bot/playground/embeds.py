"""Embeds and components: checked when they come in, joined with their attachments when they go out.

Limits: Discord API docs, resources/message "Embed Limits" and components/reference.
"""

from collections.abc import Iterator, Mapping, Sequence

from bot.playground.errors import ApiError, bad_form, too_long
from bot.playground.records import Payload

EMBED_LIMITS = {"title": 256, "description": 4096}
MAX_EMBEDS = 10
MAX_EMBED_CHARACTERS = 6000
MAX_COMPONENTS = 40
BUTTON, LINK_STYLE, PREMIUM_STYLE = 2, 5, 6
SELECTS = (3, 5, 6, 7, 8)
PICTURE_FIELDS = ("image", "thumbnail")


def without_nulls(value: object) -> object:
    """The same JSON without null members, as Discord stores components and embeds."""
    if isinstance(value, dict):
        return {key: without_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [without_nulls(entry) for entry in value]
    return value


def as_object(value: object) -> Payload:
    return value if isinstance(value, dict) else {}


def as_objects(value: object) -> list[Payload]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


# ── coming in ──


def check_embeds(embeds: Sequence[Payload]) -> list[Payload]:
    """The embeds as they are kept; raises 50035 for what is too long."""
    if len(embeds) > MAX_EMBEDS:
        raise bad_form("embeds", "BASE_TYPE_MAX_LENGTH", f"Must be {MAX_EMBEDS} or fewer in length.")
    clean = [as_object(without_nulls(embed)) for embed in embeds]
    total = 0
    for index, embed in enumerate(clean):
        embed["type"] = "rich"
        embed.pop("flags", None)
        total += _check_embed(f"embeds.{index}", embed)
    if total > MAX_EMBED_CHARACTERS:
        raise bad_form(
            "embeds", "MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {MAX_EMBED_CHARACTERS}"
        )
    return clean


def _check_embed(path: str, embed: Payload) -> int:
    """Returns the number of characters that count towards the limit of the message."""
    for name, limit in EMBED_LIMITS.items():
        if len(str(embed.get(name, ""))) > limit:
            raise too_long(f"{path}.{name}", limit)
    fields = as_objects(embed.get("fields"))
    if len(fields) > 25:
        raise bad_form(f"{path}.fields", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    for index, field in enumerate(fields):
        field.setdefault("inline", False)
        for name, limit in (("name", 256), ("value", 1024)):
            if not 0 < len(str(field.get(name, ""))) <= limit:
                raise too_long(f"{path}.fields.{index}.{name}", limit)
    texts = [embed.get("title"), embed.get("description"), as_object(embed.get("author")).get("name")]
    texts += [as_object(embed.get("footer")).get("text")]
    texts += [field.get(name) for field in fields for name in ("name", "value")]
    return sum(len(str(text)) for text in texts if text)


def check_components(components: Sequence[Payload]) -> list[Payload]:
    """The components as they are kept: without nulls, every one with an `id`, custom ids present and single."""
    clean = [as_object(without_nulls(component)) for component in components]
    every = list(walk(clean))
    if len(every) > MAX_COMPONENTS:
        raise bad_form("components", "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED", f"Must be {MAX_COMPONENTS} or fewer.")
    taken = {component["id"] for component in every if component.get("id")}
    free = (number for number in range(1, 10_000) if number not in taken)
    seen: set[str] = set()
    for component in every:
        if not component.get("id"):
            component["id"] = next(free)
        _check_component(component, seen)
    return clean


def _check_component(component: Payload, seen: set[str]) -> None:
    custom_id = component.get("custom_id")
    kind, style = component.get("type"), component.get("style")
    if kind in SELECTS:
        component.setdefault("min_values", 1)
        component.setdefault("max_values", 1)
    needs_id = kind in SELECTS or (kind == BUTTON and style not in (LINK_STYLE, PREMIUM_STYLE))
    if needs_id and not custom_id:
        raise bad_form("components", "BASE_TYPE_REQUIRED", "custom_id is required")
    if isinstance(custom_id, str):
        if len(custom_id) > 100:
            raise too_long("components.custom_id", 100)
        if custom_id in seen:
            raise bad_form("components", "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated")
        seen.add(custom_id)


def walk(components: Sequence[Payload]) -> Iterator[Payload]:
    """Every component, parents first."""
    for component in components:
        yield component
        yield from walk(as_objects(component.get("components")))
        for name in ("accessory", "component"):
            if isinstance(child := component.get(name), dict):
                yield from walk([child])


def find_component(components: Sequence[Payload], custom_id: str) -> Payload:
    """The clickable component of that custom id; 50035 if the message has none."""
    for component in walk(components):
        if component.get("custom_id") == custom_id and not component.get("disabled"):
            return component
    raise ApiError(400, 50035, "Invalid Form Body", {"data": {"_errors": [UNKNOWN_COMPONENT]}})


UNKNOWN_COMPONENT = {"code": "COMPONENT_VALIDATION_FAILED", "message": "Component validation failed"}


# ── going out ──


def resolve_embeds(embeds: Sequence[Payload], shown: Mapping[str, Payload]) -> tuple[list[Payload], set[str]]:
    """Puts addresses where embeds say attachment://NAME; also returns the names so used.

    `shown`: file name → attachment JSON. Discord does not list an attachment that an embed shows a second time.
    """
    used: set[str] = set()
    resolved = []
    for embed in embeds:
        embed = dict(embed)
        for name in PICTURE_FIELDS:
            if name in embed:
                embed[name] = _with_address(as_object(embed[name]), "url", "proxy_url", shown, used)
        for name in ("author", "footer"):
            if name in embed:
                embed[name] = _with_address(as_object(embed[name]), "icon_url", "proxy_icon_url", shown, used)
        resolved.append(embed)
    return resolved, used


def _with_address(part: Payload, field: str, proxy_field: str, shown: Mapping[str, Payload], used: set[str]) -> Payload:
    name = str(part.get(field, "")).removeprefix("attachment://")
    attachment = shown.get(name) if name != part.get(field) else None
    if attachment is None:
        return part
    used.add(name)
    size = {key: attachment[key] for key in ("width", "height") if field == "url" and key in attachment}
    return part | {field: attachment["url"], proxy_field: attachment["proxy_url"]} | size


def resolve_components(components: Sequence[Payload], shown: Mapping[str, Payload]) -> list[Payload]:
    return [as_object(_resolve_media(component, shown)) for component in components]


def _resolve_media(value: object, shown: Mapping[str, Payload]) -> object:
    if isinstance(value, list):
        return [_resolve_media(entry, shown) for entry in value]
    if not isinstance(value, dict):
        return value
    url = value.get("url")
    if isinstance(url, str) and url.startswith("attachment://"):
        attachment = shown.get(url.removeprefix("attachment://"), {})
        return value | {
            key: attachment[key] for key in ("id", "url", "proxy_url", "width", "height") if key in attachment
        }
    return {key: _resolve_media(member, shown) for key, member in value.items()}
