"""A package named `kernels` beside libraries that look for Hugging Face's of that name confuses none of them."""

import subprocess
import sys

QUIET = """
import sys
import transformers.utils, diffusers.utils
assert not transformers.utils.is_kernels_available()  # would also be true if Mien's own version looked like theirs
assert not diffusers.utils.is_kernels_available()
import bitsandbytes
assert sys.modules["kernels"].__doc__.startswith("Pointers")
"""


def test_transformers_diffusers_and_bitsandbytes_neither_take_it_for_theirs_nor_complain() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", QUIET], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_importing_the_room_imports_neither_torch_nor_triton() -> None:
    code = "import sys, kernels; assert not {'torch', 'triton'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)
