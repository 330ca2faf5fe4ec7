"""transformers' text encoders of painters: CLIP (Radford et al., arXiv 2103.00020) and T5 (Raffel et al., 1910.10683).

They read with all their places filled with padding, for that is how the painters learnt to listen.
"""

from pathlib import Path
from typing import Any, Literal

import torch

from avatar.encoders import Read
from avatar.kind import INDEX, class_in, read_object
from avatar.lora import add_loras
from avatar.opening import readable
from avatar.recipe import Recipe
from avatar.weightfiles import part_files, variant_of
from inference.formats.folder import quiet
from inference.job import ModelMissing

T5_TOKENS = 512  # what Flux learnt with; schnell with 256


class ClipReading:
    """A CLIP text encoder. layer: whose states are told: the last one's, normed, or those of the last but one."""

    def __init__(
        self,
        folder: Path,
        name: str,
        recipe: Recipe,
        dtype: torch.dtype,
        layer: Literal["last", "last but one"],
    ) -> None:
        self._tokenizer = open_tokenizer(folder, name)
        self.module: Any = open_encoder(folder, name, ("CLIPTextModel", "CLIPTextModelWithProjection"), dtype)
        add_loras(self.module, name, recipe)
        self._layer = layer
        self._longest = min(self._tokenizer.model_max_length, self.module.config.max_position_embeddings)

    def read(self, texts: list[str]) -> list[Read]:
        """See Reading: states (77, width); pooled: projected, where the encoder has a projection."""
        ids = tokenized(self._tokenizer, texts, self._longest).to(self.module.device)
        said = self.module(ids, output_hidden_states=self._layer == "last but one")
        states = said.last_hidden_state if self._layer == "last" else said.hidden_states[-2]
        pooled = said.text_embeds if hasattr(said, "text_embeds") else said.pooler_output
        return [Read(text, whole) for text, whole in zip(states.cpu(), pooled.cpu(), strict=True)]


class T5Reading:
    """The encoder of a T5."""

    def __init__(self, folder: Path, name: str, dtype: torch.dtype) -> None:
        self._tokenizer = open_tokenizer(folder, name)
        self.module: Any = open_encoder(folder, name, ("T5EncoderModel",), dtype)

    def read(self, texts: list[str]) -> list[Read]:
        """See Reading: states (512, width)."""
        longest = min(self._tokenizer.model_max_length, T5_TOKENS)
        ids = tokenized(self._tokenizer, texts, longest).to(self.module.device)
        return [Read(states) for states in self.module(ids).last_hidden_state.cpu()]


def tokenized(tokenizer: Any, texts: list[str], longest: int) -> torch.Tensor:
    """Token ids (texts, longest); a longer text loses its end."""
    ids: torch.Tensor = tokenizer(
        texts, padding="max_length", max_length=longest, truncation=True, return_tensors="pt"
    ).input_ids
    return ids


def open_tokenizer(folder: Path, encoder: str) -> Any:
    """The tokenizer that belongs to a text encoder of a painter. Raises ModelMissing."""
    from transformers import AutoTokenizer

    part = folder / encoder.replace("text_encoder", "tokenizer")
    with readable(part), quiet():
        return AutoTokenizer.from_pretrained(part, local_files_only=True, trust_remote_code=False)


def open_encoder(folder: Path, name: str, kinds: tuple[str, ...], dtype: torch.dtype) -> Any:
    """transformers' model in a part of a painter, in host memory; one of the classes `kinds`. Raises ModelMissing."""
    import transformers

    part = folder / name
    found = class_in(read_object(folder / INDEX), name)
    if found not in kinds:
        raise ModelMissing(f"The painter in {folder} has a {found or 'nothing'} as its {name}, not a {kinds[0]}.")
    variant, usual = variant_of(part_files(part)[0]), torch.get_default_dtype()
    with readable(part), quiet():
        try:
            module, missed = getattr(transformers, found).from_pretrained(
                part,
                local_files_only=True,
                use_safetensors=True,
                variant=variant,
                dtype=dtype,
                output_loading_info=True,
            )
        finally:
            torch.set_default_dtype(usual)
    if missed["missing_keys"]:
        first, count = min(missed["missing_keys"]), len(missed["missing_keys"])
        raise ModelMissing(f"The text encoder in {part} lacks {count} of its weights, such as {first}: get it again.")
    return module.eval().requires_grad_(False)
