"""Keys that are regular expressions, in JavaScript's form (`/dragons?/i`), run so that none can hang the bot.

The `regex` module stops a search after a time; a pattern that needs longer is put out of use until its book is read
again, and the log says so once.
"""

import logging
import re
import time
from dataclasses import dataclass, field

import regex

from persona.lore.entry import Key

log = logging.getLogger(__name__)

MOST_CHARACTERS = 2000  # of a pattern
MOST_SECONDS = 0.2  # of one pattern's search
_SLASHED = re.compile(r"/((?:[^/\\\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+)/([a-z]*)", re.DOTALL)
_FLAGS = {"i": regex.IGNORECASE, "m": regex.MULTILINE, "s": regex.DOTALL}
_NO_MEANING = "gyuvd"  # JavaScript's flags that change nothing in a search for one match
_JAVASCRIPT = re.compile(r"\\u\{([0-9a-fA-F]{1,6})\}|\\k<(\w+)>|\[\^\]|\\(?s:.)")


def key_of(written: str, *, bare: bool = False) -> Key:
    """A key as a file has it: `/pattern/flags` or plain words; `bare`: a pattern without slashes (V3's use_regex)."""
    if (found := _SLASHED.fullmatch(written.strip())) and not set(found[2]) - set(_FLAGS) - set(_NO_MEANING):
        return Key(written, found[1], found[2])
    return Key(written, written, "") if bare and written.strip() else Key(written)


class PatternError(ValueError):
    """A pattern that cannot be used; str() says why, for whoever wrote the book."""


@dataclass(slots=True)
class Pattern:
    """A compiled key. `search` finds where it matches; after a search that took too long, nowhere any more."""

    key: Key
    compiled: "regex.Pattern[str]"
    broken: bool = field(default=False)

    def search(self, text: str, most: float = MOST_SECONDS) -> int | None:
        """Where in `text` it matches first; gives up after `most` seconds."""
        if self.broken or most <= 0:
            return None
        start = time.thread_time()  # what other threads and programs took is not the pattern's fault
        try:
            found = self.compiled.search(text, timeout=most)
        except TimeoutError:
            if (took := time.thread_time() - start) >= MOST_SECONDS / 2:
                self._disable(took)
            return None
        return found.start() if found else None

    def _disable(self, seconds: float) -> None:
        self.broken = True
        log.warning(
            "the lorebook key %.60s was searched for %.1f s without an end and is not used any more; write it simpler, "
            "without one repetition inside another",
            self.key.written,
            seconds,
        )


def compile_key(key: Key, *, ignore_case: bool = False) -> Pattern:
    """The pattern of a key; PatternError says why there is none. `ignore_case`: for bare patterns, without flags."""
    assert key.pattern is not None, "plain words are not compiled"
    if len(key.pattern) > MOST_CHARACTERS:
        raise PatternError(f"the pattern has {len(key.pattern)} characters and may have {MOST_CHARACTERS}")
    flags = regex.VERSION0 | (regex.IGNORECASE if ignore_case else 0)
    for letter in key.flags:
        flags |= _FLAGS.get(letter, 0)
    try:
        return Pattern(key, regex.compile(_JAVASCRIPT.sub(_translated, key.pattern), flags, cache_pattern=False))
    except (regex.error, RecursionError, OverflowError, ValueError, IndexError, KeyError) as error:
        why = str(error).partition("\n")[0][:120] or "its brackets are nested too deeply"
        raise PatternError(f"the pattern is not valid: {why}") from error


def _translated(found: "re.Match[str]") -> str:
    """What JavaScript spells otherwise."""
    if found[1]:
        return re.escape(chr(min(int(found[1], 16), 0x10FFFF)))
    if found[2]:
        return f"(?P={found[2]})"
    if found[0] == "[^]":
        return r"[\s\S]"
    return found[0]
