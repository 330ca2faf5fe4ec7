"""`mien persona budget`: who spends the tokens of a persona's prompt. Only the model's tokenizer is loaded for it."""

import argparse
import json
from dataclasses import asdict
from itertools import chain
from random import Random

from bot.errors import MienError
from bot.settings import Settings, load_settings
from inference.formats.template import chat_template
from inference.loader import words_of
from inference.tokens import Tokens
from inference.weights import measure
from persona.card import Persona, load_persona
from persona.lore.engine import Lore
from persona.lore.outcome import Awakened
from persona.macros import Macros
from persona.sections import Sections
from persona.setting import Setting
from persona.spending import Fate, Spending, spending

WIDTH = 30  # signs of the longest bar
EIGHTHS = " ▏▎▍▌▋▊▉"


async def budget(options: argparse.Namespace) -> int:
    """Print the picture, or one JSON object; exit status 1 where the card leaves no room for a conversation."""
    settings = load_settings(options.config)
    persona = load_persona(options.persona, settings.bot.persona_roots())
    tokens = _tokens(settings)
    reply = settings.model.max_tokens
    context = options.tokens or _context(settings)
    if context <= reply:
        raise MienError(f"{context} tokens leave none beside a reply of {reply} ([model] max_tokens): ask for more.")
    found = spending(
        persona.card,
        budget=context - reply,
        count=lambda messages: len(tokens.prompt(messages)),
        tags=settings.direction.tags,
        setting=Setting(lore=_lasting(persona, tokens, context - reply)),
    )
    print(json.dumps(_data(found, context, reply), ensure_ascii=False) if options.json else _picture(found, reply))
    return 0 if found.left > 0 or _droppable(found) + found.left > 0 else 1


def _tokens(settings: Settings) -> Tokens:
    tokenizer = words_of(settings.model.name, settings.bot.state / "cache")
    if settings.model.chat_template:
        tokenizer.chat_template = chat_template(settings.model.chat_template, tokenizer)
    return Tokens(tokenizer)


def _context(settings: Settings) -> int:
    """Tokens of a prompt and its reply together, as `mien run` has them."""
    held = measure(settings.model.name, settings.model.quantization, device="cpu").context_tokens
    return min(held, settings.model.longest_context())


def _lasting(persona: Persona, tokens: Tokens, room: int) -> Awakened:
    """The lore that is awake before anybody has spoken: constant entries."""
    lore = Lore(persona.lore)
    fill: Macros = Sections(persona.card).macros
    return lore.awaken(
        (),
        count=lambda text: len(tokens.literal(text)),
        budget=int(room * lore.rules.share),
        chance=Random(0),
        fill=fill.fill,
    )


def _droppable(found: Spending) -> int:
    return sum(row.tokens for row in found.rows if row.fate is Fate.FIRST)


def _data(found: Spending, context: int, reply: int) -> dict[str, object]:
    rows = [asdict(row) | {"share": round(row.tokens / context, 4)} for row in found.rows]
    return {
        "persona": found.name,
        "context": context,
        "reply": reply,
        "rows": rows,
        "left": found.left,
        "unknown_macros": list(found.unknown),
    }


def _picture(found: Spending, reply: int) -> str:
    """A line for each part, in the order of the prompt, and what is left."""
    context = found.budget + reply
    says = {Fate.STAYS: "", Fate.FIRST: "goes first when space is short", Fate.SECOND: "then its oldest messages go"}
    notes = [(row.what, row.tokens, says[row.fate]) for row in found.rows]
    notes += [("kept for the reply", reply, ""), ("left for the conversation", found.left, _verdict(found))]
    wide = max(len(what) for what, _, _ in notes)
    lines = [_line(what, number, note, context, wide) for what, number, note in notes]
    macros = [f"Unknown macros, which the model reads as they are: {', '.join(found.unknown)}"] if found.unknown else []
    return "\n".join(chain([f"{found.name}: {context:,} tokens for a prompt and its reply"], lines, macros))


def _line(what: str, number: int, note: str, context: int, wide: int) -> str:
    share = number / context
    return f"  {what:<{wide}} {number:>7,} {share:>7.1%}  {_bar(share):<{WIDTH}}  {note}".rstrip()


def _bar(share: float) -> str:
    eighths = round(max(min(share, 1.0), 0.0) * WIDTH * 8)
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def _verdict(found: Spending) -> str:
    if found.left > 0:
        return ""
    if _droppable(found) + found.left > 0:
        return "so examples are left out"
    return "the card alone is too long for this model"
