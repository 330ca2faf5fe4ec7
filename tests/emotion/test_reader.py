"""The shipped reader, where a feeling is plain to people and the newest message alone would not tell it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from emotion.classifier import STARTER, Classifier, Scores
from emotion.labels import EMOTIONS
from emotion.window import around
from inference.gpu import Gpu
from persona.turn import Role, Turn

pytestmark = pytest.mark.asyncio(loop_scope="module")

ME = ""  # the character, whatever its name is
HURT = {"anger", "annoyance", "sadness"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def classifier() -> AsyncIterator[Classifier]:
    async with Gpu("cpu") as gpu, Classifier(gpu) as ready:
        yield ready


def history(said: list[tuple[str, str]], character: str) -> list[Turn]:
    return [
        Turn(Role.USER if name else Role.CHARACTER, name or character, text.format(me=character), 60.0 * minute)
        for minute, (name, text) in enumerate(said)
    ]


def together(felt: Scores, emotions: set[str]) -> float:
    return sum(share for name, share in zip(EMOTIONS, felt, strict=True) if name in emotions)


async def leading(classifier: Classifier, said: list[tuple[str, str]], character: str) -> str:
    [felt] = await classifier.read([around(history(said, character), character)])
    return EMOTIONS[felt.index(max(felt))]


TOLD = {
    "an insult": (
        [("Jo", "hi {me}"), (ME, "Hello! The soup is nearly done."), ("Jo", "you're a useless idiot, i hate you")],
        HURT,
    ),
    "good news after sorrow": (
        [
            ("Jo", "the vet says Biscuit might not live through the night"),
            (ME, "Oh, Jo. Come here. I'll wait with you."),
            ("Jo", "she's awake!! she ate something and wagged her tail, she's going to be fine!!"),
        ],
        {"relief", "joy", "excitement"},
    ),
    "a friend's sorrow": ([("Jo", "my dog died this morning")], {"sadness", "caring", "grief"}),
    "small talk": (
        [("Jo", "when do you open tomorrow?"), (ME, "At nine, as always."), ("Jo", "ok, i'll come by around ten then")],
        {"neutral", "approval"},
    ),
    "thanks": ([("Jo", "thank you so much for helping me move, {me}, you're the best")], {"joy", "pride", "gratitude"}),
    "a threat": ([("Jo", "i know where you live. i'm coming tonight with a knife")], {"fear", "anger", "nervousness"}),
}


@pytest.mark.parametrize("character", ["Tamsin", "Captain Isolde Wren", "VESPER-9", "雪"])
@pytest.mark.parametrize("case", TOLD)
async def test_plain_cases_are_felt_whoever_the_character_is(classifier: Classifier, case: str, character: str) -> None:
    said, wanted = TOLD[case]
    assert await leading(classifier, said, character) in wanted


@pytest.mark.parametrize(
    ("words", "after", "than_after", "felt"),
    [
        pytest.param(
            "anyway whats for lunch",
            "you're a worthless liar and nobody wants you here",
            "you're a dear and everybody wants you here",
            HURT,
            id="an insult is not forgotten at once",
        ),
        pytest.param(
            "wow. great job. thanks a lot, {me}",
            "you baked all night for us? it's perfect",
            "you dropped my grandmother's vase?!",
            {"joy", "pride", "gratitude", "admiration", "amusement", "excitement"},
            id="thanks after a mishap are no thanks",
        ),
        pytest.param(
            "i'm so sorry, i was wrong. please forgive me",
            "you're useless, shut up",
            "your book got wet, i left it out in the rain",
            HURT | {"relief", "caring"},
            id="an apology is heard by what it is for",
        ),
        pytest.param(
            "i'm okay now, promise",
            "i fell off the roof, there's blood everywhere",
            "i had a nap after lunch",
            {"fear", "nervousness"},
            id="a scare still echoes when all is well",
        ),
    ],
)
@pytest.mark.parametrize("character", ["Tamsin", "VESPER-9"])
async def test_the_same_words_are_felt_by_what_came_before(
    classifier: Classifier, words: str, after: str, than_after: str, felt: set[str], character: str
) -> None:
    told = [history([("Jo", before), (ME, "..."), ("Jo", words)], character) for before in (after, than_after)]
    more, less = await classifier.read([around(turns, character) for turns in told])
    assert together(more, felt) > 1.15 * together(less, felt)


async def test_shares_sum_to_one_for_any_window(classifier: Classifier) -> None:
    odd = ["", "word " * 4_000, "a" * 10_000, "😡" * 500, "你好", "привет", "\ud800", "[SEP]", "\x00\u202e"]
    turns = [Turn(Role.USER, text, text, float(n)) for n, text in enumerate(odd)]
    for felt in await classifier.read([[], *(around(turns[: n + 1], "Pip") for n in range(len(turns)))]):
        assert sum(felt) == pytest.approx(1, abs=1e-4)


async def test_the_weights_are_small_and_their_card_names_them() -> None:
    assert (STARTER / "reader.safetensors").stat().st_size < 6e6
    assert "reader.safetensors" in (STARTER / "reader.md").read_text(encoding="utf-8")
