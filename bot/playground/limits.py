"""Rate limits: fixed windows per bucket and the headers and 429s Discord answers with.

A rule names a bucket; requests that share its major parameter (a channel, a webhook) share one window. The window of
5 requests in 2 seconds per webhook is Discord's by staff's word (discord-api-docs #367); the others are near to what
its headers have shown.
"""

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    requests: int
    seconds: float

    @property
    def bucket(self) -> str:
        """The opaque hash clients see."""
        return hashlib.md5(self.name.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Rules:
    """Requests per seconds of each kind of request."""

    webhook: Rule = Rule("webhook", 5, 2.0)  # per webhook and token: execute, edit, delete, follow-ups
    send: Rule = Rule("send", 5, 5.0)  # per channel
    edit: Rule = Rule("edit", 5, 5.0)  # per channel
    other: Rule = Rule("other", 50, 1.0)  # per user, all other requests together
    member_avatar: Rule = Rule("member avatar", 2, 600.0)  # per user and guild, by report (discord-api-docs #8560)


@dataclass(slots=True)
class Window:
    ends_at: float
    used: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    allowed: bool
    headers: dict[str, str]
    retry_after: float  # seconds


class Limits:
    def __init__(
        self, rules: Rules, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self.rules = rules
        self._clock = clock
        self._wall = wall
        self._windows: dict[tuple[str, str], Window] = {}

    def spend(self, rule: Rule, key: str) -> Verdict:
        """Counts one request of `key` against the rule."""
        now = self._clock()
        window = self._windows.get((rule.name, key))
        if window is None or window.ends_at <= now:
            self._forget_ended(now)
            window = self._windows[rule.name, key] = Window(now + rule.seconds)
        allowed = window.used < rule.requests
        window.used += allowed
        return Verdict(allowed, self._headers(rule, window, now, allowed), window.ends_at - now)

    def _headers(self, rule: Rule, window: Window, now: float, allowed: bool) -> dict[str, str]:
        left = window.ends_at - now
        headers = {
            "X-RateLimit-Limit": str(rule.requests),
            "X-RateLimit-Remaining": str(rule.requests - window.used),
            "X-RateLimit-Reset": f"{self._wall() + left:.3f}",
            "X-RateLimit-Reset-After": f"{left:.3f}",
            "X-RateLimit-Bucket": rule.bucket,
        }
        if not allowed:  # without a Via header clients take a 429 for a ban by the proxy in front of Discord
            headers |= {"Via": "1.1 playground", "Retry-After": str(math.ceil(left)), "X-RateLimit-Scope": "user"}
        return headers

    def _forget_ended(self, now: float) -> None:
        if len(self._windows) > 1000:
            self._windows = {key: window for key, window in self._windows.items() if window.ends_at > now}
