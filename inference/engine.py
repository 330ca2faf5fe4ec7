"""The language model as the rest of Mien sees it: messages in, text out while it is written.

    async with Gpu() as gpu, Engine(gpu, "starter", Path("state/cache")) as engine:
        async for piece in engine.stream(messages, SamplingParams(seed=1)):
            print(piece, end="", flush=True)

Text becomes tokens here, on the event loop's thread; everything else is a job on the device (inference/decode.py).
"""

import math
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Never, Self

from inference.cache import PrefixCache
from inference.decode import pick, reply, shift, weigh
from inference.gpu import Gpu
from inference.job import Job, Priority
from inference.loader import Loaded, Quantization, load
from inference.network import Network, network_of
from inference.sampling import SamplingParams
from inference.tokens import Message, ReplyText, Tokens

PREFIX_BYTES = 256 << 20  # of keys and values kept for the beginnings that prompts have in common


class TooLong(ValueError):
    """The messages need more tokens than the model can read; read by members."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which option was chosen, and how probable each of them was (they sum to 1)."""

    index: int
    probabilities: tuple[float, ...]


class Engine:
    """A language model on the device, as an async context manager.

    model: "starter", a folder, or a hub name. cache: the folder for converted models. quantization: how weights that
    are not quantized yet are loaded. prefix_bytes: memory for prompts read before. Raises ModelMissing with a sentence
    when the model is not on this machine.
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
    ) -> None:
        self._gpu = gpu
        self._name = model
        self._cache = cache
        self._quantization = quantization
        self._prefix_bytes = prefix_bytes

    async def __aenter__(self) -> Self:
        loaded, self._network = await self._gpu.call(self._load, Priority.REPLY)
        self._tokens = Tokens(loaded.tokenizer)
        self._prefixes = PrefixCache(self._prefix_bytes)
        self.context_tokens = loaded.context_tokens
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._network, self._prefixes  # jobs that still run hold them until their end

    def _load(self) -> tuple[Loaded, Network]:
        loaded = load(self._name, self._cache, self._gpu.device, quantization=self._quantization)
        return loaded, network_of(loaded.model)

    def count(self, messages: Sequence[Message]) -> int:
        """Tokens of the chat template's prompt for `messages`."""
        return len(self._tokens.prompt(messages))

    async def stream(self, messages: Sequence[Message], params: SamplingParams) -> AsyncGenerator[str, None]:
        """The reply to `messages` in pieces of text. Closing the generator ends the job at its next step.

        A last message of role "assistant" is continued. The reply is cut where the model's context ends. Raises
        TooLong, Busy or NoRoom, each with a sentence for the member.
        """
        prompt = self._prompt(messages, room=1)
        text = ReplyText(self._tokens, prompt, params.stop)
        fitting = replace(params, max_tokens=min(params.max_tokens, self.context_tokens - len(prompt)))
        steps = reply(self._network, self._prefixes, prompt, fitting, text, self._tokens.controls)
        job = self._gpu.submit(steps, Priority.REPLY)
        try:
            async for piece in job:
                yield piece
        finally:
            job.cancel()

    async def choose(
        self,
        messages: Sequence[Message],
        options: Sequence[str],
        bias: Sequence[float],
        *,
        weight: float = 1.0,
        seed: int | None = None,
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
        prompt = self._prompt(messages, room=max(map(len, encoded)))
        job: Job[Never, list[float]] = self._gpu.submit(
            weigh(self._network, self._prefixes, prompt, encoded), Priority.REPLY
        )
        probabilities = shift(await job.result(), bias, weight)
        return Choice(pick(probabilities, seed), tuple(probabilities))

    def _prompt(self, messages: Sequence[Message], room: int) -> list[int]:
        prompt = self._tokens.prompt(messages)
        if len(prompt) + room > self.context_tokens:
            raise TooLong(
                f"This is {len(prompt)} tokens long, and the language model reads {self.context_tokens - room} at most:"
                " please shorten the message or clear the channel's history."
            )
        return prompt
