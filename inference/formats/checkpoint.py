"""The weight files of a model's folder: their headers, and their tensors one at a time.

Tensors are read into memory of their own rather than mapped: a mapped file counts as memory of the process as far as
it was read, and one small norm that stays of a file keeps all of it. Knows the safetensors format and nothing of what
the tensors are for; torch is imported when a tensor is read.

Source: the safetensors format, github.com/huggingface/safetensors (README).
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from inference.job import ModelMissing
from inference.progress import Progress, silent

if TYPE_CHECKING:
    from torch import Tensor

INDEX, SINGLE = "model.safetensors.index.json", "model.safetensors"
LONGEST_HEADER = 100_000_000  # bytes; the safetensors library allows no more

# The format's own words for types, what torch calls them, and their bytes.
TYPES = {
    "BOOL": ("bool", 1),
    "U8": ("uint8", 1),
    "I8": ("int8", 1),
    "I16": ("int16", 2),
    "U16": ("uint16", 2),
    "I32": ("int32", 4),
    "U32": ("uint32", 4),
    "I64": ("int64", 8),
    "U64": ("uint64", 8),
    "F8_E4M3": ("float8_e4m3fn", 1),
    "F8_E5M2": ("float8_e5m2", 1),
    "F16": ("float16", 2),
    "BF16": ("bfloat16", 2),
    "F32": ("float32", 4),
    "F64": ("float64", 8),
}


class Stored(NamedTuple):
    """One tensor of a file, as its header names it."""

    name: str
    shape: tuple[int, ...]
    kind: str  # a key of TYPES
    file: Path
    offset: int  # bytes from the file's beginning

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * TYPES[self.kind][1]


class Unread:
    """A tensor that is still on disk; `[...]` reads it. transformers takes such things in place of tensors."""

    def __init__(self, stored: Stored, on_read: Callable[[Stored], None]) -> None:
        self.stored, self._on_read = stored, on_read

    def __getitem__(self, index: Any) -> "Tensor":
        value = read_tensor(self.stored)[index]
        self._on_read(self.stored)
        return value

    def get_shape(self) -> list[int]:
        """As safetensors' own slices say it."""
        return list(self.stored.shape)

    def get_dtype(self) -> str:
        """As safetensors' own slices say it: BF16, F32, U8 …"""
        return self.stored.kind


def stored_in(folder: Path) -> Iterator[Stored]:
    """Every tensor of a transformers folder; ModelMissing names the file that is not there or is damaged."""
    for file in weight_files(folder):
        yield from read_header(file)


def unread(folder: Path, progress: Progress = silent) -> dict[str, Unread]:
    """Every tensor of a transformers folder by its name, none of them read yet."""
    every = list(stored_in(folder))
    total, done, alone = sum(stored.bytes for stored in every), 0, Lock()

    def advance(stored: Stored) -> None:
        nonlocal done
        with alone:  # transformers reads in several threads
            done += stored.bytes
            progress(f"loading {folder.name}", done, total)

    return {stored.name: Unread(stored, advance) for stored in every}


def read_tensor(stored: Stored) -> "Tensor":
    """The tensor, read from its file into memory of its own."""
    import torch

    raw = read_bytes(stored.file, stored.offset, stored.bytes)
    return raw.view(getattr(torch, TYPES[stored.kind][0])).reshape(stored.shape)


def read_bytes(path: Path, offset: int, count: int) -> "Tensor":
    """`count` bytes of a file, uint8; OSError when it ends before."""
    import torch

    raw = torch.empty(count, dtype=torch.uint8)
    view: memoryview = raw.numpy().data
    done = 0
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        while done < count:  # the system may give less than was asked for, two GiB at most
            more = file.readinto(view[done:])
            if not more:
                raise OSError(f"{path} ends too early")
            done += more
    return raw


def write_tensors(
    file: Path, parts: Mapping[str, tuple[str, tuple[int, ...]]], values: Iterable[Mapping[str, "Tensor"]]
) -> None:
    """Write a safetensors file tensor by tensor: `parts` says {name: (type, shape)}, `values` brings them in order."""
    import torch

    header, end = {}, 0
    for name, (kind, shape) in parts.items():
        start, end = end, end + math.prod(shape) * TYPES[kind][1]
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": (start, end)}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    names = iter(parts)
    with file.open("wb") as opened:
        opened.write(len(text).to_bytes(8, "little") + text)
        for some in values:
            for name, value in some.items():
                kind, shape = parts[name]
                assert (name, value.shape) == (next(names), shape), f"{name} was not expected now, or not so"
                assert value.dtype == getattr(torch, TYPES[kind][0]), f"{name} is {value.dtype}, not {kind}"
                opened.write(value.contiguous().view(-1).view(torch.uint8).numpy().data)


def read_header(file: Path) -> list[Stored]:
    """The tensors of a safetensors file; ModelMissing when it is damaged or cut short."""
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            if length > LONGEST_HEADER:
                raise ValueError("the header cannot be so long")
            header: dict[str, Any] = json.loads(opened.read(length))
        header.pop("__metadata__", None)
        found = [_stored(file, name, entry, 8 + length) for name, entry in header.items()]
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:  # damaged bytes do any of it
        raise ModelMissing(f"{file} cannot be read as a safetensors file: get it again.") from error
    if file.stat().st_size < max((stored.offset + stored.bytes for stored in found), default=0):
        raise ModelMissing(f"{file} is cut short, as by a download that broke off: get it again.")
    return found


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a transformers folder, every one of them there; else ModelMissing names what is not."""
    if (folder / SINGLE).is_file():  # transformers, too, prefers it where both are there
        return [folder / SINGLE]
    if (folder / INDEX).is_file():
        return _shards(folder)
    pickled = sorted(path.name for path in folder.glob("*.bin"))
    if pickled:
        raise ModelMissing(
            f"The weights in {folder} are pickled ({pickled[0]}), which could run any program: get or make a copy of "
            "the model with .safetensors files."
        )
    raise ModelMissing(f"The model in {folder} has no weights: there is neither {SINGLE} nor {INDEX}.")


def _shards(folder: Path) -> list[Path]:
    try:
        names = sorted(set(json.loads((folder / INDEX).read_text())["weight_map"].values()))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelMissing(f"{folder / INDEX} is damaged: get it again.") from error
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise ModelMissing(
            f"The model in {folder} lacks {missing[0]} ({len(missing)} of its {len(names)} files are not there): "
            "get it again."
        )
    return [folder / name for name in names]


def _stored(file: Path, name: str, entry: dict[str, Any], data: int) -> Stored:
    """A header's entry; a ValueError when its type is unknown or its offsets are not those of its shape."""
    start, end = entry["data_offsets"]
    stored = Stored(name, tuple(entry["shape"]), entry["dtype"], file, data + start)
    if stored.bytes != end - start or start < 0:
        raise ValueError(f"{name} is not as long as its shape says")
    return stored
