"""What of a community's card is kept and not used, and why; and what of it is used, in a few words.

Nothing in a card is ever lost: an export writes it back as it was. But an admin should know what will not be seen.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from persona.cardfile import CardFile
from persona.cardtext import CardError
from persona.character import Character
from persona.emotions import KINDS, content_at
from persona.lint.notice import Notice, counted

_FOR_PEOPLE = "is for people who choose a card; it never enters the prompt"
_UNUSED = {  # fields of V1 to V3 cards -> why they are not used
    "creator_notes": _FOR_PEOPLE,
    "creator_notes_multilingual": _FOR_PEOPLE,
    "creatorcomment": _FOR_PEOPLE,
    "creator": "says who made the card; it never enters the prompt",
    "character_version": "says which version of the card this is; it never enters the prompt",
    "source": "says where the card came from; nothing is fetched from there",
}
_SILENT = {  # known, without any use for a bot, and not worth a word
    *("spec", "spec_version", "data", "name", "nickname", "description", "personality", "scenario", "first_mes"),
    *("mes_example", "system_prompt", "post_history_instructions", "alternate_greetings", "group_only_greetings"),
    *("character_book", "extensions", "assets", "creation_date", "modification_date", "create_date", "metadata"),
    *("char_name", "char_persona", "world_scenario", "char_greeting", "example_dialogue", "greeting", "context"),
    *("talkativeness", "fav", "chat", "avatar", "json_data", "date_added", "date_last_chat", "chat_size", "data_size"),
}
_EXTENSIONS = {  # of other programs -> what is not used there
    "chub": "Chub's links and pictures; nothing is fetched",
    "risuai": "RisuAI's scripts, variables and backgrounds; its emotions become faces",
    "regex_scripts": "SillyTavern's regex scripts, which would rewrite replies; Mien runs no scripts of cards",
    "TavernHelper_scripts": "scripts; Mien runs no scripts of cards",
    "tavern_helper": "scripts; Mien runs no scripts of cards",
    "agnai": "settings of Agnai",
    "pygmalion_id": "an id of Pygmalion",
    "pygmalion": "settings of Pygmalion",
    "sd_character_prompt": "words for a whole picture; Mien paints expressions by `prompt` in persona.toml",
    "world": "the name of a lorebook",
    "voicevox": "a voice",
}
_USED_EXTENSIONS = {"depth_prompt", "talkativeness", "mien", "fav", "world"}
_ASSETS = {
    "background": "Discord shows no backgrounds",
    "user_icon": "members have their own pictures",
}
_FIELDS = {  # field -> what to call it in the line about what is used
    "description": "description",
    "personality": "personality",
    "scenario": "scenario",
    "system_prompt": "system prompt",
    "post_history_instructions": "post-history instructions",
    "mes_example": "example dialogue",
    "first_mes": "greeting",
}


def used(character: Character, entries: int) -> list[str]:
    """What goes into prompts, greetings and faces."""
    words = [word for field, word in _FIELDS.items() if getattr(character, field).strip()]
    if others := len(character.alternate_greetings):
        words.append(counted(others, "other greeting", "other greetings"))
    if scenes := len(character.group_only_greetings):
        words.append(counted(scenes, "greeting for scenes", "greetings for scenes"))
    words += ["depth prompt"] * (character.depth_prompt is not None)
    return words + [counted(entries, "lore entry", "lore entries")] * (entries > 0)


def ignored(character: Character, file: CardFile | None) -> Iterator[Notice]:
    """Every field, extension and asset that is not used, with the reason."""
    data = character.raw.get("data")
    tables = [("data.", data), ("", character.raw)] if isinstance(data, dict) else [("", character.raw)]
    for prefix, table in tables:
        for key, value in table.items():
            if key in _UNUSED and value:
                yield Notice("note", "kept", f"{prefix}{key}", _UNUSED[key])
            elif key == "tags" and value:
                yield Notice("note", "kept", f"{prefix}tags", "are for finding cards; only lore asks for them")
            elif key not in _SILENT and key not in _UNUSED and value not in (None, "", [], {}):
                yield Notice("note", "unknown-field", f"{prefix}{key}", "is no field of V1 to V3 cards; it is kept")
    prefix, fields = tables[0]
    if isinstance(fields.get("extensions"), dict):
        yield from _extensions(f"{prefix}extensions", fields["extensions"], character)
    if isinstance(fields.get("assets"), list):
        yield from _assets(f"{prefix}assets", fields["assets"], file)


def _extensions(where: str, extensions: Mapping[str, Any], character: Character) -> Iterator[Notice]:
    world = extensions.get("world")
    if isinstance(world, str) and world.strip() and character.book is None:
        says = f"names the lorebook “{world[:60]}”, which is not in the card"
        advice = "export that world info from SillyTavern and put it into the persona's folder as lorebook.json"
        yield Notice("warning", "lorebook-missing", f"{where}.world", says, advice)
    for key, value in extensions.items():
        if key in _USED_EXTENSIONS or value in (None, "", [], {}):
            continue
        what = _EXTENSIONS.get(key, "something of another program, which Mien does not know")
        yield Notice("note", "extension", f"{where}.{key}", f"is kept but not used: {what}")


def _assets(where: str, assets: list[Any], file: CardFile | None) -> Iterator[Notice]:
    for number, one in enumerate(assets[:1000]):
        if not isinstance(one, dict):
            yield Notice("warning", "asset", f"{where}[{number}]", "is no asset; it is left out")
            continue
        kind, address = str(one.get("type", "")).lower(), str(one.get("uri", ""))
        if kind not in (*KINDS, "icon"):
            why = _ASSETS.get(kind, "it is of a kind that Mien does not show")
            yield Notice("note", "asset-unused", f"{where}[{number}]", f"{_named(one)} is not used: {why}")
        elif trouble := _trouble(file, address):
            advice = "download it and put it into faces/" if kind in KINDS else "put the portrait there as base.png"
            yield Notice("warning", "asset-missing", f"{where}[{number}]", f"{_named(one)}: {trouble}", advice)


def _named(one: Mapping[str, Any]) -> str:
    return f"the {str(one.get('type', 'asset'))[:20]} “{str(one.get('name', ''))[:40]}”"


def _trouble(file: CardFile | None, address: str) -> str:
    """Why an asset cannot be had; "" where it can, or where the card only says that it is the picture itself."""
    if file is None or address.strip().lower().startswith("ccdefault:"):
        return ""
    try:
        content_at(file, address)
    except CardError as error:
        return str(error).partition(";")[0].rstrip(".")
    return ""
