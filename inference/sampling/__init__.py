"""From a model's logits to the next token, exactly and fast.

    SamplingParams   every choice a roleplayer has, with neutral defaults where there is one
    distribution     the probabilities the next token is drawn from, for anyone to check
    Sampler          the draws of one reply: seed, what was said, mirostat's state
    Breakers         DRY's sequence breakers, from text to tokens

`params.samplers` names the samplers in the order in which they apply (chain.py); each family has its file. What a
sampler sees are the candidates that those before it left, their probabilities renormalised: llama.cpp's convention
(src/llama-sampling.cpp). Knows token ids and logits; knows no text, no model and no member.
"""

from inference.sampling.breakers import Breakers
from inference.sampling.params import SamplingParams
from inference.sampling.sampler import Sampler, distribution

__all__ = ["Breakers", "Sampler", "SamplingParams", "distribution"]
