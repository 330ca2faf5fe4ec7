"""Any causal language model of transformers as a `Network`, in its own modules but with our attention.

The tokens of all segments go through `model(...)` as one row with their positions. transformers hands keyword
arguments that it does not know down to the attention function; that is how our attention learns which token belongs to
which past (vLLM's transformers backend does the same). transformers' own caches and masks stay out of it.

A model is tried before it is used: a few tokens read in two steps must give what the model gives without any of this.
So whatever keeps another state than keys and values, or has an attention that does not fit, is refused at load.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, Never

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

from inference.adapters import Adapters
from inference.attention import Ragged
from inference.cache import Form, LayerShape, Past
from inference.job import ModelMissing
from inference.network import Row, Segment, side_by_side, taken_apart

NAME = "mien_ragged"
TRIED = (3, 1, 4, 1, 5, 9, 2)  # token ids that every vocabulary has
TOLERANCE = 0.05  # relative difference of logits that bfloat16 explains; a wrong attention gives 0.3 and more
ONLY_ALONE = ("dynamic", "longrope")  # rotary angles that depend on the longest sequence of a batch
NOT_OURS = ("s_aux", "position_bias", "relative_position_bias")  # what some attentions add to the scores


class Noted(NamedTuple):
    """What one layer's attention was seen to work with: the form of its keys and values, how far back it looks."""

    shape: LayerShape
    window: int | None


class Transformer:
    """A transformers model in eval mode on its device; see `Network`."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.device: torch.device = model.device
        self.adapters: Adapters | None = None
        rope = getattr(model.config.get_text_config(), "rope_parameters", None) or {}
        self._alone = rope.get("rope_type") in ONLY_ALONE
        self.form = self._tried()

    def past(self, room: int, trunk: Past | None = None) -> Past:
        return Past(self.form, room, trunk)

    def read(self, segments: Sequence[Segment]) -> list[Tensor]:
        if self._alone and len(segments) > 1:
            return [logits for segment in segments for logits in self.read([segment])]
        row, device = side_by_side(segments), self.device
        with _ours(self._model), self._adapting(row):
            logits: Tensor = self._model(
                input_ids=torch.tensor([row.tokens], device=device),  # (1, T)
                position_ids=torch.tensor([row.positions], device=device),
                use_cache=False,
                logits_to_keep=torch.tensor(row.wanted, device=device),
                mien_row=Ragged(row.spans),
            ).logits  # (1, W, V)
        return taken_apart(segments, logits[0])

    @contextmanager
    def _adapting(self, row: Row) -> Iterator[None]:
        """Meanwhile the adapted linear layers add what the adapters of the row's tokens add."""
        hooks = []
        if row.adapted:
            assert self.adapters is not None, "a segment names an adapter, and this network has none"
            head = self._model.get_output_embeddings()
            for place in self.adapters.places:
                layer = self._model.get_submodule(place)
                rows = row.heads if layer is head else row.adapted
                hooks.append(layer.register_forward_hook(partial(_adapt, self.adapters, place, rows)))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    @torch.inference_mode()
    def _tried(self) -> Form:
        """What the model keeps of a token, found by reading some; ModelMissing when it reads them differently."""
        model, ids = self._model, torch.tensor([TRIED], device=self.device)
        noted: dict[int, Noted] = {}
        try:
            plain: Tensor = model(input_ids=ids, use_cache=False).logits[0, -1].float()
            with _ours(model):
                model(input_ids=ids[:, :1], use_cache=False, mien_noted=noted)
            if not noted or sorted(noted) != list(range(len(noted))) or not self._windows_fit(noted):
                self._refuse()
            shapes = tuple(noted[layer].shape for layer in range(len(noted)))
            self.form = Form(shapes, model.dtype, self.device)
            past = self.past(len(TRIED))
            self.read([Segment(past, TRIED[:4])])
            [ours] = self.read([Segment(past, TRIED[4:])])
        except torch.OutOfMemoryError:
            raise
        except (
            RuntimeError,
            TypeError,
            ValueError,
            AttributeError,
            IndexError,
            KeyError,
            NotImplementedError,
        ) as error:
            self._refuse(error)
        if not (ours.float() - plain).norm() <= TOLERANCE * plain.norm():
            self._refuse()
        return self.form

    def _windows_fit(self, noted: dict[int, "Noted"]) -> bool:
        """Whether every layer that looks back only so far tells our attention how far: the trial is too short to."""
        config = self._model.config.get_text_config()
        kinds = getattr(config, "layer_types", None) or ["full_attention"] * len(noted)
        return len(kinds) == len(noted) and all(
            kind == "full_attention" or (kind == "sliding_attention" and noted[layer].window is not None)
            for layer, kind in enumerate(kinds)
        )

    def _refuse(self, cause: Exception | None = None) -> Never:
        raise ModelMissing(
            f"Models like this one ({self._model.config.model_type}) keep more than keys and values of what they read,"
            " or attend in a way of their own, which Mien cannot do: choose a plain transformer without state-space or"
            " compressed layers."
        ) from cause


def ragged_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    *,
    mien_row: Ragged | None = None,
    mien_noted: dict[int, Noted] | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **kwargs: object,
) -> tuple[Tensor, None]:
    """What transformers asks of an attention: query (1, H, T, D), key and value (1, H', T, D) -> (1, T, H, D).

    mien_row: knows whose tokens these are. mien_noted: instead of attending, note what this layer works with.
    """
    layer: int = module.layer_idx  # type: ignore[assignment]
    if any(kwargs.get(name) is not None for name in NOT_OURS) or not getattr(module, "is_causal", True):
        raise NotImplementedError("this attention adds more to its scores than a window and a cap")
    if mien_row is None:
        assert mien_noted is not None, "only Transformer.read may use this attention"
        mien_noted[layer] = Noted(LayerShape(key.shape[1], key.shape[3], value.shape[3]), sliding_window)
        return value.repeat_interleave(query.shape[1] // key.shape[1], 1).transpose(1, 2), None
    query, key, value = (states[0].transpose(0, 1) for states in (query, key, value))  # tokens first
    return mien_row.attend(layer, query, key, value, scaling, sliding_window, softcap)[None], None


def _adapt(
    adapters: Adapters,
    place: str,
    rows: Sequence[tuple[slice, str]],
    layer: nn.Module,
    inputs: tuple[Tensor, ...],
    y: Tensor,
) -> Tensor:
    """The output of a linear layer, (1, T, N), with what the adapters of its rows add: a forward hook."""
    y = y.clone()
    for some, adapter in rows:
        delta = adapters.delta(place, inputs[0][:, some], adapter)
        if delta is not None:
            y[:, some] += delta
    return y


@contextmanager
def _ours(model: Any) -> Iterator[None]:
    """Meanwhile the model attends with `ragged_attention`; afterwards it is as it was, fit for `generate`."""
    before = model.config._attn_implementation
    model.config._attn_implementation = NAME
    try:
        yield
    finally:
        model.config._attn_implementation = before


AttentionInterface.register(NAME, ragged_attention)
