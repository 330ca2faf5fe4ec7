"""Banned phrases: where they stand, however the text is cut; and replies of the starter that go without them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from inference.engine import Engine
from inference.gpu import Gpu
from inference.grammar import Grammar
from inference.phrases import Phrases, fold
from inference.sampling import SamplingParams
from inference.tokens import Message

CHAT = [
    Message(role="system", content="You are Marigold, a cheerful pony who bakes muffins."),
    Message(role="user", content="Tell me about your village, please."),
]
COMMON = (" the ", " a ", "ing", " and", "is ", "you", "cheerful", "muffins and", ", ", "th", "I'm")
LETTERS = st.text(alphabet="abß İ", max_size=12)


@pytest.mark.parametrize(
    ("phrases", "text", "found", "may_begin"),
    [
        (("shivers down",), "It sent Shivers Down her", 8, 24),
        (("shivers down",), "It sent shiv", None, 8),
        (("aab",), "xaa", None, 1),
        (("b", "abc"), "abc", 0, 3),
        (("Straße",), "STRASSE Straße", 8, 14),
        ((), "anything", None, 8),
    ],
)
def test_phrases_by_hand(phrases: tuple[str, ...], text: str, found: int | None, may_begin: int) -> None:
    assert Phrases(phrases).find(text, 0) == found
    assert Phrases(phrases).may_begin(text, 0) == may_begin


@given(st.lists(LETTERS.filter(bool), min_size=1, max_size=3), LETTERS, st.integers(0, 12))
def test_what_is_no_beginning_never_becomes_a_phrase(phrases: list[str], text: str, cut: int) -> None:
    """A phrase that ends behind a cut begins where `may_begin` said or later: holding back from there is enough."""
    banned, before = Phrases(phrases), text[:cut]
    held = banned.may_begin(before, 0)
    if banned.find(before, 0) is None:
        place = banned.find(text, 0)
        assert place is None or place >= held
        assert place == banned.find(text, held)


@given(st.text())
def test_folding_moves_no_letter(text: str) -> None:
    assert len(fold(text)) == len(text)
    assert fold(text) == fold(fold(text))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(model_cache: Path) -> AsyncIterator[Engine]:
    async with Gpu("cpu") as gpu, Engine(gpu, "starter", model_cache) as engine:
        yield engine


async def pieces(engine: Engine, params: SamplingParams, grammar: Grammar | None = None) -> list[str]:
    return [piece async for piece in engine.stream(CHAT, params, grammar=grammar)]


@pytest.mark.asyncio(loop_scope="module")
class TestReplies:
    async def test_no_reply_has_a_banned_phrase_and_none_goes_silent(self, engine: Engine) -> None:
        """Forty replies, and phrases that nearly every sentence of English has."""
        params = SamplingParams(max_tokens=20, banned_phrases=COMMON)
        drafts = [await engine.draft(CHAT, replace(params, seed=seed), 9) for seed in range(4)]
        streamed = ["".join(await pieces(engine, replace(params, seed=seed))) for seed in range(100, 104)]
        replies = [*streamed, *(draft.text for four in drafts for draft in four)]
        assert not [(text, phrase) for text in replies for phrase in COMMON if fold(phrase) in fold(text)]
        assert sum(len(text) > 20 for text in replies) > 30
        assert len(set(replies)) > 30

    async def test_a_ban_that_meets_nothing_changes_nothing(self, engine: Engine) -> None:
        params = SamplingParams(max_tokens=30, seed=2)
        without = "".join(await pieces(engine, params))
        assert "".join(await pieces(engine, replace(params, banned_phrases=("xyzzy", "the qqq")))) == without

    async def test_the_text_before_a_banned_phrase_stays(self, engine: Engine) -> None:
        greedy = SamplingParams(max_tokens=20, temperature=0.0, repetition_penalty=1.0)
        free = "".join(await pieces(engine, greedy))
        words = free.split(" ")
        phrase = " ".join(words[4:7])
        held = await pieces(engine, replace(greedy, banned_phrases=(phrase.upper(),)))
        assert "".join(held).startswith(" ".join(words[:4]))
        assert phrase.casefold() not in "".join(held).casefold()

    async def test_a_phrase_of_many_tokens_and_one_of_half_a_token_are_taken_back_alike(self, engine: Engine) -> None:
        greedy = SamplingParams(max_tokens=8, temperature=0.0, repetition_penalty=1.0)
        free = "".join(await pieces(engine, greedy))
        for start in range(0, len(free) - 4, 7):
            for length in (1, 3, 9):
                phrase = free[start : start + length]
                text = "".join(await pieces(engine, replace(greedy, banned_phrases=(phrase,))))
                assert fold(phrase) not in fold(text)

    async def test_a_grammar_that_insists_has_its_way_and_one_with_a_choice_is_led_to_it(self, engine: Engine) -> None:
        params = SamplingParams(max_tokens=30, temperature=0.0, banned_phrases=("good night", "sir"))
        insisting = Grammar.from_gbnf('root ::= "Well, good night, sir."')
        assert "".join(await pieces(engine, params, insisting)) == "Well, good night, sir."
        choosing = Grammar.from_gbnf('root ::= "Well, good " ("night" | "morning") ", " ("sir" | "madam") "."')
        assert "".join(await pieces(engine, params, choosing)) == "Well, good morning, madam."

    async def test_where_every_word_is_banned_the_reply_ends(self, engine: Engine) -> None:
        everything = tuple("abcdefghijklmnopqrstuvwxyz .,!?*\"'():-\n0123456789")
        params = SamplingParams(max_tokens=3, seed=1, banned_phrases=everything)
        (draft,) = await engine.draft(CHAT, params, 1)
        assert not set(draft.text.casefold()) & set(everything)

    async def test_bans_and_drafts_and_stop_strings_go_together(self, engine: Engine) -> None:
        params = SamplingParams(max_tokens=30, seed=4, banned_phrases=COMMON, stop=(".", "!"))
        drafts = await engine.draft(CHAT, params, 4)
        assert not [
            phrase for draft in drafts for phrase in (*COMMON, *params.stop) if fold(phrase) in fold(draft.text)
        ]
        assert any(draft.ended == "stop" for draft in drafts)
        assert drafts == await engine.draft(CHAT, params, 4)
