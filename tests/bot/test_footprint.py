"""What models of real shapes need, from headers alone: the files claim sizes that they do not have on disk."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.cli import main
from bot.compose import compose
from bot.footprint import footprint
from bot.settings import Bot, GpuTable, Model, Settings
from inference.job import ModelMissing, NoRoom

GIB = 1 << 30
SHAPES: dict[str, Mapping[str, int]] = {
    "llama-8b": {"hidden": 4096, "inner": 14336, "layers": 32, "heads": 32, "vocabulary": 128256},
    "mistral-24b": {"hidden": 5120, "inner": 32768, "layers": 40, "heads": 32, "vocabulary": 131072},
    "llama-70b": {"hidden": 8192, "inner": 28672, "layers": 80, "heads": 64, "vocabulary": 128256},
}
HEAD, KV_HEADS = 128, 8


def write_checkpoint(folder: Path, *, hidden: int, inner: int, layers: int, heads: int, vocabulary: int) -> Path:
    """A folder of a Llama of that shape: a true config, a true header, and a hole where the weights would be."""
    matrices = {
        "self_attn.q_proj": (heads * HEAD, hidden),
        "self_attn.k_proj": (KV_HEADS * HEAD, hidden),
        "self_attn.v_proj": (KV_HEADS * HEAD, hidden),
        "self_attn.o_proj": (hidden, heads * HEAD),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
        "input_layernorm": (hidden,),
        "post_attention_layernorm": (hidden,),
    }
    shapes: dict[str, tuple[int, ...]] = {
        f"model.layers.{layer}.{name}.weight": shape for layer in range(layers) for name, shape in matrices.items()
    }
    shapes |= {"model.embed_tokens.weight": (vocabulary, hidden), "lm_head.weight": (vocabulary, hidden)}
    shapes |= {"model.norm.weight": (hidden,)}
    header: dict[str, Any] = {}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + 2 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, end]}
    raw = json.dumps(header).encode()
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(len(raw).to_bytes(8, "little") + raw)
    os.truncate(folder / "model.safetensors", 8 + len(raw) + end)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD,
        "vocab_size": vocabulary,
        "max_position_embeddings": 131072,
        "tie_word_embeddings": False,
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name, shape in SHAPES.items():
        write_checkpoint(folder / name, **shape)
    return folder


def settings_for(model: Path | str, **changes: Any) -> Settings:
    gpu = GpuTable(replies=changes.pop("replies", 8))
    return Settings(model=Model(name=str(model), **{"quantization": "nf4", "context": 4096, **changes}), gpu=gpu)


@pytest.mark.parametrize(
    ("name", "parameters", "kv_gib"),
    [("llama-8b", 8.03e9, 4.0), ("mistral-24b", 23.57e9, 5.0), ("llama-70b", 70.55e9, 10.0)],
)
def test_a_real_shape_needs_what_its_definition_says(models: Path, name: str, parameters: float, kv_gib: float) -> None:
    found = footprint(settings_for(models / name), card=80 * GIB)
    shape = SHAPES[name]
    ends = 2 * shape["vocabulary"] * shape["hidden"]
    packed = (parameters - ends) * (1 / 2 + 1 / 64 + 4 / (64 * 256))  # NF4 with double quantization
    assert found.weight_bytes == pytest.approx(2 * ends + packed, rel=2e-3)
    assert found.kv_bytes == kv_gib * GIB
    assert found.context_tokens == 4096


@pytest.mark.parametrize(
    ("name", "card", "fits"),
    [
        ("llama-8b", 8, False),
        ("llama-8b", 12, True),
        ("mistral-24b", 16, False),
        ("mistral-24b", 24, True),
        ("llama-70b", 24, False),
        ("llama-70b", 48, False),
        ("llama-70b", 80, True),
    ],
)
def test_what_fits_on_which_card(models: Path, name: str, card: int, fits: bool) -> None:
    plan = footprint(settings_for(models / name), card=card * GIB).plan
    assert (plan.refusal is None) is fits, plan.table()


def test_an_impossible_plan_is_refused_with_the_arithmetic(models: Path) -> None:
    refusal = footprint(settings_for(models / "llama-70b"), card=24 * GIB).plan.refusal
    assert refusal == (
        "llama-70b in nf4 needs 36.8 GiB, 8 replies of 4,096 tokens 10.0 GiB, the rest 2.0 GiB, together 48.8 GiB;"
        " the card has 24.0 GiB: choose a smaller model, or fewer tokens ([model] context, [gpu] replies)."
    )


def test_nf4_is_advised_where_it_would_help(models: Path) -> None:
    refusal = footprint(settings_for(models / "llama-8b", quantization="none"), card=16 * GIB).plan.refusal
    assert refusal is not None and refusal.startswith("llama-8b needs 15.0 GiB, ")
    assert refusal.endswith("choose a smaller model, nf4, or fewer tokens ([model] context, [gpu] replies).")
    starter = footprint(Settings(), card=1 * GIB).plan.refusal
    assert starter is not None and "nf4" not in starter


def test_fewer_replies_and_tokens_make_it_fit(models: Path) -> None:
    modest = settings_for(models / "llama-8b", replies=2, context=2048)
    assert footprint(modest, card=8 * GIB).plan.refusal is None


def test_the_context_is_the_models_own_where_that_is_less() -> None:
    assert footprint(Settings(model=Model(context=100_000)), card=80 * GIB).context_tokens == 8192


def test_the_starter_fits_this_machine_and_nobody_moves_on_a_cpu() -> None:
    plan = footprint(Settings(gpu=GpuTable(device="cpu"))).plan
    assert plan.refusal is None and not plan.swaps and not plan.apart
    assert plan.settled + plan.guests < 3 * GIB


def test_a_model_that_is_not_here_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"has no config\.json"):
        footprint(settings_for(tmp_path), card=24 * GIB)


def configured(folder: Path, model: Path) -> Path:
    file = folder / "mien.toml"
    state, personas = folder / "state", Path(__file__).parents[2] / "personas"
    file.write_text(
        f'[bot]\nstate = "{state}"\npersonas = ["{personas}"]\n[gpu]\nreplies = 8\ndevice = "cpu"\n'
        f'[model]\nname = "{model}"\nquantization = "nf4"\ncontext = 4096\n'
    )
    return file


def test_the_doctor_plans_for_a_card_that_is_not_here(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = configured(tmp_path, models / "llama-70b")
    assert main(["--config", str(file), "doctor", "--card", "24GB"]) == 1
    told = capsys.readouterr().out
    assert "BAD memory: llama-70b in nf4 needs 36.8 GiB, " in told
    assert re.search(r"\n      llama-70b in nf4 +36\.8 GiB  stays\n", told)
    assert main(["--config", str(file), "doctor", "--card", "80GB"]) == 0
    assert "ok  memory: everything fits at once\n" in capsys.readouterr().out


def test_the_doctors_plan_is_data_for_programs(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = configured(tmp_path, models / "llama-70b")
    assert main(["--config", str(file), "doctor", "--json", "--card", "24GB"]) == 1
    findings = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [memory] = [finding for finding in findings if finding["what"] == "memory"]
    assert memory["fine"] is memory["data"]["fits"] is False and "\n" not in memory["says"]
    assert memory["data"]["total"] == 24 * GIB
    assert memory["data"]["needs"][1] == {
        "name": "8 replies of 4,096 tokens",
        "bytes": 10 * GIB,
        "kind": "stays",
    }
    assert [set(finding) for finding in findings if finding["what"] == "python"] == [{"what", "fine", "says"}]


def test_a_size_that_is_none_is_refused_at_the_door(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--card", "many"])
    assert ended.value.code == 2 and "'many' is no size of a card: write it like 24GB" in capsys.readouterr().err


async def test_mien_does_not_begin_what_cannot_be(models: Path, tmp_path: Path) -> None:
    """Refused before a byte of the weights was read: there are none."""
    huge = Settings(
        bot=Bot(state=tmp_path / "state"),
        model=Model(name=str(models / "llama-70b"), quantization="nf4", context=131072),
        gpu=GpuTable(device="cpu", replies=64),
    )
    with pytest.raises(NoRoom, match=r"^64 replies of 131,072 tokens|llama-70b in nf4 needs") as refused:
        async with compose(huge):
            pass
    assert "this machine has" in str(refused.value)
