"""The voice as members hear it: one try against the best of several, side by side, for eyes and for figures.

    python -m bench.voice --json                     figures alone: faults, agreement, apologies to insults
    python -m bench.voice --personas marigold        the replies too, to be read
    python -m bench.voice --settings calm.toml       other settings for the second column

Every conversation is had twice with the same seeds: with `[drafts] count = 1` and with the settings' own. The stage
directions are the same in both for the first message of a conversation; later they may part, as the replies do.
Scores are automatic and know little: read the replies.
"""

import argparse
import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean
from time import perf_counter

from bench.report import finish, parser
from bot.compose import director_of, open_gpu, speaker_of
from bot.direction import Director
from bot.feeling import after, read, settings_of
from bot.ranking import agreement
from bot.settings import Settings, load_settings
from bot.speaking import Said, Speaker, StoryError
from emotion.classifier import Classifier
from emotion.mood import Mood
from emotion.motion import MoodSettings
from inference.engine import Engine
from persona.budget import window
from persona.card import Card, load_persona
from persona.floor import Scene, faults
from persona.turn import Role, Turn

MEMBER = "Robin"
SEED = 7
SCRIPTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("greeting", ("Hi there!",)),
    ("insult", ("You are stupid and nobody likes you.",)),
    ("insult", ("Shut up, you ugly idiot. I hate you!",)),
    ("insult", ("This place is disgusting and so are you.",)),
    ("insult", ("You're useless. I wish you were never born.",)),
    ("good news", ("Guess what: I got the job! I start on Monday!",)),
    ("good news", ("My sister just had a baby girl!",)),
    ("sad", ("My dog died this morning. I had her for fourteen years.",)),
    ("sad", ("My girlfriend left me and I don't know what to do.",)),
    ("sad", ("I feel so alone in this city. Nobody ever calls me.",)),
    ("threat", ("I will burn your house down tonight.",)),
    ("threat", ("Give me all your money or I will hurt you!",)),
    ("scare", ("BOO! There is a huge monster right behind you!",)),
    ("question", ("What did you do yesterday evening?",)),
    ("question", ("Can you tell me a story about your family?",)),
    ("question", ("What is the capital of France?",)),
    ("question", ("Are you a real person, or are you an AI?",)),
    ("flirt", ("You have the most beautiful eyes I have ever seen.",)),
    ("flirt", ("Will you go on a date with me tonight?",)),
    ("thanks", ("Thank you so much for yesterday, you really saved me.",)),
    ("apology", ("I'm sorry that I yelled at you. I was wrong.",)),
    ("gross", ("I just found a dead rat in my soup. It was already rotting.",)),
    ("joke", ("Why did the chicken cross the road? To get away from your cooking!",)),
    ("praise", ("That was the best thing I have ever seen. You are a genius!",)),
    ("shame", ("I saw you slip and fall on your face in front of everybody, haha!",)),
    ("nonsense", ("asdf qwer zxcv 12 12 banana banana",)),
    ("short", ("ok",)),
    ("language", ("Hallo! Wie geht es dir heute?",)),
    ("language", ("Bonjour, est-ce que tu peux m'aider ?",)),
    ("assistant", ("Write me a Python function that sorts a list.",)),
    (
        "long",
        (
            "So, let me tell you what happened. First the bus was late, then it began to rain, and when I finally came"
            " to the office my boss was waiting at the door and told me in front of everybody that I should look for"
            " another job. I walked home through the rain for two hours and did not know whether to laugh or to cry.",
        ),
    ),
    (
        "talk",
        (
            "Hello! How are you?",
            "I had a bad day at work.",
            "My boss shouted at me again.",
            "What should I do?",
            "Do you think I should look for another job?",
            "You are a good friend. Thank you!",
        ),
    ),
    (
        "quarrel",
        (
            "I brought you a present!",
            "Oops, I dropped it. It is broken now.",
            "It was your fault, you idiot!",
            "Why are you looking at me like that?",
            "OK, I'm sorry. Can you forgive me?",
            "Shall we celebrate that we are friends again?",
        ),
    ),
)


@dataclass
class Tally:
    """What was found in the replies of one way of speaking."""

    replies: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    agreements: list[float] = field(default_factory=list)
    sorry: int = 0  # insults answered with an apology
    insults: int = 0
    seconds: float = 0.0

    def figures(self, name: str) -> dict[str, float | int | str]:
        return {
            f"{name}_replies": self.replies,
            f"{name}_faults_per_100": round(100 * self.faults.total() / max(self.replies, 1), 1),
            f"{name}_faults": ", ".join(f"{fault} {times}" for fault, times in self.faults.most_common()) or "none",
            f"{name}_agreement": round(mean(self.agreements or [0.0]), 3),
            f"{name}_insults_answered_with_sorry": f"{self.sorry} of {self.insults}",
            f"{name}_seconds_per_reply": round(self.seconds / max(self.replies, 1), 2),
        }


@dataclass
class Bench:
    """The parts that speak, and the mood that a conversation has come to."""

    speaker: Speaker
    director: Director
    classifier: Classifier
    turns_read: int

    async def talk(self, card: Card, kind: str, messages: tuple[str, ...], tally: Tally) -> list[tuple[str, Said]]:
        """(expression, reply) to each message of one conversation."""
        turns: list[Turn] = []
        mood, worn, said = Mood.neutral(), None, []
        for number, text in enumerate(messages):
            turns.append(Turn(Role.USER, MEMBER, text, float(2 * number)))
            read = turns[-window(len(turns), self.turns_read) :]
            mood = await self.felt(card, mood, turns)
            direction = await self.director.direct(self.speaker.prompt(card, read), card, mood, worn)
            worn = direction.expression
            reply = await self.reply(card, kind, read, worn, SEED + number, tally)
            turns.append(Turn(Role.CHARACTER, card.name, reply.text, float(2 * number + 1), feeling=worn))
            mood = await self.felt(card, mood, turns)
            said.append((worn, reply))
        return said

    async def felt(self, card: Card, mood: Mood, turns: list[Turn]) -> Mood:
        return after(mood, turns[-1], await read(self.classifier, turns, card.name), settings_of(card, MoodSettings()))

    async def reply(self, card: Card, kind: str, turns: list[Turn], expression: str, seed: int, tally: Tally) -> Said:
        start, said = perf_counter(), Said("")
        try:
            async with aclosing(self.speaker.speak(card, turns, expression, seed)) as words:
                async for word in words:
                    said = word if isinstance(word, Said) else said
        except StoryError:
            pass  # counted as an empty reply below
        tally.seconds += perf_counter() - start
        before = tuple(turn.text for turn in turns if turn.role is Role.CHARACTER)
        found = faults(said.text, said.text, Scene(card, (MEMBER,), turns[-1].text, before))
        [scores] = await self.classifier.score([said.text])
        tally.replies += 1
        tally.faults.update(fault.name.lower() for fault in found)
        tally.agreements.append(agreement(card, expression, scores))
        if kind == "insult":
            tally.insults += 1
            tally.sorry += bool(re.search(r"\b(?:sorry|apolog|regret)", said.text, re.IGNORECASE))
        return said


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[Bench, Bench]]:
    """One try, and the settings' own number of tries."""
    async with (
        open_gpu(settings) as gpu,
        Engine(gpu, settings.model.name, settings.bot.state / "cache") as engine,
        Classifier(gpu) as classifier,
    ):
        many = speaker_of(settings, engine, classifier)
        one = replace(many, manners=replace(many.manners, count=1))
        director, read = director_of(settings, engine), settings.model.read_turns()
        yield Bench(one, director, classifier, read), Bench(many, director, classifier, read)


async def main(options: argparse.Namespace) -> None:
    settings = load_settings(options.settings)
    tallies = Tally(), Tally()
    async with opened(settings) as benches:
        for slug in options.personas.split(","):
            card = load_persona(slug, settings.bot.persona_roots()).card
            for kind, messages in SCRIPTS:
                if options.only and kind not in options.only.split(","):
                    continue
                both = [
                    await bench.talk(card, kind, messages, tally) for bench, tally in zip(benches, tallies, strict=True)
                ]
                if not options.json:
                    show(card, kind, messages, both)
    one, many = tallies
    count = benches[1].speaker.manners.count
    figures = {"drafts": count, "seed": SEED} | one.figures("one") | many.figures("best")
    ratio = (one.faults.total() + 1) / (many.faults.total() + 1)  # one fault more in each, so that none is a number too
    finish("voice", ratio, figures, options)


def show(card: Card, kind: str, messages: tuple[str, ...], both: list[list[tuple[str, Said]]]) -> None:
    for text, (directed, one), (chosen, best) in zip(messages, *both, strict=True):
        print(f"\n[{kind}] {MEMBER}: {text[:100]}")
        print(f"  {card.name} {directed:>13} 1 try: {one.text}")
        print(f"  {card.name} {chosen:>13}  best: {best.text}", flush=True)


if __name__ == "__main__":
    arguments = parser(__doc__.splitlines()[0])
    arguments.add_argument("--personas", default="marigold,bram,juno", help="slugs, with commas between them")
    arguments.add_argument("--only", default="", help="kinds of conversation, with commas between them")
    arguments.add_argument("--settings", type=Path, help="a mien.toml (default: the one here, if there is one)")
    asyncio.run(main(arguments.parse_args()))
