"""When a straight course takes its steps: from noise at 1 to the picture at 0, as a scheduler's configuration says.

Nearly every FlowMatchEulerDiscreteScheduler only shifts its times; that is computed here (`shifted`), because importing
diffusers for it takes seconds. Any other way (Karras, exponential …) is asked of diffusers' scheduler (`scheduled`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

OTHER_WAYS = (
    *("use_dynamic_shifting", "shift_terminal", "use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"),
    *("invert_sigmas", "stochastic_sampling"),
)


class Times(NamedTuple):
    """noise: its share, (steps + 1,) falling, the last 0; told: what the network is told of it, a scalar a step."""

    noise: list[float]
    told: Sequence[Tensor]


def is_plain(config: Mapping[str, Any]) -> bool:
    """Whether a scheduler of this configuration does nothing but shift its times."""
    numbers = (config.get("shift", 1.0), config.get("num_train_timesteps", 1000))
    return all(isinstance(number, int | float) for number in numbers) and not any(map(config.get, OTHER_WAYS))


def shifted(config: Mapping[str, Any], num_steps: int) -> Times:
    """Evenly spaced from 1, then moved towards 1 by `shift` (Esser et al., arXiv 2403.03206, section 5.3.2).

    The scheduler's default spacing would spend the last step on t = 0.001, where nothing is left to remove.
    """
    shift, scale = float(config.get("shift", 1.0)), float(config.get("num_train_timesteps", 1000))
    even = torch.from_numpy(_even(num_steps).astype(np.float32))
    noise = shift * even / (1 + (shift - 1) * even)
    return Times([*noise.tolist(), 0.0], list(noise * scale))


def scheduled(scheduler: Any, num_steps: int) -> Times:
    """The same from diffusers' scheduler, shaped as its configuration says."""
    own = type(scheduler).from_config(scheduler.config)
    own.set_timesteps(sigmas=_even(num_steps).tolist())
    return Times(own.sigmas.tolist(), list(own.timesteps))


def _even(num_steps: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.linspace(1.0, 1 / num_steps, num_steps)
