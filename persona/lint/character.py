"""What will surprise in a community's card: its name, greetings, examples and prompts, and how much it takes to read.

Knows the normalised card (persona/character.py); where its fields stand in the file is told as findings tell it.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from persona.character import Character
from persona.lint import texts
from persona.lint.notice import Notice
from persona.macrowords import volatile
from persona.naming import fold

FORBIDDEN = ("clyde", "discord")  # in the name of a webhook; Discord's documentation, "Webhook Resource"
WHOLE = ("everyone", "here")
ROLES = ("user", "you", "system", "assistant", "user:", "narrator")
READ = ("description", "personality", "scenario", "system_prompt", "post_history_instructions", "mes_example")
STANDING = ("description", "personality", "scenario", "system_prompt", "post_history_instructions")  # in every prompt
_SPEAKER = re.compile(r"^\s*(?:\{\{char\}\}|<bot>|<char>)\s*:", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Measure:
    """How long texts are. exact: counted by the model's own tokenizer, else about four characters to a token."""

    count: Callable[[str], int] = lambda text: -(-len(text) // 4)
    exact: bool = False
    context: int = 4096  # tokens that a reply reads and writes at most

    def said(self, tokens: int) -> str:
        return f"{tokens:,} tokens" if self.exact else f"about {tokens:,} tokens (four characters each)"


def look(character: Character, measure: Measure) -> Iterator[Notice]:
    """Everything but the lorebook, what is not used, and what was repaired while reading."""
    prefix = "data." if isinstance(character.raw.get("data"), dict) else ""
    yield from name(f"{prefix}name", character.name)
    written = character.raw.get("data", character.raw) if prefix else character.raw
    if isinstance(given := written.get("name"), str) and len(given.strip()) > 80:
        says = f"has {len(given.strip())} characters; Discord shows 80, and the rest is cut off"
        yield Notice("warning", "name-long", f"{prefix}name", says, "write a shorter name in persona.toml")
    for field in READ:
        yield from texts.prompt(f"{prefix}{field}", getattr(character, field))
    yield from _changing(prefix, character)
    yield from _greetings(prefix, character)
    yield from _examples(prefix, character)
    yield from _instructions(prefix, character)
    if character.depth_prompt is not None:
        yield from texts.prompt(f"{prefix}extensions.depth_prompt.prompt", character.depth_prompt.text)
    if character.talkativeness == 0:
        says = "is 0: in a scene it only speaks when it is named"
        yield Notice("note", "talkativeness", f"{prefix}extensions.talkativeness", says)
    yield from size({f"{prefix}{field}": getattr(character, field) for field in STANDING}, measure)


def name(where: str, name: str) -> Iterator[Notice]:
    """What a name does on Discord and in prompts."""
    folded, advice = fold(name), "write another name in persona.toml"
    if "," in name:
        says = f"“{name}” has a comma; members and the model take it for one name"
        yield Notice("warning", "name-comma", where, says, "write one name; further ones belong into `words`")
    if ":" in name:
        says = f"“{name}” has a colon, which ends a speaker's name where lines are read as “Name: words”"
        yield Notice("warning", "name-colon", where, says, advice)
    if found := [word for word in FORBIDDEN if word in folded] + [word for word in WHOLE if word == folded]:
        says = f"Discord forbids “{found[0]}” in such names; Mien puts an invisible blank into it"
        yield Notice("warning", "name-forbidden", where, says, advice)
    if folded in ROLES:
        says = f"“{name}” is also what prompts call somebody else; the model will mix them up"
        yield Notice("warning", "name-role", where, says, advice)
    if "{{" in name:
        yield Notice("warning", "name-macro", where, "has macros, which are not filled in a name", advice)
    if any(unicodedata.category(letter) == "Cf" for letter in name):
        says = "has invisible characters, so nobody can type it as it is"
        yield Notice("warning", "name-invisible", where, says, advice)


def _changing(prefix: str, character: Character) -> Iterator[Notice]:
    for field in STANDING[:4]:
        text = getattr(character, field)
        if volatile(text):
            says = "has a macro that changes with every reply; its line stands low, above the newest message"
            yield Notice("note", "macro-changing", f"{prefix}{field}", says)
        if field != "system_prompt" and "{{user}}" in text.casefold():
            says = "speaks of {{user}}: in a channel of several members that is all of them, by name"
            yield Notice("note", "user-changing", f"{prefix}{field}", says)


def _greetings(prefix: str, character: Character) -> Iterator[Notice]:
    said: dict[str, str] = {}
    fields = [("first_mes", character.first_mes)]
    fields += [(f"alternate_greetings[{at}]", text) for at, text in enumerate(character.alternate_greetings)]
    fields += [(f"group_only_greetings[{at}]", text) for at, text in enumerate(character.group_only_greetings)]
    for field, text in fields:
        yield from texts.greeting(f"{prefix}{field}", text)
        if text.strip() and (before := said.setdefault(text.strip(), field)) != field:
            yield Notice("note", "greeting-twice", f"{prefix}{field}", f"is the same as {before}")
    if not said:
        says = "there is none, so the character joins a channel without a word"
        yield Notice("note", "greeting-none", f"{prefix}first_mes", says, "write `greeting` in persona.toml")


def _examples(prefix: str, character: Character) -> Iterator[Notice]:
    text, where = character.mes_example, f"{prefix}mes_example"
    if not text.strip():
        says = "there is no example dialogue; nothing shapes a voice more, above all with a small model"
        yield Notice("note", "examples-none", where, says, "write three or four [[examples]] in persona.toml")
    elif not (_SPEAKER.search(text) or re.search(rf"^\s*{re.escape(character.name)}\s*:", text, re.MULTILINE)):
        says = "nobody speaks in it: lines begin with “{{char}}:” and “{{user}}:”"
        yield Notice("warning", "examples-mute", where, says, "write who says each line")


def _instructions(prefix: str, character: Character) -> Iterator[Notice]:
    if character.system_prompt.strip() and "{{original}}" not in character.system_prompt.casefold():
        says = "replaces Mien's own first line, which says who is to be played; {{original}} in it would keep that"
        yield Notice("note", "original", f"{prefix}system_prompt", says)
    if not (character.description.strip() or character.personality.strip()):
        says = "there is no description and no personality, so the model knows only the name"
        yield Notice("warning", "description-none", f"{prefix}description", says, "write `description` in persona.toml")


def size(texts: Mapping[str, str], measure: Measure) -> Iterator[Notice]:
    """Whether what stands in every prompt leaves room for a conversation. texts: by where they stand in the file."""
    sizes = {where: measure.count(text) for where, text in texts.items()}
    total, most = sum(sizes.values()), measure.context
    largest = max(sizes, key=lambda where: sizes[where])
    says = f"what stands in every prompt takes {measure.said(total)} of {most:,}, most of it here"
    advice = "shorten it, move what is rarely needed into a lorebook, or use a model that reads more"
    if measure.exact and total > most:
        yield Notice("error", "card-too-long", largest, says, advice)
    elif total > most // 2:
        yield Notice("warning", "card-long", largest, says, advice)
