"""One reply as it is written: draw a token, hear its text, take it back where it completes a banned phrase.

    1. logits    of the row, mixed with the negative row's        inference/guidance.py
    2. mask      what the grammar allows here                      inference/grammar/
    3. draw      by the sampler of the moment                      inference/sampling/
    4. hear      characters, control tags, stop strings            inference/text.py
    5. rewind    to where a banned phrase began, and draw again    inference/phrases.py
    6. say       what is certain, and ask for the next token       inference/batch.py

A writer knows tokens and one reply. Other replies, and who reads the model when, are the batch's business.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import torch
from torch import Tensor

from inference.batch import Batch, Row
from inference.guidance import guided
from inference.phrases import Phrases
from inference.sampling import Breakers, Sampler, SamplingParams
from inference.text import Mark, ReplyText

REWINDS = 32  # times that a reply takes words back, for each token it may have; after that it ends before the phrase

Ended = Literal["end", "stop", "length"]
"""How a reply ended: the model ended its turn (or the grammar left nothing more to say); a stop string was reached, or
enough was said; or it was cut off, by max_tokens or because it could not do without a banned phrase."""


class Matcher(Protocol):
    """Where one reply stands in its grammar (inference/grammar/)."""

    @property
    def finished(self) -> bool:
        """Whether nothing but the end may follow."""

    def allowed(self) -> Tensor:
        """What may be said next, (V,) bool; the end of the turn where the grammar may end."""

    def accept(self, token: int) -> None:
        """`token` was said."""

    def undo(self, count: int) -> None:
        """The last `count` tokens were taken back."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be written, in tokens. One wish may be written by several writers.

    decode: token ids -> text. controls: the tokens that end a reply. matcher: a new one of the grammar.
    breakers: DRY's. negative: the negative prompt; None when `scale` is 1. enough: whether the text so far is all that
    is wanted, asked after every token.
    """

    prompt: Sequence[int]
    params: SamplingParams
    decode: Callable[[Sequence[int]], str]
    controls: frozenset[int]
    breakers: Breakers | None = None
    negative: Sequence[int] | None = None
    scale: float = 1.0
    matcher: Callable[[], Matcher] | None = None
    adapter: str | None = None
    tags: Mapping[str, SamplingParams] = field(default_factory=dict)
    enough: Callable[[str], bool] | None = None


@dataclass(slots=True, eq=False)
class Place:
    """Where a token was drawn that may have to be taken back."""

    number: int  # tokens written before it
    logits: Tensor  # (V,), guided
    plain: Tensor  # (V,), the model's own
    allowed: Tensor | None  # (V,) bool
    params: SamplingParams
    mark: Mark
    token: int = -1
    without: set[int] = field(default_factory=set)
    """Tokens that began a banned phrase here; only ever grows while this place lasts."""

    def has_another(self) -> bool:
        """Whether anything but the token that was drawn here and those before it may be said."""
        choices = len(self.logits) if self.allowed is None else int(self.allowed.sum())
        return choices > len(self.without | {self.token})


class Writer:
    """Writes one reply: one call of `write` for every token, until `ended`.

    row: has read the prompt. negative: has read the negative prompt, if there is guidance. seed: of the draws,
    whatever the wish says. weighed: keep the likelihood of every token.
    """

    def __init__(
        self, wish: Wish, batch: Batch, row: Row, negative: Row | None, seed: int | None, *, weighed: bool = False
    ) -> None:
        self.rows = [row] if negative is None else [row, negative]
        self.tokens: list[int] = []
        """The reply so far; the control token at its end is none of it."""
        self.likelihoods: list[float] = []
        """log p (nats) of each token under the model itself, if they are `weighed`."""
        self.ended: Ended | None = None
        self.text = ReplyText(wish.decode, wish.prompt, wish.params.stop, wish.tags)
        self._wish = wish
        self._batch = batch
        self._weighed = weighed
        self._starts = [row.past.length for row in self.rows]
        self._params = replace(wish.params, seed=seed)
        context = [token for token in wish.prompt if token not in wish.controls]
        self._sampler = Sampler(self._params, context, wish.breakers)
        self._matcher = wish.matcher() if wish.matcher else None
        self._phrases = Phrases(self._params.banned_phrases)
        self._places: list[Place] = []
        self._pardoned = 0  # no phrase is looked for before this character
        self._rewinds = REWINDS * self._params.max_tokens

    def write(self) -> str:
        """Draw one token and ask for the next; returns the text that can be said now, which may be empty."""
        self._draw(self._arrive())
        while (phrase := self._phrases.find(self.text.visible, max(self.text.said, self._pardoned))) is not None:
            self._take_back(phrase)
        if self.ended is None:
            for row in self.rows:
                self._batch.ask(row, self.tokens[-1])
        return self._say()

    def rejoin(self) -> None:
        """Ask again for what was asked for when a read failed and the rows left the batch."""
        for row in self.rows:
            if row.logits is None:
                self._batch.ask(row, row.token)

    # --- forward --------------------------------------------------------------------------------------------------

    def _arrive(self) -> Place:
        """The place of the next token, from what the rows have read."""
        plain, *negative = (self._batch.logits(row) for row in self.rows)
        logits = guided(plain, negative[0], self._wish.scale) if negative else plain
        allowed = None if self._matcher is None else _fitted(self._matcher.allowed(), logits)
        place = Place(len(self.tokens), logits, plain, allowed, self._params, self.text.mark())
        self._places.append(place)
        return place

    def _draw(self, place: Place) -> None:
        """Say one token at `place`, or end there."""
        place.token = token = self._sampler.draw(place.logits, place.allowed, place.without)
        if token in self._wish.controls:
            self._end("end")
            return
        self._accept(token, place)
        if (tag := self.text.push(token)) is not None:
            self._switch(self._wish.tags[tag])
        if self.text.stopped or (self._wish.enough is not None and self._wish.enough(self.text.visible)):
            self.ended = "stop"
        elif self._matcher is not None and self._matcher.finished:
            self._end("end")
        elif len(self.tokens) >= self._wish.params.max_tokens:
            self._end("length")

    def _accept(self, token: int, place: Place) -> None:
        self._sampler.accept(token)
        if self._matcher is not None:
            self._matcher.accept(token)
        self.tokens.append(token)
        if self._weighed:
            self.likelihoods.append(float(place.plain[token].double() - place.plain.double().logsumexp(0)))

    def _switch(self, params: SamplingParams) -> None:
        """Draw by `params` from here on; the reply's length, stop strings and seed stay what they were."""
        self._params = params
        self._sampler.switch(params)
        self._phrases = Phrases(params.banned_phrases)

    def _end(self, how: Ended) -> None:
        self.ended = how
        self.text.flush()
        if self.text.stopped:
            self.ended = "stop"

    def _say(self) -> str:
        """Hand out what neither a stop string nor a phrase can still take back, and forget the places of that."""
        end = len(self.text.visible)
        if self.ended is None:
            end = self.text.certain()
            phrase = self._phrases.may_begin(self.text.visible, max(self.text.said, self._pardoned))
            if phrase < len(self.text.visible):
                # whole tokens wait, for whole tokens are taken back
                end = min(end, self._places[self._holding(phrase)].mark.length)
        piece = self.text.say(end)
        self._places = self._places[self._holding(self.text.said) :] if self._phrases else []
        return piece

    # --- back -----------------------------------------------------------------------------------------------------

    def _holding(self, character: int) -> int:
        """The index of the place whose token holds `character` of the text; past the last one for its end."""
        if character >= len(self.text.visible):
            return len(self._places)
        return bisect_right(self._places, character, key=lambda place: place.mark.length) - 1

    def _take_back(self, phrase: int) -> None:
        """Say something else than the phrase at character `phrase`.

        From the token on that begins it; under a grammar perhaps from a later one, where there is a choice. A phrase
        that the grammar insists on is let go.
        """
        begun = self._places[max(self._holding(phrase), 0) :]
        place = next((p for p in begun if p.has_another() and p.mark.length >= self.text.said), None)
        if place is None:
            self._pardoned = phrase + 1
        elif self._rewinds == 0:
            self.text.cut(phrase)
            self.ended = "length"
        else:
            self._rewinds -= 1
            self._rewind(place)
            self._draw(place)

    def _rewind(self, place: Place) -> None:
        """Be again where the token of `place` was to be drawn, which is forbidden there from now on."""
        place.without.add(place.token)
        if (count := len(self.tokens) - place.number) > 0:
            self._sampler.undo(count)
            if self._matcher is not None:
                self._matcher.undo(count)
        del self.tokens[place.number :], self.likelihoods[place.number :]
        del self._places[self._places.index(place) + 1 :]
        if self._params is not place.params:  # a control tag is taken back; the sampler has done so already
            self._params, self._phrases = place.params, Phrases(place.params.banned_phrases)
        self.text.restore(place.mark)
        self.ended, self._pardoned = None, min(self._pardoned, place.mark.length)
        for row, start in zip(self.rows, self._starts, strict=True):
            row.past.rewind(start + place.number)


def _fitted(allowed: Tensor, logits: Tensor) -> Tensor:
    """A tokenizer's mask on the model's device and as long as its logits: some models have rows for no token."""
    missing = len(logits) - len(allowed)
    return torch.nn.functional.pad(allowed.to(logits.device), (0, missing), value=False)
