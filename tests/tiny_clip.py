"""A tiny untrained CLIP model in transformers' own format, for tests that need one and no understanding."""

import json
from pathlib import Path

import torch

WORDS = ("<|startoftext|>", "<|endoftext|>", "a</w>", "drawing</w>", "of</w>", "face</w>", "j", "o", "y</w>", "joy</w>")


def write_clip(folder: Path, seed: int = 0) -> Path:
    """Some 20,000 random weights, a tokenizer of a few words, and how pictures are prepared; returns the folder."""
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizerFast

    shape = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 2}
    ids = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    torch.manual_seed(seed)
    config = CLIPConfig(
        text_config={**shape, **ids, "vocab_size": len(WORDS), "max_position_embeddings": 16},
        vision_config={**shape, "image_size": 32, "patch_size": 8},
        projection_dim=12,
    )
    CLIPModel(config).save_pretrained(folder)
    CLIPTokenizerFast(vocab={word: place for place, word in enumerate(WORDS)}, merges=[]).save_pretrained(folder)
    colours = {"image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28]}
    (folder / "preprocessor_config.json").write_text(json.dumps(colours))
    return folder
