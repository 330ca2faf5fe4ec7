"""A segmentation model as the one who knows where a face is: any checkpoint that transformers opens with
AutoModelForSemanticSegmentation (SegFormer for face parsing, for example), in the folder that was downloaded.

    1. the picture, square, at the model's size and in its colours      preprocessor_config.json
    2. for each place: how surely it is skin, eye, brow, nose, mouth    the labels' names in config.json say which is
    3. the largest piece of that, without holes, grown a little, smooth

Hair, ears, neck and clothes are not the face. It is a guest of the device while it looks, and leaves.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from safetensors import SafetensorError
from torch import Tensor
from torch.nn.functional import interpolate

from avatar.finder import BLANK, on_grey
from avatar.maskmodel import PREPARED, config_of, face_labels
from avatar.proposal import LEAST, WORK, rounded, without_holes
from inference.formats.folder import quiet
from inference.job import ModelMissing, Steps
from inference.residency import Residency

SURE = 0.5
COARSE = 96  # places along a side in which pieces are told apart
JOINED = 1 / 40  # gaps narrower than this share of the picture are none: brows lie behind strands of hair
SIDE = 512  # pixels of what it sees, where its folder does not say
COLOURS = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]  # mean and standard deviation, likewise: ImageNet's

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


class Segmenter:
    """The segmentation model in a folder, see avatar/maskmodel.py; opened for each look, since looks are rare."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._labels = face_labels(folder)

    def propose(self, picture: Image.Image, residency: Residency) -> Steps[Any, Image.Image | None]:
        """Steps that give a mask "L" for a picture "RGB" or "RGBA", 0 or 255; None where it sees no face. Raises
        ModelMissing, NoRoom."""
        model = self._open()
        yield None
        guest = residency.invite("mask model", model)
        try:
            yield from residency.bring(guest)
            with residency.hosting(guest), torch.inference_mode():
                chances = self._look(model, picture)
            yield None
        finally:
            residency.dismiss(guest)
        return mask_of(chances, picture.size)

    def _open(self) -> Any:
        from transformers import AutoModelForSemanticSegmentation

        try:
            with quiet():
                model = AutoModelForSemanticSegmentation.from_pretrained(
                    self.folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
                )
        except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
            said = str(error).strip().split("\n")[0].rstrip(".")
            raise ModelMissing(f"The mask model in {self.folder} cannot be read ({said}).") from error
        return model.eval().requires_grad_(False)

    def _look(self, model: Any, picture: Image.Image) -> Floats:
        """How surely each place of the picture made square belongs to a face, (h, w) as fine as the model answers."""
        logits: Tensor = model(pixel_values=self._seen(picture).to(model.device, model.dtype)).logits
        likely = logits.float().softmax(1)[0]
        known = [label for label in self._labels if label < len(likely)]
        return np.asarray(likely[known].sum(0).cpu().numpy(), np.float32)

    def _seen(self, picture: Image.Image) -> Tensor:
        """The picture as the model was taught to see it, (1, 3, h, w)."""
        path = self.folder / PREPARED
        said = config_of(path) if path.is_file() else {}
        square = np.asarray(_squared(on_grey(picture)), np.float32)
        pixels = torch.from_numpy(square).permute(2, 0, 1)[None] / 255
        pixels = interpolate(pixels, _sides(said.get("size")), mode="bilinear", antialias=True, align_corners=False)
        if said.get("do_normalize", True) is False:
            return pixels
        colours = (said.get("image_mean", COLOURS[0]), said.get("image_std", COLOURS[1]))
        mean, spread = (torch.tensor(one, dtype=torch.float32)[None, :, None, None] for one in colours)
        return (pixels - mean) / spread


def mask_of(chances: Floats, size: tuple[int, int]) -> Image.Image | None:
    """The mask "L" for a picture of this (width, height), from the chances of it made square; None without a face."""
    piece = largest_piece(chances)
    if piece is None:
        return None
    shape = (WORK, WORK)
    fine = np.asarray(Image.fromarray(chances).resize(shape, Image.Resampling.BICUBIC)) > SURE
    there = fine & (np.asarray(_image(piece).resize(shape, Image.Resampling.BICUBIC)) > 127)
    across = int(np.flatnonzero(there.any(0)).size)
    if there.mean() < LEAST:
        return None
    side = max(size)
    whole = rounded(without_holes(closed(there)), across).resize((side, side), Image.Resampling.BICUBIC)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    mask = whole.crop((left, top, left + size[0], top + size[1])).point(lambda value: 255 * (value > 127))
    return mask if mask.getbbox() else None


def largest_piece(chances: Floats) -> Bools | None:
    """The largest connected piece of what is surely a face, at most COARSE places wide; None where nothing is."""
    height, width = chances.shape
    small = Image.fromarray(chances).resize((min(width, COARSE), min(height, COARSE)), Image.Resampling.BOX)
    left = _image(closed(np.asarray(small) > SURE))
    best: Bools | None = None
    while (found := left.getbbox()) is not None:
        row = np.asarray(left)[found[1]]
        ImageDraw.floodfill(left, (int(np.flatnonzero(row)[0]), found[1]), 128)
        piece = np.asarray(left) == 128
        if best is None or piece.sum() > best.sum():
            best = piece
        left = _image((np.asarray(left) > 0) & ~piece)
    return best


def closed(piece: Bools) -> Bools:
    """With narrow gaps filled, (H, W)."""
    reach = 2 * max(1, round(max(piece.shape) * JOINED / 2)) + 1
    wide = _image(np.pad(piece, reach)).filter(ImageFilter.MaxFilter(reach)).filter(ImageFilter.MinFilter(reach))
    return np.asarray(wide)[reach:-reach, reach:-reach] > 0


def _image(piece: Bools) -> Image.Image:
    return Image.fromarray(np.uint8(255) * piece.astype(np.uint8)).copy()


def _squared(picture: Image.Image) -> Image.Image:
    """In the middle of a grey square, so that nothing is stretched."""
    side = max(picture.size)
    ground = Image.new("RGB", (side, side), (BLANK, BLANK, BLANK))
    ground.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return ground


def _sides(said: object) -> tuple[int, int]:
    """Height and width that a preprocessor's size asks for: a number, a pair, or a table."""
    table: dict[str, Any] = said if isinstance(said, dict) else {"shortest_edge": said}
    edge = table.get("shortest_edge") or table.get("longest_edge") or SIDE
    return int(table.get("height", edge)), int(table.get("width", edge))
