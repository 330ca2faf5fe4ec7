"""A GGUF file becomes, once, a folder that loads in seconds: config, tokenizer and weights in safetensors.

4- and 8-bit matrices keep their blocks as they are (`kernels/layout.py`); what they were, rounded by whoever made the
file, they stay. Layouts without a form of ours become 8-bit blocks, plain numbers bfloat16. One tensor at a time is in
memory. Knows nothing of running a model.

    <cache>/<file>-<fingerprint>/config.json, tokenizer.json, …, model.safetensors
"""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from inference.formats.checkpoint import SINGLE, write_tensors
from inference.formats.gguf_file import (
    EMBEDDING,
    Q4_0,
    Q4_1,
    Q4_K,
    Q8_0,
    ROTARY,
    Gguf,
    GgufTensor,
    config_of,
    open_gguf,
    renamed,
    reordered,
)
from inference.job import ModelMissing
from inference.progress import Progress, silent
from kernels.layout import (
    BLOCK,
    Blocks4,
    Blocks8,
    quantize8,
    unpack_q4_0,
    unpack_q4_1,
    unpack_q4_k,
    unpack_q8_0,
)

CONVERTER = 2  # raise it whenever the converted form changes: older folders are then not found any more
STALE_S = 3600  # a half-made folder this old was left by a process that was killed
PIECE = 1 << 22  # weights that are dequantised at a time

T = TypeVar("T")
Blocks = Blocks4 | Blocks8
_BLOCKS4 = {Q4_0: unpack_q4_0, Q4_1: unpack_q4_1, Q4_K: unpack_q4_k}


def converted(path: Path, cache: Path, progress: Progress = silent) -> Path:
    """The converted folder of a GGUF file, made now if it was not; ModelMissing when the file cannot be used.

    The folder appears whole or not at all, whoever is killed and however many processes convert at once.
    """
    folder = cache / f"{path.stem}-{fingerprint(path)}"
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    _sweep(cache)
    with tempfile.TemporaryDirectory(prefix=".converting-", dir=cache, ignore_cleanup_errors=True) as half:
        unfinished = Path(half) / "model"
        write_folder(open_gguf(path), unfinished, progress)
        try:
            unfinished.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was first, and its folder is as good
                raise
    return folder


def fingerprint(path: Path) -> str:
    """Twelve hex digits for a file's size, both its ends and the converter; eight MiB of either end are read."""
    size, end = path.stat().st_size, 8 << 20
    digest = hashlib.sha256(f"{CONVERTER}:{size}:".encode())
    with path.open("rb") as file:
        digest.update(file.read(end))
        file.seek(max(size - end, 0))
        digest.update(file.read(end))
    return digest.hexdigest()[:12]


def write_folder(gguf: Gguf, folder: Path, progress: Progress = silent) -> None:
    """Write config, tokenizer and weights of an opened file into a new folder."""
    folder.mkdir()
    config_of(gguf).save_pretrained(folder)
    write_tokenizer(gguf.path, folder)
    parts = {name: part for tensor in gguf.tensors.values() for name, part in _parts(gguf, tensor)}

    def values() -> Iterator[dict[str, Tensor]]:
        for done, tensor in enumerate(gguf.tensors.values(), start=1):
            yield _values(gguf, tensor)
            progress(f"converting {gguf.path.name}", done, len(gguf.tensors))

    write_tensors(folder / SINGLE, parts, values())


def write_tokenizer(path: Path, folder: Path) -> None:
    """tokenizer.json and its settings, the chat template among them, from the file's vocabulary and merges."""
    from tokenizers import pre_tokenizers
    from transformers import PreTrainedTokenizerFast
    from transformers.integrations.gguf import convert_gguf_tokenizer, get_gguf_tokenizer

    architecture, vocabulary, settings = get_gguf_tokenizer(str(path))
    backend, _ = convert_gguf_tokenizer(architecture, vocabulary)
    if vocabulary.get("pre_tokenizer_type") == "smollm":  # transformers takes it for GPT-2's, which keeps numbers whole
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
    PreTrainedTokenizerFast(tokenizer_object=backend, **settings).save_pretrained(folder)


def forms(gguf: Gguf, tensor: GgufTensor) -> Iterator[tuple[str, str]]:
    """In which forms a tensor is stored, as (place in transformers' model, "dense" or "blocks4" or "blocks8").

    An embedding is looked up row by row, so it is kept dense; if it is the head as well, its blocks are kept beside.
    """
    if tensor.name == ROTARY:  # the config says it
        return
    place, _ = renamed(gguf, tensor.name)
    looked_up = tensor.name == EMBEDDING
    if tensor.plain or looked_up:
        yield place, "dense"
    if not tensor.plain and (not looked_up or gguf.tied):
        yield ("lm_head" if looked_up else place), "blocks4" if tensor.kind in _BLOCKS4 else "blocks8"


def _parts(gguf: Gguf, tensor: GgufTensor) -> Iterator[tuple[str, tuple[str, tuple[int, ...]]]]:
    """(name, (type, shape)) of everything that is stored for a tensor, in the words of safetensors."""
    kind = tensor.name.rpartition(".")[2]
    for place, form in forms(gguf, tensor):
        if form == "dense":
            yield f"{place}.{kind}", ("BF16", tensor.shape)
            continue
        rows, columns = tensor.shape
        yield f"{place}.codes", ("U8", (rows, columns // 2)) if form == "blocks4" else ("I8", (rows, columns))
        for part in ("scale", "floor") if form == "blocks4" else ("scale",):
            yield f"{place}.{part}", ("F16", (rows, columns // BLOCK))


def _values(gguf: Gguf, tensor: GgufTensor) -> dict[str, Tensor]:
    """What `_parts` names."""
    kind, found = tensor.name.rpartition(".")[2], {}
    for place, form in forms(gguf, tensor):
        if form == "dense":
            found[f"{place}.{kind}"] = reordered(gguf, place, _dense(tensor))
        else:
            blocks = _blocks(tensor)._asdict().items()
            found |= {f"{place}.{part}": reordered(gguf, place, value) for part, value in blocks}
    return found


def _blocks(tensor: GgufTensor) -> Blocks:
    """The tensor's blocks: as they are where there is a form for them, else rounded to 8 bits."""
    if tensor.kind in _BLOCKS4:
        return _BLOCKS4[tensor.kind](tensor.all_rows())
    if tensor.kind == Q8_0:
        return unpack_q8_0(tensor.all_rows())
    codes, scale = zip(*_in_pieces(tensor, lambda raw: quantize8(_dequantized(tensor, raw))), strict=True)
    return Blocks8(torch.cat(codes), torch.cat(scale))


def _dense(tensor: GgufTensor) -> Tensor:
    """The tensor's numbers in bfloat16, whatever layout they are stored in."""
    dense, done = torch.empty(tensor.shape, dtype=torch.bfloat16), 0
    for piece in _in_pieces(tensor, lambda raw: raw if tensor.plain else _dequantized(tensor, raw)):
        dense[done : done + len(piece)] = piece
        done += len(piece)
    return dense


def _in_pieces(tensor: GgufTensor, make: Callable[[Tensor], T]) -> Iterator[T]:
    """What `make` makes of a tensor's rows, some of them at a time."""
    step = max(1, PIECE // (tensor.shape[-1] if len(tensor.shape) > 1 else 1))
    for start in range(0, tensor.shape[0], step):
        yield make(tensor.rows(start, start + step))


def _dequantized(tensor: GgufTensor, raw: Tensor) -> Tensor:
    """Rows in any of ggml's layouts, (n, bytes) uint8, as numbers (n, K) float32."""
    from gguf import GGMLQuantizationType, quants

    try:
        return torch.from_numpy(quants.dequantize(raw.numpy(), GGMLQuantizationType(tensor.kind)))
    except (NotImplementedError, ValueError) as error:
        raise ModelMissing(
            f"{tensor.file} holds {tensor.name} in ggml's layout {tensor.kind}, which is not read: get another file."
        ) from error


def _sweep(cache: Path) -> None:
    """Remove what killed conversions left behind."""
    for folder in cache.glob(".converting-*"):
        if time.time() - folder.stat().st_mtime > STALE_S:
            shutil.rmtree(folder, ignore_errors=True)
