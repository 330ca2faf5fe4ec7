"""One process of bench/first_token.py: imports, loads, says the first token, and tells when each was done.

python -m bench.first_token_child ours|baseline CACHE
"""

from time import perf_counter

MARKS = {"python": perf_counter()}  # before anything else is imported

import asyncio  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

CHAT = [
    {"role": "system", "content": "You are Marigold, a cheerful pony who bakes for the whole village."},
    {"role": "user", "content": "I dropped your whole tray of muffins, I'm so sorry. What happens now?"},
]


async def ours(cache: Path) -> str:
    """The engine, as the bot opens it."""
    from inference.engine import Engine
    from inference.gpu import Gpu
    from inference.sampling import SamplingParams

    mark("import")
    async with Gpu("cpu") as gpu, Engine(gpu, "starter", cache) as engine:
        mark("load")
        pieces = engine.stream(CHAT, SamplingParams(temperature=0, repetition_penalty=1, max_tokens=1))
        return "".join([piece async for piece in pieces])


def baseline(cache: Path) -> str:
    """transformers alone: from_pretrained and generate."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    mark("import")
    folder = cache / "bench-dequantised"
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="bfloat16")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    mark("load")
    inputs = tokenizer.apply_chat_template(CHAT, add_generation_prompt=True, return_tensors="pt")
    out = model.generate(**inputs, do_sample=False, max_new_tokens=1)
    return str(tokenizer.decode(out[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))


def mark(stage: str) -> None:
    MARKS[stage] = perf_counter()


if __name__ == "__main__":
    side, folder = sys.argv[1], Path(sys.argv[2])
    text = asyncio.run(ours(folder)) if side == "ours" else baseline(folder)
    mark("first_token")
    print(json.dumps(MARKS | {"text": text}))
