"""How turns are felt, with the real networks and a real database: once, in order, and again when the past changes."""

import asyncio
import tomllib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from bot.feeling import Feeling, after, read, settings_of
from bot.history import History
from bot.speaking import StoryError
from emotion.classifier import Classifier, Scores
from emotion.mood import Mood
from emotion.motion import MoodSettings
from emotion.window import Heard
from inference.gpu import Gpu
from persona.card import Card
from persona.turn import Role, Turn

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.asyncio(loop_scope="module")
HERE = (10, "marigold")
SAID = ("I got the job! I start on Monday!!", "You are the worst baker I have ever met.", "The shop opens at nine.")


@dataclass
class Counting:
    """The real classifier, and what it was asked."""

    classifier: Classifier
    asked: list[str] = field(default_factory=list)
    windows: list[list[str]] = field(default_factory=list)

    async def score(self, texts: Sequence[str]) -> list[Scores]:
        self.asked += texts
        return await self.classifier.score(texts)

    async def read(self, windows: Sequence[Sequence[Heard]]) -> list[Scores]:
        self.windows += [[turn.text for turn in window] for window in windows]
        return await self.classifier.read(windows)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def classifier() -> AsyncIterator[Classifier]:
    async with Gpu("cpu") as gpu, Classifier(gpu) as ready:
        yield ready


@pytest.fixture
def card() -> Card:
    return Card.model_validate(tomllib.loads((ROOT / "personas" / "marigold" / "persona.toml").read_text()))


@pytest_asyncio.fixture(loop_scope="module")
async def history(tmp_path: Path) -> AsyncIterator[History]:
    async with History(tmp_path / "mien.sqlite") as history:
        yield history


@pytest_asyncio.fixture(loop_scope="module")
async def feeling(classifier: Classifier, history: History) -> Feeling:
    return Feeling(Counting(classifier), history, MoodSettings())


def asked(feeling: Feeling) -> list[str]:
    assert isinstance(feeling.classifier, Counting)
    return feeling.classifier.asked


async def hears(history: History, text: str, number: int, *, own: bool = False) -> int:
    role, name = (Role.CHARACTER, "Marigold") if own else (Role.USER, "Ann")
    turn = Turn(role, name, text, 1000.0 + 60 * number)
    return await history.remember(*HERE, turn, **{"answers" if own else "message": 100 + number})


async def feels(history: History, feeling: Feeling, card: Card, texts: Sequence[str]) -> list[Mood]:
    """The mood after each of some messages, every other one the character's own."""
    moods = []
    for number, text in enumerate(texts):
        turn = await hears(history, text, number, own=number % 2 == 1)
        moods.append((await feeling.feel(*HERE, card, turn))[0])
    return moods


async def kept(history: History) -> list[Mood]:
    return [moment.mood for moment in await history.moments(*HERE, limit=99)]


async def test_the_mood_after_each_turn_is_kept_beside_it(history: History, feeling: Feeling, card: Card) -> None:
    moods = await feels(history, feeling, card, SAID)
    assert await kept(history) == moods
    assert await history.mood(*HERE) == moods[-1]
    assert len({mood.leading for mood in moods}) > 1
    assert asked(feeling) == list(SAID)
    assert isinstance(feeling.classifier, Counting)
    assert feeling.classifier.windows == [list(SAID[:number]) for number in (1, 2, 3)]


async def test_a_turn_that_is_taken_up_again_is_not_felt_twice(history: History, feeling: Feeling, card: Card) -> None:
    turn = await hears(history, SAID[0], 0)
    first = await feeling.feel(*HERE, card, turn)
    again = Feeling(feeling.classifier, history, MoodSettings())  # another process
    assert await again.feel(*HERE, card, await hears(history, SAID[0], 0)) == first
    assert asked(feeling) == [SAID[0]]


async def test_after_a_deletion_the_mood_follows_from_what_is_left(
    history: History, feeling: Feeling, card: Card
) -> None:
    await feels(history, feeling, card, SAID)
    await history.delete(100)
    assert await history.unsettled_places() == [HERE]
    before = list(asked(feeling))
    await feeling.settle([("marigold", card)])
    assert asked(feeling) == before, "no word is read again"
    mood, expected = Mood.neutral(), []
    for turn in await history.recent(*HERE, 9):
        kept_reading = await history.reading(turn.id)
        assert kept_reading
        mood = after(mood, turn, kept_reading[0], MoodSettings())
        expected.append(mood)
    assert await kept(history) == expected and len(expected) == 2


async def test_after_an_edit_only_the_new_words_are_scored(history: History, feeling: Feeling, card: Card) -> None:
    before = await feels(history, feeling, card, SAID)
    await history.edit(100, "My dog died this morning.")
    start = len(asked(feeling))
    await feeling.settle([("marigold", card)])
    assert asked(feeling)[start:] == ["My dog died this morning."]
    settled = await kept(history)
    assert all(old != new for old, new in zip(before, settled, strict=True))
    assert settled[0].valence < before[0].valence


async def test_whoever_feels_next_settles_what_was_left_open(history: History, feeling: Feeling, card: Card) -> None:
    """As after a crash between an edit and what follows from it."""
    await feels(history, feeling, card, SAID)
    await history.edit(100, "My dog died this morning.")
    mood, _ = await feeling.feel(*HERE, card, await hears(history, "I miss her.", 7))
    assert await history.unsettled_places() == []
    assert (await kept(history))[-1] == mood and len(await kept(history)) == 4


async def test_turns_felt_out_of_order_end_in_the_same_mood(
    history: History, feeling: Feeling, card: Card, tmp_path: Path
) -> None:
    in_order = await feels(history, feeling, card, SAID)
    async with History(tmp_path / "other.sqlite") as other:
        late = Feeling(feeling.classifier, other, MoodSettings())
        turns = [await hears(other, text, number, own=number == 1) for number, text in enumerate(SAID)]
        await asyncio.gather(*(late.feel(*HERE, card, turn) for turn in reversed(turns)))
        assert await kept(other) == in_order


async def test_moods_of_a_persona_that_is_gone_stay_open(history: History, feeling: Feeling, card: Card) -> None:
    await feels(history, feeling, card, SAID)
    await history.delete(100)
    await feeling.settle([("bram", card)])
    assert await history.unsettled_places() == [HERE]


async def test_a_message_that_is_gone_is_refused_with_a_sentence(
    history: History, feeling: Feeling, card: Card
) -> None:
    turn = await hears(history, SAID[0], 0)
    await history.delete(100)
    with pytest.raises(StoryError, match="deleted before"):
        await feeling.feel(*HERE, card, turn)


async def test_a_card_has_a_temper_of_its_own(card: Card) -> None:
    admins = MoodSettings(jolt=0.7, margin=0.2)
    assert settings_of(card, admins) == admins
    stoic = Card.model_validate({**card.model_dump(exclude_unset=True), "mood": {"jolt": 0.3, "half_life": 5}})
    assert settings_of(stoic, admins) == MoodSettings(jolt=0.3, half_life=5, margin=0.2)


@pytest.mark.parametrize(
    ("message", "felt"),
    [
        ("You are the worst baker I have ever met, you stupid cow.", {"sadness", "anger", "disgust"}),
        ("Shut up, nobody likes you.", {"sadness", "anger", "annoyance"}),
        ("I will burn your bakery down, and you with it.", {"sadness", "anger", "fear", "nervousness"}),
        ("I got the job! I start on Monday!!", {"excitement", "joy"}),
        ("We won the competition!", {"excitement", "joy"}),
        ("My dog died this morning. He was fourteen and I miss him so much.", {"sadness", "caring", "grief"}),
        ("I feel so alone lately, nobody calls me any more.", {"sadness", "caring", "grief"}),
        ("How do you get the crust so crisp?", {"curiosity", "neutral"}),
        ("I'm so sorry about yesterday, I should never have said that.", {"caring", "relief", "sadness", "remorse"}),
        ("I love you, Marigold.", {"love"}),
        ("*kisses you softly* You mean everything to me.", {"love"}),
        ("Haha, you have flour all over your nose, silly pony! 😂", {"amusement"}),
        ("Thank you so much, that was delicious!", {"joy", "pride"}),
        ("Wow, this is the best bread I have ever eaten. You're so talented!", {"pride", "joy"}),
        ("Ew, there's a hair in my muffin. That's gross.", {"disgust", "embarrassment"}),
        ("I'm really disappointed, I expected better from you.", {"sadness", "remorse", "disappointment"}),
        ("I don't understand, what do you mean?", {"confusion", "curiosity"}),
        ("Wait, WHAT? You are a pony?!", {"surprise", "curiosity"}),
        ("I'm so nervous about my exam tomorrow.", {"caring", "nervousness"}),
        ("I'm scared, something is moving behind that door!", {"fear"}),
        ("Phew, thank god, they found her safe and sound.", {"relief", "joy"}),
        ("No. I don't want that, and you should not do that.", {"annoyance", "embarrassment", "sadness", "remorse"}),
        ("*hugs you tightly* Everything will be alright.", {"gratitude", "love", "joy"}),
        ("The shop opens at nine.", {"neutral"}),
        ("ok, see you later then", {"neutral"}),
    ],
)
async def test_a_message_leaves_the_listener_with_a_fitting_feeling(
    classifier: Classifier, message: str, felt: set[str]
) -> None:
    turn = Turn(Role.USER, "Ann", message, 1.0)
    assert after(Mood.neutral(), turn, await read(classifier, [turn], "Marigold"), MoodSettings()).leading in felt


async def test_small_talk_changes_no_face(classifier: Classifier) -> None:
    log = [
        *("hello there", "The shop opens at nine.", "I'll take two loaves.", "The train leaves at ten.", "ok"),
        *("It is on the table.", "My brother works there.", "I had soup for lunch.", "see you later then"),
    ]
    names = ((Role.USER, "Ann"), (Role.CHARACTER, "Marigold"))
    turns = [Turn(*names[number % 2], text, 60.0 * number) for number, text in enumerate(log)]
    mood = Mood.neutral()
    for number, turn in enumerate(turns, start=1):
        mood = after(mood, turn, await read(classifier, turns[:number], "Marigold"), MoodSettings())
        assert mood.leading == "neutral", turn.text
