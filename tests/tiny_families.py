"""Tiny untrained painters of every family in the real folder format, saved by diffusers' own pipelines."""

import json
import string
from pathlib import Path
from typing import Any

import torch

SIZE, SCALE = 64, 8
LETTERS = [*string.ascii_lowercase, ",", "!"]


def tiny_unet(channels: int, width: int = 16, **more: Any) -> Any:
    from diffusers import UNet2DConditionModel

    torch.manual_seed(1)
    return UNet2DConditionModel(
        sample_size=SIZE // SCALE,
        in_channels=channels,
        out_channels=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        block_out_channels=(16, 32),
        layers_per_block=1,
        cross_attention_dim=width,
        attention_head_dim=2,
        norm_num_groups=8,
        **more,
    )


def tiny_vae(latents: int = 4, **more: Any) -> Any:
    """An autoencoder whose codes have hardly any spread, so that drawing one gives its middle."""
    from diffusers import AutoencoderKL

    torch.manual_seed(2)
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=latents,
        norm_num_groups=4,
        sample_size=SIZE,
        **more,
    )
    last = vae.encoder.conv_out if vae.quant_conv is None else vae.quant_conv
    with torch.no_grad():
        last.weight[latents:] = 0
        last.bias[latents:] = -30
    return vae


def write_tokenizer(folder: Path) -> Any:
    """CLIP's tokenizer over letters, as the files of 2022 have it: vocab.json and merges.txt."""
    from transformers import CLIPTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    words = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: place for place, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    special = {"bos_token": "<|startoftext|>"} | dict.fromkeys(("eos_token", "unk_token", "pad_token"), "<|endoftext|>")
    config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 16, **special}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return CLIPTokenizer.from_pretrained(folder)


def tiny_clip(width: int = 16, *, projected: bool = False) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(3)
    config = CLIPTextConfig(
        vocab_size=58,
        hidden_size=width,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=16,
        projection_dim=width,
        bos_token_id=56,
        eos_token_id=57,
        pad_token_id=57,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config).eval()


def write_t5(folder: Path) -> tuple[Any, Any]:
    """T5's encoder, and its tokenizer over letters."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import T5Config, T5EncoderModel, T5Tokenizer

    torch.manual_seed(4)
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), *((letter, -3.0) for letter in LETTERS)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    config = {"tokenizer_class": "T5Tokenizer", "model_max_length": 20, **special}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    encoder = T5EncoderModel(T5Config(vocab_size=40, d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=2)).eval()
    return T5Tokenizer.from_pretrained(folder), encoder


def write_sd(folder: Path, channels: int = 9, prediction: str = "epsilon", **saving: Any) -> Path:
    """Stable Diffusion 1.5, or 2 with prediction="v_prediction"; for inpainting (9 channels) or plain (4)."""
    from diffusers import DDIMScheduler, StableDiffusionInpaintPipeline

    pipeline = StableDiffusionInpaintPipeline(
        vae=tiny_vae(),
        text_encoder=tiny_clip(),
        tokenizer=write_tokenizer(folder / "tokenizer"),
        unet=tiny_unet(channels),
        scheduler=DDIMScheduler(
            beta_schedule="scaled_linear",
            beta_start=0.00085,
            beta_end=0.012,
            steps_offset=1,
            clip_sample=False,
            set_alpha_to_one=False,
            prediction_type=prediction,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    return saved(pipeline, folder, **saving)


def write_xl(folder: Path, channels: int = 9, **saving: Any) -> Path:
    """SDXL: two text encoders, pooled states, sizes."""
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLInpaintPipeline

    added = {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 24 + 6 * 8,
    }
    pipeline = StableDiffusionXLInpaintPipeline(
        vae=tiny_vae(scaling_factor=0.13025),
        text_encoder=tiny_clip(),
        text_encoder_2=tiny_clip(24, projected=True),
        tokenizer=write_tokenizer(folder / "tokenizer"),
        tokenizer_2=write_tokenizer(folder / "tokenizer_2"),
        unet=tiny_unet(channels, 16 + 24, **added),
        scheduler=EulerDiscreteScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012),
        add_watermarker=False,
    )
    return saved(pipeline, folder, **saving)


def write_flux(folder: Path, *, fill: bool = True, guided: bool = True, **saving: Any) -> Path:
    """Flux: made for filling, or plain. Four latents, so 16 numbers to a token."""
    from diffusers import (
        FlowMatchEulerDiscreteScheduler,
        FluxFillPipeline,
        FluxInpaintPipeline,
        FluxTransformer2DModel,
    )

    tokenizer, encoder = write_t5(folder / "tokenizer_2")
    torch.manual_seed(5)
    transformer = FluxTransformer2DModel(
        in_channels=16 + 16 + 4 * SCALE**2 if fill else 16,
        out_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=16,
        guidance_embeds=guided,
        axes_dims_rope=(4, 4, 8),
    )
    vae = tiny_vae(use_quant_conv=False, use_post_quant_conv=False, scaling_factor=0.36, shift_factor=0.11)
    pipeline = (FluxFillPipeline if fill else FluxInpaintPipeline)(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
        vae=vae,
        text_encoder=tiny_clip(),
        tokenizer=write_tokenizer(folder / "tokenizer"),
        text_encoder_2=encoder,
        tokenizer_2=tokenizer,
        transformer=transformer,
    )
    return saved(pipeline, folder, **saving)


def write_taesd(folder: Path, latents: int = 4) -> Path:
    """A tiny autoencoder."""
    from diffusers import AutoencoderTiny

    torch.manual_seed(6)
    tiny = AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8, 8), decoder_block_out_channels=(8, 8, 8, 8), latent_channels=latents
    )
    tiny.save_pretrained(folder)
    return folder


def saved(pipeline: Any, folder: Path, **saving: Any) -> Path:
    """saving: of diffusers' save_pretrained: variant="fp16", max_shard_size=…"""
    from inference.formats.folder import quiet

    with quiet():
        pipeline.save_pretrained(folder, **saving)
    return folder
