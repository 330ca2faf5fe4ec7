"""What trainers call the layers of a painter: from any of their names to the layers that are meant.

Three habits are known: diffusers' and peft's own (`unet.down_blocks.0.….to_q`; older: `.processor.to_q_lora`), kohya's
of the same (`lora_unet_down_blocks_0_…_to_q`), and those of the models' first code (`lora_unet_input_blocks_4_1_…` for
SDXL, `lora_unet_double_blocks_0_img_attn_qkv` for Flux, where one of theirs is several of ours). Dots and underlines
are taken for the same, so that one table serves all. Knows no weights.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from torch import nn

TEXT = {"text_encoder": ("te", "te1", "text_encoder"), "text_encoder_2": ("te2", "text_encoder_2")}
_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_OUTER = {
    "conv_in": "input_blocks.0.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}
_FLUX = {
    "img_attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "img_attn.proj": ("attn.to_out.0",),
    "txt_attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    "txt_attn.proj": ("attn.to_add_out",),
    "img_mlp.0": ("ff.net.0.proj",),
    "img_mlp.2": ("ff.net.2",),
    "txt_mlp.0": ("ff_context.net.0.proj",),
    "txt_mlp.2": ("ff_context.net.2",),
    "img_mod.lin": ("norm1.linear",),
    "txt_mod.lin": ("norm1_context.linear",),
}
_FLUX_SINGLE = {
    "linear1": ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"),
    "linear2": ("proj_out",),
    "modulation.lin": ("norm.linear",),
}
_FLUX_OUTER = {
    "img_in": ("x_embedder",),
    "txt_in": ("context_embedder",),
    "time_in.in_layer": ("time_text_embed.timestep_embedder.linear_1",),
    "time_in.out_layer": ("time_text_embed.timestep_embedder.linear_2",),
    "vector_in.in_layer": ("time_text_embed.text_embedder.linear_1",),
    "vector_in.out_layer": ("time_text_embed.text_embedder.linear_2",),
    "guidance_in.in_layer": ("time_text_embed.guidance_embedder.linear_1",),
    "guidance_in.out_layer": ("time_text_embed.guidance_embedder.linear_2",),
    "final_layer.linear": ("proj_out",),
}


def plain(name: str) -> str:
    """A trainer's name of a layer in one form: underlines, without what only tells how it was trained."""
    bare = re.sub(r"\.processor\b|_lora$|\.lora$|\.lora_linear_layer$", "", name).replace(".", "_")
    return re.sub(r"^(base_model_model_|lora_|diffusion_model_|model_)+", "", bare)


def is_of_text(name: str) -> bool:
    """Whether a plain name is one of a layer of a text encoder."""
    return re.match(r"(te[12]?|text_encoder(_2)?|text_encoders?)_", name) is not None


def belongs(name: str, part: str) -> bool:
    """Whether a plain name is one of a layer of this part: unet, transformer, text_encoder or text_encoder_2."""
    if part not in TEXT:
        return not is_of_text(name)
    second = re.match(r"(te2|text_encoder_2)_", name) is not None
    return is_of_text(name) and second == (part == "text_encoder_2")


def layers(module: nn.Module, part: str) -> Mapping[str, tuple[str, ...]]:
    """{plain name: the module's own names for it, in the order in which they lie behind each other}."""
    own = {path for path, layer in module.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)}
    table: dict[str, tuple[str, ...]] = {}
    for path in own:
        short = re.sub(r"\.to_out\.0$", ".to_out", path)  # older diffusers left the number out
        for said in {path, short, *(_first_names(path, module) if part == "unet" else ())}:
            for spoken in _spoken(said, part):
                table[spoken] = (path,)
    if part == "transformer":
        table |= {alias: paths for alias, paths in _flux_names(module) if own.issuperset(paths)}
    return table


def _spoken(path: str, part: str) -> Iterator[str]:
    """The plain names under which a path of a part is known."""
    if part in TEXT:  # transformers 5 has no text_model in a plain encoder's names, older files do
        bare = path.removeprefix("text_model.")
        yield from (f"{who}_{_flat(name)}" for who in TEXT[part] for name in (bare, f"text_model.{bare}"))
    else:
        yield from (_flat(path), f"{part}_{_flat(path)}")


def _flat(path: str) -> str:
    return path.replace(".", "_")


def _first_names(path: str, unet: nn.Module) -> Iterator[str]:
    """A UNet layer's name in the first code of Stable Diffusion."""
    if path in _OUTER:
        yield _OUTER[path]
    count = int(unet.config.layers_per_block) if isinstance(unet.config.layers_per_block, int) else 2  # type: ignore[union-attr]
    for place, inner in _places(path, count, unet):
        head, _, tail = inner.partition(".")
        yield f"{place}.{_RESNET.get(head, head)}{'.' + tail if tail else ''}" if inner else place


def _places(path: str, count: int, unet: nn.Module) -> Iterator[tuple[str, str]]:
    """(block of the first code, what follows) of a layer; `count` resnets to a block on the way down."""
    if found := re.fullmatch(r"down_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.+)", path):
        block, kind, layer, inner = found.groups()
        place = f"input_blocks.{int(block) * (count + 1) + int(layer) + 1}"
        yield f"{place}.{int(kind == 'attentions')}", inner
    elif found := re.fullmatch(r"down_blocks\.(\d+)\.downsamplers\.0\.conv", path):
        yield f"input_blocks.{(int(found[1]) + 1) * (count + 1)}.0.op", ""
    elif found := re.fullmatch(r"up_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.+)", path):
        block, kind, layer, inner = found.groups()
        yield f"output_blocks.{int(block) * (count + 1) + int(layer)}.{int(kind == 'attentions')}", inner
    elif found := re.fullmatch(r"up_blocks\.(\d+)\.upsamplers\.0\.conv", path):
        block = int(found[1])
        attends = any(name.startswith(f"up_blocks.{block}.attentions.") for name, _ in unet.named_modules())
        yield f"output_blocks.{block * (count + 1) + count}.{1 + attends}.conv", ""
    elif found := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d+)\.(.+)", path):
        kind, layer, inner = found.groups()
        yield f"middle_block.{1 if kind == 'attentions' else 2 * int(layer)}", inner


def _flux_names(transformer: nn.Module) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(plain name, own names) of all layers in the first code of Flux."""
    blocks: Iterable[tuple[str, str, Mapping[str, tuple[str, ...]]]] = (
        ("double_blocks", "transformer_blocks", _FLUX),
        ("single_blocks", "single_transformer_blocks", _FLUX_SINGLE),
    )
    for theirs, ours, table in blocks:
        for place in range(len(getattr(transformer, ours))):
            for alias, paths in table.items():
                said = _flat(f"{theirs}.{place}.{alias}")
                yield from (
                    (name, tuple(f"{ours}.{place}.{path}" for path in paths)) for name in (said, f"unet_{said}")
                )
    for alias, paths in _FLUX_OUTER.items():
        yield from ((name, paths) for name in (_flat(alias), f"unet_{_flat(alias)}"))
