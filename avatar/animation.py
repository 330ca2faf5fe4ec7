"""Animations as files: WebP, GIF and animated PNG, made smaller until they are small enough to post.

Pixels that are the same in all frames stay the same in all frames of the file: WebP and PNG are written without loss, a
GIF with one palette for all frames and no dithering. Only a WebP that would be too large is written with loss. It knows
no model, no persona and no Discord.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from avatar.picture import PortraitError

Bytes = NDArray[np.uint8]

MOST_BYTES = 8_000_000  # Discord takes 10 MiB of a bot's file in a server without boosts
MOST_SIDE = 1024  # pixels; a chat shows no more
EMOJI_BYTES, EMOJI_SIDE = 256 << 10, 128  # Discord's limit for an emoji, and the size at which it keeps them
LEAST_SIDE = 32
CLEAR = 255  # the palette entry of a GIF's transparent pixels
SAMPLES = 60_000  # pixels from which each half of a GIF's palette is chosen


@dataclass(frozen=True)
class Animation:
    """Frames of one size, all "RGB" or all "RGBA", and how long each is shown, in milliseconds (multiples of 10)."""

    frames: Sequence[Image.Image]
    milliseconds: Sequence[int]

    def within(self, side: int) -> "Animation":
        """No side longer than `side`; the same animation where it fits."""
        width, height = self.frames[0].size
        if max(width, height) <= side:
            return self
        scale = side / max(width, height)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        return self._each(lambda frame: frame.resize(size, Image.Resampling.LANCZOS))

    def square(self, focus: tuple[float, float]) -> "Animation":
        """The largest square around the focus, given as fractions of width and height."""
        width, height = self.frames[0].size
        side = min(width, height)
        left = min(max(round(focus[0] * width - side / 2), 0), width - side)
        top = min(max(round(focus[1] * height - side / 2), 0), height - side)
        return self._each(lambda frame: frame.crop((left, top, left + side, top + side)))

    def _each(self, change: Callable[[Image.Image], Image.Image]) -> "Animation":
        return Animation([change(frame) for frame in self.frames], self.milliseconds)


def read_file(path: Path) -> Animation:
    """What `encode` wrote into a file. PortraitError for a file that is no animation."""
    return read_animation(path.read_bytes())


def read_animation(content: bytes) -> Animation:
    """What `encode` wrote. PortraitError for bytes that are no animation."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            read = [(frame.convert("RGBA"), _shown(frame)) for frame in ImageSequence.Iterator(image)]
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise PortraitError(f"This is no animation that can be read ({error}).") from error
    frames, milliseconds = [frame for frame, _ in read], [shown for _, shown in read]
    clear = any(frame.getchannel("A").getextrema() != (255, 255) for frame in frames)
    return Animation(frames if clear else [frame.convert("RGB") for frame in frames], milliseconds)


def _shown(frame: Image.Image) -> int:
    """How long the frame is shown that was just read, milliseconds; a WebP knows it when its pixels are loaded."""
    frame.load()
    return round(float(frame.info.get("duration", 0)))


def encode(animation: Animation, suffix: str) -> bytes:
    """The animation as an endless loop in the format of a file name's suffix, one of SUFFIXES."""
    return next(WRITERS[suffix](animation))


def fitting(animation: Animation, suffix: str, most_bytes: int = MOST_BYTES, side: int = MOST_SIDE) -> bytes:
    """The animation no wider or higher than `side` pixels and smaller than `most_bytes`, as good as that allows."""
    animation = animation.within(side)
    while True:
        for content in WRITERS[suffix](animation):
            if len(content) <= most_bytes:
                return content
        side = max(animation.frames[0].size) * 3 // 4
        if side < LEAST_SIDE:
            return content  # what is still too large at this size cannot be helped
        animation = animation.within(side)


def _webp(animation: Animation) -> Iterator[bytes]:
    """Without loss, then with little. More effort would save a quarter of the bytes for eight times the time."""
    yield _saved(animation.frames, animation.milliseconds, "WEBP", lossless=True, quality=20, method=0)
    yield _saved(animation.frames, animation.milliseconds, "WEBP", quality=90, method=2)


def _apng(animation: Animation) -> Iterator[bytes]:
    yield _saved(animation.frames, animation.milliseconds, "PNG")


def _gif(animation: Animation) -> Iterator[bytes]:
    """One palette for all frames and no dithering, so that nothing flickers where nothing moves."""
    clear = animation.frames[0].mode == "RGBA"
    palette = _palette(animation.frames, CLEAR if clear else 256)
    frames = [_indexed(frame, palette, clear=clear) for frame in animation.frames]
    options = {"transparency": CLEAR, "disposal": 1} if clear else {}
    yield _saved(frames, animation.milliseconds, "GIF", optimize=False, **options)


def _palette(frames: Sequence[Image.Image], colours: int) -> Image.Image:
    """A picture whose palette suits all frames, chosen half from the first one and half from what moves in all."""
    pixels = np.stack([np.asarray(frame.convert("RGB")) for frame in frames])  # (n, H, W, 3)
    seen = np.ones(pixels.shape[1:3], bool) if frames[0].mode == "RGB" else _visible(frames[0])
    moving = np.broadcast_to(seen & (pixels != pixels[:1]).any((0, -1)), pixels.shape[:3])
    sampled = [_sample(chosen) for chosen in (pixels[0][seen], pixels[moving]) if len(chosen)]
    samples = np.concatenate(sampled) if sampled else pixels[:1, 0, 0]  # nothing can be seen
    return Image.fromarray(samples[None]).quantize(colours, dither=Image.Dither.NONE)


def _sample(colours: Bytes) -> Bytes:
    """SAMPLES of at least one colour (n, 3), evenly spaced."""
    return colours[np.linspace(0, len(colours) - 1, SAMPLES).astype(np.int64)]


def _indexed(frame: Image.Image, palette: Image.Image, *, clear: bool) -> Image.Image:
    indexed = frame.convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)
    if clear:
        indexed.paste(CLEAR, mask=Image.fromarray(~_visible(frame)))
    return indexed


def _visible(frame: Image.Image) -> NDArray[np.bool_]:
    return np.asarray(frame.getchannel("A")) >= 128


def _saved(frames: Sequence[Image.Image], milliseconds: Sequence[int], kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    first, *others = frames
    first.save(buffer, kind, save_all=True, append_images=others, duration=list(milliseconds), loop=0, **options)
    return buffer.getvalue()


WRITERS: dict[str, Callable[[Animation], Iterator[bytes]]] = {
    ".webp": _webp,
    ".gif": _gif,
    ".png": _apng,
    ".apng": _apng,
}
SUFFIXES = tuple(WRITERS)
