"""Which forward pass a model gets: the Llama family has one of its own, every other runs in transformers' modules."""

from typing import Any

from inference.network import Network


def network_of(model: Any) -> Network:
    """The fastest network there is for a transformers model in eval mode on its device.

    Raises ModelMissing with a sentence for models whose state is more than keys and values.
    """
    from inference.llama import Llama, is_llama

    if is_llama(model):
        return Llama(model)
    from inference.transformer import Transformer

    return Transformer(model)
