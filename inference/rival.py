"""Hugging Face's distribution `kernels` and Mien's room `kernels` share an import name; both at once do not work.

With that distribution installed transformers imports its names from whichever `kernels` comes first and fails to build
any model. Asked before anything heavy is imported; knows only what is installed.
"""

from importlib.metadata import PackageNotFoundError, version

from inference.job import ModelMissing


class RivalKernels(ModelMissing):
    """No model can be built: the distribution `kernels` is installed beside Mien."""


def check_no_rival() -> None:
    """Raise RivalKernels with what to do when Hugging Face's `kernels` is installed in this environment."""
    try:
        found = version("kernels")
    except PackageNotFoundError:
        return
    raise RivalKernels(
        f"Hugging Face's package kernels {found} is installed and hides Mien's own of that name, so no model can be "
        "built: run `pip uninstall kernels`, or give Mien an environment of its own."
    )
