"""The language model as the rest of Mien sees it: messages in, text out while it is written.

    async with Gpu() as gpu, Engine(gpu, "starter", Path("state/cache")) as engine:
        async for piece in engine.stream(messages, SamplingParams(seed=1)):
            print(piece, end="", flush=True)

Text becomes tokens here, on the event loop's thread; everything else is a job on the device: `decode.py` writes
replies, `weigh.py` weighs words that are there already, and `batch.py` lets all of them share the model's reads.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Never, Protocol, Self

from inference.adapters import Adapters
from inference.batch import KV_BYTES, Batch
from inference.cache import PrefixCache
from inference.decode import Draft, drafts, reply
from inference.family import network_of
from inference.formats.folder import Quantization
from inference.formats.template import chat_template
from inference.gpu import Gpu
from inference.guidance import Guidance
from inference.job import Job, ModelMissing, Priority
from inference.loader import Loaded, load
from inference.network import Network
from inference.sampling import Breakers, SamplingParams
from inference.tokens import Message, Tokens
from inference.weigh import pick, shift, weigh
from inference.writer import Matcher, Wish

__all__ = ["Choice", "Draft", "Engine", "Guidance", "TooLong"]

PREFIX_BYTES = 256 << 20  # of keys and values kept for the beginnings that prompts have in common


class TooLong(ValueError):
    """The messages need more tokens than the model can read; read by members."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which option was chosen, and how probable each of them was (they sum to 1)."""

    index: int
    probabilities: tuple[float, ...]


class Grammar(Protocol):
    """What `inference.grammar.Grammar` is to the engine."""

    def matcher(self, tokens: Tokens) -> Matcher:
        """A new matcher at its beginning; the first one for a tokenizer takes a while."""


class Engine:
    """A language model on the device, as an async context manager.

    model: "starter", a folder, or a hub name. cache: the folder for converted models. quantization: how weights that
    are not quantized yet are loaded. prefix_bytes: memory for prompts read before. kv_bytes: memory for the
    replies that are being written; one that finds no room waits for it. context: tokens that a prompt and its reply
    may have together; None = as many as the model can hold. adapters: folders of LoRAs by the names that replies
    ask for them with; all of them stay beside the one model. chat_template: "chatml" or a Jinja file, for models
    without a template of their own. Raises ModelMissing with a sentence when the model is not on this machine, or an
    adapter does not fit it.
    """

    context_tokens: int
    """Tokens the model can hold: prompt and reply together."""

    def __init__(
        self,
        gpu: Gpu,
        model: str,
        cache: Path,
        *,
        quantization: Quantization = "none",
        prefix_bytes: int = PREFIX_BYTES,
        kv_bytes: int = KV_BYTES,
        context: int | None = None,
        adapters: Mapping[str, Path] | None = None,
        chat_template: str = "",
    ) -> None:
        self._gpu = gpu
        self._name = model
        self._cache = cache
        self._quantization = quantization
        self._prefix_bytes = prefix_bytes
        self._kv_bytes = kv_bytes
        self._context = context
        self._adapters = dict(adapters or {})
        self._template = chat_template

    async def __aenter__(self) -> Self:
        loaded, network = await self._gpu.call(self._load, Priority.REPLY)
        self._tokens = Tokens(loaded.tokenizer)
        self._breakers = Breakers(self._tokens.texts, self._tokens.literal)
        self._batch = Batch(network, PrefixCache(self._prefix_bytes), self._kv_bytes)
        self.context_tokens = min(loaded.context_tokens, self._context or loaded.context_tokens)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._batch  # jobs that still run hold it until their end

    def _load(self) -> tuple[Loaded, Network]:
        loaded = load(self._name, self._cache, self._gpu.device, quantization=self._quantization, bare=True)
        if self._template:
            loaded.tokenizer.chat_template = chat_template(self._template, loaded.tokenizer)
        network = network_of(loaded.model)
        if self._adapters:
            network.adapters = Adapters(loaded.model)
            for name, folder in self._adapters.items():
                network.adapters.add(name, folder)
        return loaded, network

    @property
    def kept_bytes(self) -> int:
        """Bytes of keys and values on the device now: of replies being written, and of prompts read before."""
        return self._batch.budget.used + self._batch.prefixes.bytes

    def count(self, messages: Sequence[Message]) -> int:
        """Tokens of the chat template's prompt for `messages`."""
        return len(self._tokens.prompt(messages))

    def count_text(self, text: str) -> int:
        """Tokens of a text by itself."""
        return len(self._tokens.literal(text))

    async def stream(
        self,
        messages: Sequence[Message],
        params: SamplingParams,
        *,
        guidance: Guidance | None = None,
        grammar: Grammar | None = None,
        adapter: str | None = None,
        tags: Mapping[str, SamplingParams] | None = None,
        timeout: float | None = None,
    ) -> AsyncGenerator[str, None]:
        """The reply to `messages` in pieces of text. Closing the generator ends the job at its next step.

        A last message of role "assistant" is continued. The reply is cut where the model's context ends.

        guidance: what it should be unlike. grammar: what it must be. adapter: the LoRA that writes it. tags: `[name]`
        in what the model writes does not reach the reader and switches to that name's sampler from there on (but for
        max_tokens, stop and seed). timeout: seconds, waiting included, until it ends with TimedOut.

        Raises TooLong, Busy, NoRoom or TimedOut, each with a sentence for the member; ModelMissing for an adapter that
        nobody named.
        """
        wish = await self._wish(messages, params, guidance, grammar, adapter, tags)
        steps = partial(reply, self._batch, wish, [])
        job = self._gpu.submit(steps(), Priority.REPLY, timeout=timeout, smaller=steps)
        try:
            async for piece in job:
                yield piece
        finally:
            job.cancel()

    async def draft(
        self,
        messages: Sequence[Message],
        params: SamplingParams,
        count: int,
        *,
        guidance: Guidance | None = None,
        against: Sequence[Message] | None = None,
        grammar: Grammar | None = None,
        adapter: str | None = None,
        tags: Mapping[str, SamplingParams] | None = None,
        enough: Callable[[str], bool] | None = None,
        timeout: float | None = None,
    ) -> list[Draft]:
        """`count` whole replies to `messages`, written side by side; the prompt is read and kept only once.

        The first is drawn with the seed of `params`, the others with seeds made from it. against: another prompt
        after which the drafts are weighed too. enough: ends a draft whose text so far it finds long enough; it is asked
        on the device's thread after every token, and must be quick. Everything else is as for `stream`.
        """
        if count < 1:
            raise ValueError(f"There must be one draft at least, not {count}.")
        wish = replace(await self._wish(messages, params, guidance, grammar, adapter, tags), enough=enough)
        other = None if against is None else self._prompt(against, room=wish.params.max_tokens)
        steps = partial(drafts, self._batch, wish, count, other, [])
        job: Job[Never, list[Draft]] = self._gpu.submit(steps(), Priority.REPLY, timeout=timeout, smaller=steps)
        return await job.result()

    async def choose(
        self,
        messages: Sequence[Message],
        options: Sequence[str],
        bias: Sequence[float],
        *,
        weight: float = 1.0,
        seed: int | None = None,
        adapter: str | None = None,
    ) -> Choice:
        """The model's own choice among `options` as the beginning of its reply, leaned by `bias`.

        p(option) ∝ exp(mean log-probability of the option's tokens + weight·bias); the likeliest option, or with a
        seed one drawn by p. Raises as `stream` does, and ValueError for options that are none.
        """
        if not options or not all(options):
            raise ValueError("There must be options to choose from, and none of them may be empty.")
        if len(bias) != len(options) or not all(math.isfinite(lean) for lean in (*bias, weight)):
            raise ValueError("There must be one finite bias for each option.")
        encoded = [self._tokens.literal(option) for option in options]
        self._check_adapter(adapter)
        prompt = self._prompt(messages, room=max(map(len, encoded)))
        steps = partial(weigh, self._batch, prompt, encoded, adapter)
        job: Job[Never, list[float]] = self._gpu.submit(steps(), Priority.REPLY, smaller=steps)
        probabilities = shift(await job.result(), bias, weight)
        return Choice(pick(probabilities, seed), tuple(probabilities))

    async def _wish(
        self,
        messages: Sequence[Message],
        params: SamplingParams,
        guidance: Guidance | None,
        grammar: Grammar | None,
        adapter: str | None,
        tags: Mapping[str, SamplingParams] | None,
    ) -> Wish:
        self._check_adapter(adapter)
        prompt = self._prompt(messages, room=1)
        negative = None
        if guidance is not None and guidance.scale != 1.0:
            negative = self._prompt(guidance.messages, room=1)
        longest = max(len(prompt), len(negative or ()))
        await asyncio.to_thread(self._prepare, [params, *(tags or {}).values()], grammar)
        return Wish(
            prompt,
            replace(params, max_tokens=min(params.max_tokens, self.context_tokens - longest)),
            self._tokens.decode,
            self._tokens.controls,
            breakers=self._breakers,
            negative=negative,
            scale=guidance.scale if guidance is not None else 1.0,
            matcher=None if grammar is None else partial(grammar.matcher, self._tokens),
            adapter=adapter,
            tags=tags or {},
        )

    def _prepare(self, samplers: Sequence[SamplingParams], grammar: Grammar | None) -> None:
        """What is made once and takes a while; neither the event loop nor the device waits for it."""
        if grammar is not None:
            grammar.matcher(self._tokens)
        for params in samplers:
            if params.dry_multiplier > 0:
                self._breakers(params.dry_sequence_breakers)

    def _check_adapter(self, name: str | None) -> None:
        if name is not None and name not in self._adapters:
            known = ", ".join(sorted(self._adapters)) or "none"
            raise ModelMissing(f"There is no adapter {name!r} (known: {known}): name its folder in [model.adapters].")

    def _prompt(self, messages: Sequence[Message], room: int) -> list[int]:
        prompt = self._tokens.prompt(messages)
        if len(prompt) + room > self.context_tokens:
            raise TooLong(
                f"This is {len(prompt)} tokens long, and the language model reads {self.context_tokens - room} at most:"
                " please shorten the message or clear the channel's history."
            )
        return prompt
