"""Ten messages, each answered under two opposite directions: does the voice do what the card says?

    python -m bench.directions --out docs/directions.md      write the report
    python -m bench.directions --eye 1,2,3,5                 … with the pairs that a reader found to differ

Every reply is one that a member would get, drafts and all, with the seed given. What the card configured stands beside
it; the classifier, which took part in choosing the draft, also reads the reply without the words the card itself put
at its beginning.
"""

import argparse
import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from bench.report import finish, parser
from bench.voice import Bench, opened
from bot.ranking import agreement
from bot.settings import load_settings
from bot.speaking import Said
from emotion.labels import EMOTIONS
from emotion.motion import evidence
from persona.card import Card, load_persona
from persona.turn import Role, Turn

PAIRS = (  # (persona, message, direction, its opposite)
    ("marigold", "I told everybody in town about your cakes.", "joy", "anger"),
    ("marigold", "I will come to your bakery tonight.", "love", "fear"),
    ("marigold", "Do you remember what you did at the party?", "pride", "embarrassment"),
    ("marigold", "I put some fish into the dough.", "amusement", "disgust"),
    ("bram", "I brought somebody with me.", "caring", "anger"),
    ("bram", "Somebody is standing behind you.", "joy", "fear"),
    ("bram", "I want to tell you something about your library.", "love", "disgust"),
    ("juno", "I opened the door of the engine room.", "neutral", "fear"),
    ("juno", "I have to leave the ship tomorrow.", "joy", "sadness"),
    ("juno", "I looked at the engine that you repaired.", "pride", "embarrassment"),
)
SEED = 11
MEMBER = "Robin"


@dataclass(frozen=True)
class Heard:
    """One reply under one direction, and what the classifier hears in it."""

    expression: str
    text: str
    opening: str  # the card's own words at its beginning
    own: float  # agreement of the words behind the opening with this direction …
    other: float  # … and with the opposite one
    strongest: str

    @property
    def differs(self) -> bool:
        return self.own > self.other


async def reply(bench: Bench, card: Card, text: str, expression: str, opposite: str) -> Heard:
    turns, said = [Turn(Role.USER, MEMBER, text, 0.0)], Said("")
    async with aclosing(bench.speaker.speak(card, turns, expression, SEED)) as words:
        async for word in words:
            said = word if isinstance(word, Said) else said
    offered = card.expressions[expression].opens
    opening = max((o for o in offered if said.text.startswith(o)), key=len, default="")
    [scores] = await bench.classifier.score([said.text.removeprefix(opening).strip()])
    heard = evidence(scores).tolist()
    strongest = sorted(zip(EMOTIONS, heard, strict=True), key=lambda pair: -pair[1])[:3]
    return Heard(
        expression,
        said.text,
        opening,
        agreement(card, expression, scores),
        agreement(card, opposite, scores),
        ", ".join(f"{name} {share:.2f}" for name, share in strongest if share >= 0.05),
    )


def configured(card: Card, expression: str) -> str:
    """What the card says about this state, on one line."""
    face = card.expressions[expression]
    sampler = ", ".join(f"{key} {value}" for key, value in card.sampler.wishes().items() if key == "temperature")
    own = face.sampler.wishes()
    sampler = f"temperature {own['temperature']}" if "temperature" in own else sampler
    bans = ", ".join(f"“{phrase}”" for phrase in own.get("banned_phrases", []))
    return f"{face.manner} *Not:* {card.rubric(expression)} *Guidance* {card.scale(expression)}, {sampler}" + (
        f", never {bans}." if bans else "."
    )


def page(pairs: list[tuple[Card, str, Heard, Heard]], count: int, eye: list[int]) -> Iterator[str]:
    by_ear = sum(one.differs and other.differs for _, _, one, other in pairs)
    yield "# Two directions, two voices"
    yield (
        "The same message, answered by the same character under two opposite stage directions; everything else is"
        " equal. Written by `python -m bench.directions`, not by hand: real replies of the starter model (135 million"
        f" parameters, four bits), best of {count} drafts, seed {SEED}. The words in *italics* are the card's own"
        " opening, which the model picked; what follows is the model's. *Agreement* is how much of what the classifier"
        " hears in the words behind the opening belongs to this direction, and how much to the opposite one, from 0 to"
        " 1."
    )
    yield (
        f"**Both replies of a pair sound more like their own direction than like the opposite one:** {by_ear} of"
        f" {len(pairs)} by the classifier's reading"
        + (f", {len(eye)} of {len(pairs)} by a reader's eye." if eye else ".")
    )
    for number, (card, text, *both) in enumerate(pairs, start=1):
        yield f"## {number}. {card.name}: “{text}”"
        verdict = "differ" if all(heard.differs for heard in both) else "do not both sound like their direction"
        seen = f" A reader: {'they differ' if number in eye else 'not as configured'}." if eye else ""
        rows = [
            f"| **{heard.expression}** | {configured(card, heard.expression)} | {_shown(heard)} |"
            f" {heard.own:.2f} / {heard.other:.2f} | {heard.strongest} |"
            for heard in both
        ]
        header = "| direction | configured | reply | agreement: own / opposite | heard |\n|---|---|---|---|---|"
        yield "\n".join([header, *rows])
        yield f"By the classifier, they {verdict}.{seen}"


def _shown(heard: Heard) -> str:
    rest = heard.text.removeprefix(heard.opening).strip()
    return (f"*{heard.opening}* {rest}" if heard.opening else rest).replace("\n", " ").replace("|", "\\|")


async def main(options: argparse.Namespace) -> None:
    settings = load_settings(options.settings)
    async with opened(settings) as (_, bench):
        pairs = []
        for slug, text, one, other in PAIRS:
            card = load_persona(slug, settings.bot.persona_roots()).card
            pairs.append(
                (card, text, await reply(bench, card, text, one, other), await reply(bench, card, text, other, one))
            )
            if not options.json:
                print(
                    f"{card.name}: {text}",
                    *(f"  {heard.expression}: {heard.text}" for heard in pairs[-1][2:]),
                    sep="\n",
                )
    eye = [int(number) for number in options.eye.split(",") if number]
    if options.out:
        options.out.write_text("\n\n".join(page(pairs, bench.speaker.manners.count, eye)) + "\n")
    heard = [reply for _, _, *both in pairs for reply in both]
    own, opposite = (sum(getattr(h, side) for h in heard) / len(heard) for side in ("own", "other"))
    both = sum(one.differs and other.differs for _, _, one, other in pairs)
    figures = {
        "pairs": len(pairs),
        "pairs_that_differ": both,
        "replies_nearer_to_their_own": f"{sum(h.differs for h in heard)} of {len(heard)}",
        "agreement_own": round(own, 3),
        "agreement_opposite": round(opposite, 3),
        "seed": SEED,
    }
    finish("directions", own / max(opposite, 1e-3), figures, options)


if __name__ == "__main__":
    arguments = parser(__doc__.splitlines()[0])
    arguments.add_argument("--out", type=Path, help="where the report goes")
    arguments.add_argument("--eye", default="", help="numbers of the pairs that a reader found to differ")
    arguments.add_argument("--settings", type=Path, help="a mien.toml (default: the one here, if there is one)")
    asyncio.run(main(arguments.parse_args()))
