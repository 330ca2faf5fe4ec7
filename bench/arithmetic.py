"""The classifier's network in several arithmetics, in one run: milliseconds for a message, and how far each strays.

int8 and float32 are Mien's own; bfloat16 has oneDNN's weights in order (`kernels/dense.py`); ONNX Runtime's int8 takes
part where `onnxruntime` and `onnx` are installed (neither is a dependency): exported, fused and quantized as its
documentation advises, one scale for all activations of a product. Part of `bench.feel`.
"""

import importlib.util
import statistics
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from bench.report import ROOT
from emotion import delta
from emotion.minilm import Minilm
from emotion.scorer import Scorer
from emotion.tokens import Row, message_rows
from inference.arithmetic import Floating, Linear, bfloat16
from kernels.choose import has_fast_integers
from kernels.dense import is_fast
from kernels.integer import Integer

Network = Callable[[Sequence[Row]], Tensor]
"""Rows -> logits (n, 28)."""

DEV = ROOT.parent / "shared" / "data" / "goemotions" / "dev.tsv"
CUT = 0.3  # a label counts from here on, where two arithmetics are compared


def networks(file: Path, plain: Minilm) -> dict[str, Network]:
    """The classifier of a delta file in every arithmetic that this machine has; "float32" is the truth."""
    before = {f"encoder.{name}": weight for name, weight in plain.weights.items()}
    weights, _ = delta.merged(file, before, "classifier")
    ways: dict[str, Linear] = {"float32": Floating}
    if has_fast_integers("cpu"):
        ways["int8"] = Integer
    if is_fast(torch.empty(1, dtype=torch.bfloat16)):
        ways["bfloat16"] = bfloat16
    found: dict[str, Network] = {
        name: Scorer(plain, weights, torch.device("cpu"), linear) for name, linear in ways.items()
    }
    if importlib.util.find_spec("onnxruntime") and importlib.util.find_spec("onnx"):
        found["onnxruntime_int8"] = _onnxruntime(file)
    return found


def milliseconds(nets: Mapping[str, Network], row: Row, rounds: int = 20) -> dict[str, float]:
    """The median for one text, the networks taking turns in blocks of four so that each finds its own weights near."""
    seconds: dict[str, list[float]] = {name: [] for name in nets}
    for _ in range(rounds):
        for name, net in nets.items():
            for _ in range(4):
                start = perf_counter()
                net([row])
                seconds[name].append(perf_counter() - start)
    return {name: round(1e3 * statistics.median(each), 2) for name, each in seconds.items()}


def distances(nets: Mapping[str, Network], plain: Minilm, texts: Sequence[str]) -> dict[str, float]:
    """Against float32: the largest difference of a probability, the mean over texts of the largest, and the share of
    labels on the other side of CUT."""
    rows = message_rows(plain.tokenizer, texts)
    said = {name: torch.cat([net([row]) for row in rows]).sigmoid() for name, net in nets.items()}
    figures: dict[str, float] = {}
    for name, scores in said.items():
        if name != "float32":
            apart = (scores - said["float32"]).abs()
            figures[f"{name}_max_difference"] = round(float(apart.max()), 4)
            figures[f"{name}_mean_difference"] = round(float(apart.amax(1).mean()), 4)
            crossed = (scores >= CUT) != (said["float32"] >= CUT)
            figures[f"{name}_labels_changed"] = round(float(crossed.float().mean()), 5)
    return figures


def _onnxruntime(file: Path) -> Network:
    """The network exported, fused by ONNX Runtime's optimizer, and quantized dynamically with weights by channel."""
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers import optimizer

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole, fused, small = (str(Path(folder) / f"{name}.onnx") for name in ("whole", "fused", "small"))
        _export(file, whole)
        optimizer.optimize_model(whole, "bert", num_heads=12, hidden_size=384, opt_level=1).save_model_to_file(fused)
        kinds: dict[str, Any] = {"extra_options": {"DefaultTensorType": 1}}  # float32, for what the fusion left untyped
        quantize_dynamic(fused, small, weight_type=QuantType.QInt8, per_channel=True, **kinds)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(small, options, providers=["CPUExecutionProvider"])

    def run(rows: Sequence[Row]) -> Tensor:
        [ids] = [torch.tensor([row]) for row, _ in rows]
        [logits] = session.run(None, {"ids": ids.numpy(), "mask": torch.ones_like(ids).numpy()})
        return torch.from_numpy(logits)

    return run


def _export(file: Path, to: str) -> None:
    from emotion.encoder import load_encoder
    from emotion.network import EmotionNet

    net = EmotionNet(load_encoder().model).eval()
    delta.merge(file, net)
    net.encoder.config._attn_implementation = "eager"
    ids = torch.randint(1000, 2000, (1, 32))
    free = {0: "texts", 1: "tokens"}
    torch.onnx.export(
        net,
        (ids, torch.ones_like(ids)),
        to,
        input_names=["ids", "mask"],
        dynamic_axes={"ids": free, "mask": free},
        opset_version=17,
        dynamo=False,
    )
