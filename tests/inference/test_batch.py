"""Replies that share reads, on a tiny real model: the same words as alone, fewer reads, and nobody left behind."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inference.batch import Batch, Budget
from inference.cache import CHUNK, PrefixCache
from inference.decode import drafts, reply
from inference.family import network_of
from inference.gpu import Gpu
from inference.job import NoRoom, Priority, Steps
from inference.network import Network
from inference.sampling import SamplingParams
from inference.writer import Wish
from tests.inference.counting import Counting

LONG = 2 * CHUNK + 7


@pytest.fixture(scope="module")
def network(tiny: Any) -> Network:
    return network_of(tiny)


def wish(seed: int, length: int = 9, max_tokens: int = 12) -> Wish:
    tokens = torch.randint(3, 211, (length,), generator=torch.Generator().manual_seed(seed)).tolist()
    params = SamplingParams(seed=seed, max_tokens=max_tokens, temperature=1.5, min_p=0)
    return Wish(tokens, params, lambda ids: "".join(f"{id} " for id in ids), controls=frozenset())


def alone(network: Network, wanted: Wish) -> str:
    return "".join(together([reply(Batch(network, PrefixCache(0)), wanted)])[0])


@torch.inference_mode()
def together(jobs: Sequence[Steps[str, Any]], enters: Sequence[int] = ()) -> list[list[str]]:
    """What jobs say that take turns, as the device lets them; job n from round enters[n] on. OOM ends only its job."""
    said: list[list[str]] = [[] for _ in jobs]
    unfinished, turn = set(range(len(jobs))), 0
    while unfinished:
        for number in sorted(unfinished):
            if turn < (enters[number] if enters else 0):
                continue
            try:
                said[number].append(next(jobs[number]) or "")
            except (StopIteration, torch.OutOfMemoryError) as end:
                unfinished.discard(number)
                said[number] += ["!"] if isinstance(end, torch.OutOfMemoryError) else []
        turn += 1
        assert turn < 1000, "somebody waits for ever"
    return said


def test_replies_at_once_say_what_each_says_alone_and_share_their_reads(network: Network) -> None:
    counting, wishes = Counting(network), [wish(seed) for seed in range(8)]
    batch = Batch(counting, PrefixCache(0))
    said = together([reply(batch, wanted) for wanted in wishes])
    assert ["".join(pieces) for pieces in said] == [alone(network, wanted) for wanted in wishes]
    assert counting.reads == [[9]] * 8 + [[1] * 8] * 11
    assert batch.budget.used == 0


def test_replies_join_and_leave_between_steps(network: Network) -> None:
    wishes = [wish(0, max_tokens=20), wish(1, LONG, 5), wish(2, 5, 9), wish(3, CHUNK, 3)]
    counting = Counting(network)
    batch = Batch(counting, PrefixCache(0))
    said = together([reply(batch, wanted) for wanted in wishes], enters=[0, 3, 6, 6])
    assert ["".join(pieces) for pieces in said] == [alone(network, wanted) for wanted in wishes]
    assert max(map(len, counting.reads)) == 4
    assert all(len(read) == 1 or set(read) == {1} for read in counting.reads)  # prompts are read by themselves


def test_a_prompt_is_one_chunk_a_step_so_that_the_others_go_on(network: Network) -> None:
    batch = Batch(network, PrefixCache(0))
    said = together([reply(batch, wish(0, max_tokens=20)), reply(batch, wish(1, LONG, 2))], enters=[0, 4])
    assert said[1][:2] == ["", ""]
    assert said[1][2]
    assert all(said[0])


def test_a_reply_that_is_closed_leaves_the_others_as_they_were(network: Network) -> None:
    counting = Counting(network)
    batch = Batch(counting, PrefixCache(0))
    wishes = [wish(0), wish(1), wish(2)]
    jobs = [reply(batch, wanted) for wanted in wishes]
    with torch.inference_mode():
        heard = ["".join(next(job) or "" for _ in range(3)) for job in jobs]
        jobs[1].close()
        counting.reads.clear()
    said = together([jobs[0], jobs[2]])
    assert heard[0] + "".join(said[0]) == alone(network, wishes[0])
    assert heard[2] + "".join(said[1]) == alone(network, wishes[2])
    assert [1, 1] in counting.reads
    assert [1, 1, 1] not in counting.reads
    assert batch.budget.used == 0


def test_a_read_that_runs_out_of_memory_ends_only_the_reply_that_ran_it(network: Network) -> None:
    wishes = [wish(seed) for seed in range(3)]
    batch = Batch(Counting(network, fails=[6]), PrefixCache(0))
    said = together([reply(batch, wanted) for wanted in wishes])
    ended = [pieces[-1] == "!" for pieces in said]
    assert sum(ended) == 1
    for pieces, wanted, failed in zip(said, wishes, ended, strict=True):
        whole = alone(network, wanted)
        assert whole.startswith("".join(pieces[:-1])) if failed else "".join(pieces) == whole
    assert batch.budget.used == 0


@pytest.mark.parametrize("fails", [[0], [1], [8], [9]])
async def test_a_reply_that_ran_out_of_memory_goes_on_once_room_was_made(network: Network, fails: list[int]) -> None:
    """On the real device: guests were sent out, and the reply goes on in the middle of its words."""
    wanted = wish(0)
    batch = Batch(Counting(network, fails), PrefixCache(0))
    async with Gpu("cpu") as gpu:
        steps = partial(reply, batch, wanted, [])
        pieces = [piece async for piece in gpu.submit(steps(), Priority.REPLY, smaller=steps)]
        assert "".join(pieces) == alone(network, wanted)
        side_by_side: Any = partial(drafts, batch, wanted, 2, wanted.prompt, [])
        assert len(await gpu.submit(side_by_side(), Priority.REPLY, smaller=side_by_side).result()) == 2
    assert batch.budget.used == 0


async def test_a_reply_that_runs_out_of_memory_again_and_again_says_so(network: Network) -> None:
    batch = Batch(Counting(network, range(5, 100)), PrefixCache(0))
    async with Gpu("cpu") as gpu:
        steps = partial(reply, batch, wish(0), [])
        with pytest.raises(NoRoom, match="too small"):
            await gpu.submit(steps(), Priority.REPLY, smaller=steps).result()
    assert batch.budget.used == 0


def test_replies_wait_while_the_memory_is_full_and_all_are_written(network: Network) -> None:
    """Room for two replies of 21 tokens at a time; six are asked for."""
    wishes = [wish(seed) for seed in range(6)]
    counting = Counting(network)
    batch = Batch(counting, PrefixCache(0), kv_bytes=2 * 21 * network.form.token_bytes + 1)
    said = together([reply(batch, wanted) for wanted in wishes])
    assert ["".join(pieces) for pieces in said] == [alone(network, wanted) for wanted in wishes]
    assert max(map(len, counting.reads)) == 2
    assert batch.budget.used == 0


def test_what_can_never_fit_is_one_sentence(network: Network) -> None:
    batch = Batch(network, PrefixCache(0), kv_bytes=21 * network.form.token_bytes)
    assert "".join(together([reply(batch, wish(0))])[0])
    with pytest.raises(NoRoom, match=r"^This reply needs 1 MiB to remember what it reads"), torch.inference_mode():
        next(reply(batch, wish(0, 10)))
    with pytest.raises(NoRoom), torch.inference_mode():
        next(drafts(batch, wish(0), 2, None))
    assert batch.budget.used == 0


def test_drafts_advance_with_everybody_else(network: Network) -> None:
    counting = Counting(network)
    batch = Batch(counting, PrefixCache(0))
    job: Any = drafts(batch, wish(0), 3, None)
    together([reply(batch, wish(1)), job])
    assert counting.reads[:2] == [[9], [9]]
    assert counting.reads[2:] == [[1] * 4] * 11


@given(st.lists(st.tuples(st.integers(1, 10), st.integers(1, 5), st.booleans()), min_size=1, max_size=12))
def test_a_budget_is_never_exceeded_and_served_in_order(asked: list[tuple[int, int, bool]]) -> None:
    """Each asks for a share, keeps it for some turns, and may give up while it waits."""
    budget, order = Budget(10), []

    def work(number: int, share: int, turns: int) -> Steps[Any, None]:
        yield from budget.take(share)
        order.append(number)
        for _ in range(turns):
            assert 0 < budget.used <= 10
            yield None
        budget.give(share)

    jobs = {number: work(number, share, turns) for number, (share, turns, _) in enumerate(asked)}
    leaves = {number for number, (_, _, gives_up) in enumerate(asked) if gives_up}
    for turn in range(100):
        for number in list(jobs):
            if turn == 1 and number in leaves and number not in order:
                jobs.pop(number).close()
            elif next(jobs[number], "over") == "over":
                del jobs[number]
    assert not jobs
    assert budget.used == 0
    assert order == sorted(order)
    assert set(range(len(asked))) - set(order) <= leaves
