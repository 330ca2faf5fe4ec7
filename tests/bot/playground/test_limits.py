"""Rate limits: the arithmetic with a clock of its own, and discord.py waiting a real 429 out."""

import aiohttp
import discord

from bot.playground import Playground, Rule, Rules
from bot.playground.limits import Limits
from tests.bot.playground.conftest import Connect


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_window_counts_down_refuses_and_opens_again() -> None:
    clock = Clock()
    limits, rule = Limits(Rules(), clock, lambda: 1000.0), Rule("webhook", 2, 2.0)
    first, second = limits.spend(rule, "a"), limits.spend(rule, "a")
    assert (first.headers["X-RateLimit-Remaining"], second.headers["X-RateLimit-Remaining"]) == ("1", "0")
    clock.now += 0.5
    refused = limits.spend(rule, "a")
    assert not refused.allowed
    assert refused.retry_after == 1.5
    assert refused.headers["Via"]
    assert (refused.headers["Retry-After"], refused.headers["X-RateLimit-Reset"]) == ("2", "1001.500")
    assert limits.spend(rule, "b").allowed  # another webhook has a window of its own
    clock.now += 1.5
    assert limits.spend(rule, "a").allowed


def test_ended_windows_are_forgotten() -> None:
    clock = Clock()
    limits, rule = Limits(Rules(), clock), Rule("send", 1, 1.0)
    for number in range(1001):
        limits.spend(rule, str(number))
    clock.now += 2
    limits.spend(rule, "new")
    assert len(limits._windows) == 1


async def test_discord_py_waits_a_429_out(connect: Connect) -> None:
    rules = Rules(send=Rule("send", 1, 0.2), webhook=Rule("webhook", 1, 0.2))
    async with Playground(rules=rules) as playground, connect(playground) as client:
        channel = client.guilds[0].text_channels[0]
        async with aiohttp.ClientSession() as session:  # another client of the same token uses the window up
            url = f"{playground.api_base}/channels/{channel.id}/messages"
            headers = {"Authorization": f"Bot {playground.bot_token}"}
            async with session.post(url, json={"content": "first"}, headers=headers) as response:
                assert response.status == 200
            async with session.post(url, json={"content": "refused"}, headers=headers) as response:
                answer = await response.json()
                assert (response.status, answer["global"], response.headers["Via"]) == (429, False, "1.1 playground")
                assert 0 < answer["retry_after"] <= 0.2
        assert (await channel.send("second")).content == "second"
        webhook = await channel.create_webhook(name="Mien")
        sent = [await webhook.send(str(number), wait=True) for number in range(3)]
        assert [message.content for message in sent] == ["0", "1", "2"]
        assert isinstance(sent[0], discord.WebhookMessage)
