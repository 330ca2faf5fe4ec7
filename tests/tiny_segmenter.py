"""Tiny segmentation models in transformers' own format: one of random weights, one whose weights are set by hand so
that it sees a face exactly where a picture is warmer than it is blue."""

import json
from pathlib import Path
from typing import Any

import torch

from inference.formats.folder import quiet

LABELS = ["background", "skin", "l_brow", "l_eye", "nose", "mouth", "u_lip", "neck", "hair", "ear_r", "cloth"]
SKIN = 1
SIDE = 128  # pixels of what it sees


def write_segmenter(folder: Path, labels: list[str] = LABELS, *, by_hand: bool = True) -> Path:
    """A SegFormer of some 3,000 weights, with how pictures are prepared; returns the folder."""
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    torch.manual_seed(0)
    config = SegformerConfig(
        hidden_sizes=[4, 4, 4, 4],
        depths=[1, 1, 1, 1],
        num_attention_heads=[1, 1, 1, 1],
        decoder_hidden_size=4,
        id2label=dict(enumerate(labels)),
        label2id={label: place for place, label in enumerate(labels)},
    )
    model: Any = SegformerForSemanticSegmentation(config).eval()
    if by_hand:
        _see_warmth(model)
    with quiet():
        model.save_pretrained(folder)
    prepared = {"size": {"height": SIDE, "width": SIDE}, "image_mean": [0, 0, 0], "image_std": [1, 1, 1]}
    (folder / "preprocessor_config.json").write_text(json.dumps(prepared))
    return folder


@torch.no_grad()
def _see_warmth(model: Any) -> None:
    """Red minus blue in the middle of each patch becomes its sign (by the layer norm), and that the label."""
    norms = [module for module in model.modules() if isinstance(module, torch.nn.LayerNorm | torch.nn.BatchNorm2d)]
    kept = {id(norm.weight) for norm in norms}
    for weight in model.parameters():
        if id(weight) not in kept:
            weight.zero_()

    seeing = next(module for module in model.segformer.modules() if isinstance(module, torch.nn.Conv2d))
    for channel, sign in ((0, 1.0), (1, -1.0)):
        seeing.weight[channel, :, 3, 3] = sign * torch.tensor([1.0, 0.0, -1.0])
    head = model.decode_head
    head.linear_projections[0].proj.weight.copy_(torch.eye(4))
    head.linear_fuse.weight[:, 12:, 0, 0] = torch.eye(4)  # the first stage comes last
    head.classifier.weight[SKIN, 0] = head.classifier.weight[0, 1] = 10.0
    head.classifier.bias[0] = 5.0  # grey is ground
