"""The words of a message: its text, stripped of what only Discord understands.

`readable` is used in training and at run time alike, so that the classifier meets the text it learned from.
"""

import re

from emotion.emoji import spelled

MAX_CHARACTERS = 2_000  # Discord's own limit on a message; a longer paste keeps its first and last halves of this
SOMEONE = "[NAME]"  # how GoEmotions writes a person's name, so how a mention is shown to the classifier

_CODE_BLOCK = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_QUOTED_LINE = re.compile(r"^\s*>(?:>>)?\s.*$", re.MULTILINE)
_CUSTOM_EMOJI = re.compile(r"<a?:(\w{1,64}):\d+>")
_PERSON = re.compile(r"<@[!&]?\d+>")
_CHANNEL_OR_TIME = re.compile(r"<(?:#\d+|t:-?\d+(?::\w)?|/[^<>:]{1,64}:\d+|id:\w+)>")
_LINK = re.compile(r"<?\bhttps?://\S+", re.IGNORECASE)
_MARKUP = re.compile(r"(?<!\d)\*+|\*+(?!\d)|_{2,}|~~|\|\||`+|^\s*#{1,3}\s|(?<!\w)_|_(?!\w)", re.MULTILINE)


def readable(text: str) -> str:
    """Plain words of a Discord message: quotes of others, code, links and ids gone, actions and emoji kept as words.

    A message that is nothing but a quotation or code keeps its words, since there is nothing else to read. The result
    is one line without control characters, at most MAX_CHARACTERS long before emoji are spelled; it may be empty.
    """
    text = shortened(text)
    kept = _QUOTED_LINE.sub(" ", _CODE_BLOCK.sub(" ", text))
    text = kept if kept.strip() else re.sub(r"^\s*>+\s", " ", text, flags=re.MULTILINE)
    text = _CUSTOM_EMOJI.sub(lambda found: f" {found[1].replace('_', ' ')} ", text)
    text = _PERSON.sub(SOMEONE, text)
    text = _LINK.sub(" ", _CHANNEL_OR_TIME.sub(" ", text))
    text = _MARKUP.sub("", text)
    return " ".join(spelled(text).split())


def shortened(text: str) -> str:
    """At most MAX_CHARACTERS: the first and last halves, for a long message greets first and makes its point last."""
    if len(text) <= MAX_CHARACTERS:
        return text
    half = MAX_CHARACTERS // 2
    return f"{text[:half]} … {text[-half:]}"
