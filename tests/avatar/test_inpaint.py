import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from avatar.conditioning import Conditioning
from avatar.course import Straight
from avatar.families.starter import StarterNetwork
from avatar.inpaint import Canvas, inpaint
from avatar.parts import Parts, open_parts
from avatar.times import shifted

SIZE = 32


def straight(difference: bool, steps: int) -> Straight:
    """The course of a painter that says the picture, or by how much it differs."""
    return Straight(shifted({}, steps), difference=difference)


@pytest.fixture(scope="module")
def parts(painter_path: Path) -> Parts:
    return open_parts(painter_path, torch.device("cpu"))


def canvas(seed: int = 0) -> Canvas:
    generator = torch.Generator().manual_seed(99)
    pixels = torch.rand(3, SIZE, SIZE, generator=generator) * 2 - 1
    mask = torch.zeros(1, SIZE, SIZE)
    mask[:, 5:20, 7:28] = 1
    return Canvas(pixels, mask, Conditioning(torch.randn(1, 384, generator=generator)), seed)


def run(parts: Parts, canvases: Sequence[Canvas], steps: int = 4, at_once: int | None = None) -> tuple[Tensor, int]:
    """What the loop returns, and how often it yielded."""
    job, yields = inpaint(parts, list(canvases), steps, at_once=at_once), 0
    with torch.inference_mode():
        while True:
            try:
                next(job)
            except StopIteration as end:
                return end.value, yields
            yields += 1


def test_nine_numbers_of_a_painted_face(parts: Parts) -> None:
    painted, _ = run(parts, [canvas()])
    slice_ = painted[0, 1, 10:13, 10:13].flatten().tolist()
    expected = [0.5812, 0.6474, -0.2706, -0.4507, 0.0068, -0.0074, -0.4348, 0.1592, -0.4527]
    assert np.allclose(slice_, expected, atol=4e-2), str([round(x, 4) for x in slice_])


def test_a_few_at_a_time_are_the_same_faces_in_more_and_smaller_steps(parts: Parts) -> None:
    seen: list[int] = []
    hook = parts.network.module.register_forward_pre_hook(lambda unet, args: seen.append(len(args[0])))
    canvases = [canvas(seed) for seed in range(5)]
    together, _ = run(parts, canvases)
    assert seen == [5] * 4
    seen.clear()
    painted, yields = run(parts, canvases, at_once=2)
    hook.remove()
    assert seen == [2, 2, 1] * 4 and yields == len(seen)
    assert torch.allclose(painted, together, atol=4e-2)


@pytest.mark.parametrize("steps", [1, 2, 4, 7])
def test_one_yield_is_one_denoising_step(parts: Parts, steps: int) -> None:
    painted, yields = run(parts, [canvas()], steps)
    assert yields == steps and painted.shape == (1, 3, SIZE, SIZE) and painted.isfinite().all()


def test_outside_the_mask_the_picture_comes_back(parts: Parts) -> None:
    given = canvas()
    painted, _ = run(parts, [given])
    outside = given.mask.expand(3, -1, -1) == 0
    assert torch.equal(painted[0][outside], given.pixels[outside])
    assert not torch.allclose(painted[0][~outside], given.pixels[~outside])


def test_the_same_seed_paints_the_same_face_and_another_seed_another(parts: Parts) -> None:
    first, again, other = (run(parts, [canvas(seed)])[0] for seed in (7, 7, 8))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_the_prompt_matters(parts: Parts) -> None:
    given = canvas()
    other = replace(given, conditioning=Conditioning(-given.conditioning.tokens))
    assert not torch.equal(run(parts, [given])[0], run(parts, [other])[0])


def test_faces_painted_together_are_those_painted_alone(parts: Parts) -> None:
    together, _ = run(parts, [canvas(1), canvas(2)])
    alone = torch.cat([run(parts, [canvas(seed)])[0] for seed in (1, 2)])
    assert torch.allclose(together, alone, atol=4e-2)


def test_with_a_perfect_painter_the_answer_is_exact_after_any_number_of_steps(parts: Parts) -> None:
    class Perfect(torch.nn.Module):
        """Always predicts the same picture, as a painter would that knows the answer."""

        def forward(self, seen: Tensor, timestep: Tensor, prompts: Tensor) -> Tensor:
            return torch.full((len(seen), 48, 8, 8), 0.25)

    knowing = replace(parts, network=StarterNetwork(Perfect(), torch.float32))
    for steps in (1, 4):
        painted, _ = run(knowing, [canvas()], steps)
        inside = canvas().mask.expand(3, -1, -1) == 1
        assert torch.allclose(painted[0][inside], torch.tensor(0.25), atol=1e-5)


def test_a_painter_that_says_no_difference_leaves_the_picture_as_it_was(parts: Parts) -> None:
    class Content(torch.nn.Module):
        """Changes nothing."""

        def forward(self, seen: Tensor, timestep: Tensor, prompts: Tensor) -> Tensor:
            return torch.zeros(len(seen), 48, 8, 8)

    content = replace(parts, network=StarterNetwork(Content(), torch.float32), course=partial(straight, True))
    painted, _ = run(content, [canvas()])
    assert torch.allclose(painted[0], canvas().pixels, atol=1e-5)


def test_times_fall_evenly_from_one_to_zero(parts: Parts) -> None:
    course = parts.course(4)
    assert isinstance(course, Straight) and course.times == pytest.approx([1, 0.75, 0.5, 0.25, 0])
    assert torch.stack([*course.timesteps]).tolist() == pytest.approx([1000, 750, 500, 250])


def test_another_schedule_in_the_folder_is_followed(painter_path: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(painter_path, tmp_path / "painter"))
    config = folder / "scheduler" / "scheduler_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"shift": 3.0}))
    course = open_parts(folder, torch.device("cpu")).course(4)
    assert isinstance(course, Straight) and course.times == pytest.approx([1, 0.9, 0.75, 0.5, 0])  # 3t / (1 + 2t)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"pixels": torch.zeros(3, 16, 16)}, "must be"),
        ({"mask": torch.zeros(SIZE, SIZE)}, "must be"),
        ({"mask": torch.full((1, SIZE, SIZE), 0.5)}, "only 0 and 1"),
        ({"conditioning": Conditioning(torch.zeros(384))}, "tokens, width"),
    ],
)
def test_wrong_inputs_are_refused_before_the_first_step(parts: Parts, wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        next(inpaint(parts, [replace(canvas(), **wrong)]))


def test_no_canvas_and_no_steps_are_refused(parts: Parts) -> None:
    with pytest.raises(ValueError, match="at least one canvas"):
        next(inpaint(parts, []))
    with pytest.raises(ValueError, match="num_inference_steps"):
        next(inpaint(parts, [canvas()], 0))
