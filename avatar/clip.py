"""CLIP as a critic: which expression a painting shows, by the prompts alone, whatever style it is painted in.

Zero-shot (Radford et al., arXiv 2103.00020): the painted crop and one text per emotion are put into the same space, and
the texts that lie near tell. Who it is and whether it is broken stays with the starter's critic (avatar/critic.py),
which knows when it does not know. Any CLIP model in transformers' format will do.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor
from torch.nn.functional import interpolate, normalize

from avatar.composite import Cutting
from avatar.critic import DrawnFaces
from avatar.gate import Seen
from avatar.mask import Floats
from avatar.wardrobe import Order
from avatar.weightfiles import part_bytes
from emotion.labels import EMOTIONS
from inference.job import ModelMissing, Steps
from inference.residency import Guest, Residency
from persona.card import Card

AMONG = 5  # the wanted expression must be at least as likely as the fifth likeliest of the 28
FILES = ("config.json", "tokenizer.json", "preprocessor_config.json", "model.safetensors")


def clip_folder(name: str) -> Path:
    """The folder of a CLIP model; ModelMissing says what it lacks."""
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise ModelMissing(f"There is no recogniser at {folder}: name 'starter', 'none' or a folder with a CLIP model.")
    for file in FILES:
        if not (folder / file).is_file():
            raise ModelMissing(f"The recogniser in {folder} lacks {file}: copy the whole folder again.")
    return folder


def critic_bytes(name: str) -> list[int]:
    """What the critic of a name takes on the device while it looks; only a CLIP model does. Raises ModelMissing."""
    return [] if name in ("starter", "none") else [part_bytes(clip_folder(name), 4)]


class ClipFaces:
    """A CLIP model over the starter's critic; its weights are read when needed. ModelMissing for an unusable folder."""

    def __init__(self, name: str, drawn: DrawnFaces) -> None:
        self._folder = clip_folder(name)
        self._drawn = drawn
        self._opened: tuple[Any, Guest] | None = None  # transformers' model, a guest on the device
        self._texts: dict[tuple[str, ...], Tensor] = {}  # what the prompts of a card became

    def look(self, order: Order, cutting: Cutting, painted: Floats, residency: Residency) -> Steps[Any, Seen]:
        """See Critic."""
        seen = yield from self._drawn.look(order, cutting, painted, residency)
        if self._opened is None:
            model = self._open()
            self._opened = model, residency.invite("recogniser", model)
            yield None
        model, guest = self._opened
        yield from residency.bring(guest)
        with residency.hosting(guest), torch.inference_mode():
            texts = self._read(model, texts_of(order.persona.card))
            picture = self._see(model, painted)
            likely = (model.logit_scale.float().exp() * texts @ picture).softmax(0).tolist()
        yield None
        return replace(seen, shows=dict(zip(EMOTIONS, likely, strict=True)), at_least=sorted(likely)[-AMONG])

    def dismiss(self, residency: Residency) -> None:
        """See Critic."""
        if self._opened is not None:
            residency.dismiss(self._opened[1])
            self._opened = None

    def _open(self) -> Any:
        from transformers import CLIPModel

        try:
            return CLIPModel.from_pretrained(self._folder, local_files_only=True).eval().requires_grad_(False)
        except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
            said = str(error).strip().split("\n")[0].rstrip(".")
            raise ModelMissing(f"The recogniser in {self._folder} cannot be read ({said}).") from error

    def _read(self, model: Any, texts: tuple[str, ...]) -> Tensor:
        """(28, width) of unit length, on the CPU."""
        if texts not in self._texts:
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained(self._folder, local_files_only=True)
            longest = model.config.text_config.max_position_embeddings
            tokens = tokenizer(list(texts), padding=True, truncation=True, max_length=longest, return_tensors="pt").to(
                model.device
            )
            states = model.text_model(**tokens).pooler_output
            self._texts[texts] = normalize(model.text_projection(states).float(), dim=1).cpu()
        return self._texts[texts]

    def _see(self, model: Any, painted: Floats) -> Tensor:
        """(width,) of unit length, on the CPU."""
        side = model.config.vision_config.image_size
        mean, spread = self._colours()
        pixels = torch.from_numpy(painted).permute(2, 0, 1)[None].nan_to_num().clamp(0, 1)
        pixels = interpolate(pixels, (side, side), mode="bicubic", antialias=True, align_corners=False)
        pixels = ((pixels - mean) / spread).to(model.device, model.dtype)
        states = model.vision_model(pixel_values=pixels).pooler_output
        return normalize(model.visual_projection(states).float(), dim=1)[0].cpu()

    def _colours(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the colours this model was trained with, (1, 3, 1, 1) each."""
        said = json.loads((self._folder / "preprocessor_config.json").read_text())
        mean, spread = (torch.tensor(said[name])[None, :, None, None] for name in ("image_mean", "image_std"))
        return mean, spread


def texts_of(card: Card) -> tuple[str, ...]:
    """What each of the 28 emotions looks like, in the card's words where it has some."""
    return tuple(f"a drawing of a face, {_prompt(card, label)}" for label in EMOTIONS)


def _prompt(card: Card, label: str) -> str:
    return card.expressions[label].prompt if label in card.expressions else label
