"""A model's folder in transformers format becomes the model: in bfloat16, or packed by bitsandbytes while it is read.

Any causal language model that transformers itself has the code for; code that comes with a model is never run. What
transformers would fill in with random numbers (a weight that is not there) is refused instead. Tensors are read one at
a time, so that loading takes the finished model's memory and little more.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from inference.formats.checkpoint import stored_in, unread, weight_files
from inference.formats.heap import memory_returned
from inference.job import ModelMissing
from inference.progress import Progress, silent

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

Quantization = Literal["none", "nf4", "int8"]  # how bitsandbytes packs a folder that is not packed yet
WRITES = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")  # how architectures that write text are named


def load_model(
    folder: Path, device: torch.device | str, quantization: Quantization = "none", progress: Progress = silent
) -> "PreTrainedModel":
    """The model in `folder`, in evaluation mode on its device; ModelMissing says what is wrong with it.

    A checkpoint that was saved packed by bitsandbytes loads as it is, whatever `quantization` says.
    """
    config = config_of(folder)
    packed = getattr(config, "quantization_config", None) is not None
    how = {} if packed or quantization == "none" else _bitsandbytes(quantization)
    try:
        with quiet(), memory_returned():
            model, found = _class_of(config, folder).from_pretrained(
                None,
                config=config,
                state_dict=_tensors(folder, str(device), mapped=not (packed or how), progress=progress),
                dtype=torch.bfloat16,
                device_map={"": str(device)},
                output_loading_info=True,
                **how,
            )
    except torch.OutOfMemoryError:
        raise
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        raise _unfit(folder, error) from error
    if found["missing_keys"]:
        first, count = min(found["missing_keys"]), len(found["missing_keys"])
        raise ModelMissing(f"The model in {folder} lacks {count} of its weights, such as {first}: get it again.")
    _take_generation_settings(model, folder)
    loaded: PreTrainedModel = model.eval()
    return loaded


def load_tokenizer(folder: Path) -> "PreTrainedTokenizerFast":
    """The tokenizer in `folder`; ModelMissing when there is none that can be used."""
    from transformers import AutoTokenizer

    try:
        tokenizer: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, ImportError) as error:
        raise _unfit(folder, error) from error
    return tokenizer


def config_of(folder: Path) -> "PreTrainedConfig":
    """The config of a folder that holds a causal language model which can be loaded here; else ModelMissing."""
    from transformers import AutoConfig

    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        if "trust_remote_code" in str(error):
            raise ModelMissing(
                f"The model in {folder} brings program code of its own, which is never run: choose a model that "
                "transformers knows by itself."
            ) from error
        raise _unfit(folder, error) from error
    _check_packing(folder, config)
    names = config.architectures or []
    if config.is_encoder_decoder or (names and not any(name.endswith(WRITES) for name in names)):
        what = names[0] if names else config.model_type
        raise ModelMissing(
            f"The model in {folder} is a {what}, which does not write text from left to right: choose a causal "
            "language model."
        )
    return config


def _check_packing(folder: Path, config: "PreTrainedConfig") -> None:
    """ModelMissing for a checkpoint that was packed by anything but bitsandbytes."""
    settings: Any = getattr(config, "quantization_config", None)
    if settings is None:
        return
    method = settings.get("quant_method") if isinstance(settings, dict) else settings.quant_method
    if getattr(method, "value", method) not in ("bitsandbytes", None):
        raise ModelMissing(
            f"The model in {folder} is packed by {getattr(method, 'value', method)}, which is not read here: get the "
            'unpacked model and set quantization = "nf4", or get it as a GGUF file.'
        )


def _class_of(config: "PreTrainedConfig", folder: Path) -> Any:
    """transformers' class for a config: the one that the folder names, or its model type's own."""
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING

    found: Any = MODEL_FOR_CAUSAL_LM_MAPPING.get(type(config), None)
    if found is None:
        raise ModelMissing(
            f"The model in {folder} is a {config.model_type}, of which transformers has no causal language model: "
            "choose another."
        )
    classes = found if isinstance(found, tuple | list) else (found,)
    return next((each for each in classes if each.__name__ in (config.architectures or [])), classes[0])


def _tensors(folder: Path, device: str, *, mapped: bool, progress: Progress) -> dict[str, Any]:
    """The folder's tensors by name, each still to be read.

    On a CPU, weights that are bfloat16 in their files already are mapped: they take memory only as far as they are
    used, and the system may drop them whenever it needs room.
    """
    if not mapped or device != "cpu" or any(stored.kind != "BF16" for stored in stored_in(folder)):
        return dict(unread(folder, progress))
    from safetensors import safe_open

    opened: dict[Path, Any] = {file: safe_open(file, framework="pt") for file in weight_files(folder)}
    return {stored.name: opened[stored.file].get_slice(stored.name) for stored in stored_in(folder)}


def _bitsandbytes(quantization: Quantization) -> dict[str, object]:
    """transformers' arguments for bitsandbytes, which is imported only when a folder is packed."""
    from transformers import BitsAndBytesConfig

    if quantization == "int8":
        return {"quantization_config": BitsAndBytesConfig(load_in_8bit=True)}
    four_bits = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    return {"quantization_config": four_bits}


def _take_generation_settings(model: "PreTrainedModel", folder: Path) -> None:
    """Which tokens end a text, as the folder says it (transformers reads this only from a folder it loads itself)."""
    from transformers import GenerationConfig

    if (folder / "generation_config.json").is_file():
        try:
            model.generation_config = GenerationConfig.from_pretrained(folder)
        except (OSError, ValueError) as error:
            raise _unfit(folder, error) from error


def _unfit(folder: Path, error: Exception) -> ModelMissing:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return ModelMissing(f"The model in {folder} cannot be loaded ({lines[0].strip()}): get it again.")


@contextmanager
def quiet() -> Iterator[None]:
    """transformers draws no bar and prints no table meanwhile: the bar is ours, and what matters becomes a sentence."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
