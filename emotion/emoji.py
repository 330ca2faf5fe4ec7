"""Emoji as words, because the encoder's vocabulary holds almost none: to it 😀 and 😡 would be the same unknown token.

Inside a sentence an emoji is spelled by its Unicode name, which says enough beside the words. A message of nothing
but emoji is read as what people say with it, for the names alone mislead ("pouting face" is 😡).
"""

import re
import unicodedata

_EMOJI = re.compile(r"[\u2600-\u27bf\U0001f300-\U0001faff]")
_RUN = re.compile(rf"({_EMOJI.pattern})\1+")
_WORD = re.compile(r"\w")

# Judged by hand from common use; tests/emotion/test_classifier.py holds the classifier to them.
MEANING: dict[str, str] = {
    **dict.fromkeys("😂🤣😹😆", "haha, that's hilarious"),
    **dict.fromkeys("❤♥💕💖💗💓💞💘💙💚💛💜🧡🤍🖤🥰😘", "I love you"),
    **dict.fromkeys("😍🤩", "I love it, it's amazing"),
    **dict.fromkeys("😊☺🙂😀😃😄😁", "I'm so happy"),
    **dict.fromkeys("😭😢😥😿", "I'm crying, I'm so sad"),
    **dict.fromkeys("😔😞☹🙁😟", "I'm sad and disappointed"),
    **dict.fromkeys("💔", "my heart is broken, I'm so sad"),
    **dict.fromkeys("😡😠🤬👿", "I'm so angry"),
    **dict.fromkeys("🙄😒😤", "that's so annoying"),
    **dict.fromkeys("🤢🤮", "that's disgusting"),
    **dict.fromkeys("😱😨", "I'm scared, that's terrifying"),
    **dict.fromkeys("😰😬", "I'm so nervous"),
    **dict.fromkeys("😮😲😯🤯", "wow, what a surprise"),
    **dict.fromkeys("🤔", "hmm, I wonder why?"),
    **dict.fromkeys("😕🤷", "I don't understand, I'm confused"),
    **dict.fromkeys("😳🫣🤦", "this is so embarrassing"),
    **dict.fromkeys("😌", "phew, what a relief"),
    **dict.fromkeys("👍👌", "good, I agree"),
    **dict.fromkeys("👎", "no, I disagree"),
    **dict.fromkeys("👏🙌💪", "well done, great work"),
    **dict.fromkeys("🙏", "thank you"),
    **dict.fromkeys("🎉🥳", "yay, I'm so excited"),
    **dict.fromkeys("🤗", "I'm here for you, take care"),
}


def spelled(text: str) -> str:
    """Every emoji as words, a run of the same one once. Control and format characters, skin tones and selectors go."""
    text = _RUN.sub(r"\1", text)
    if not _WORD.search(text) and (said := [MEANING[emoji] for emoji in _EMOJI.findall(text) if emoji in MEANING]):
        return "! ".join(dict.fromkeys(said)) + "!"
    return "".join(map(_spell, text))


def _spell(character: str) -> str:
    if character.isascii() and character.isprintable():
        return character
    # Cf holds joiners and direction marks; they, variation selectors and skin tones vanish. Cc and Cs (lone surrogates)
    # part words.
    category = unicodedata.category(character)
    if category == "Cf" or "\ufe00" <= character <= "\ufe0f" or "\U0001f3fb" <= character <= "\U0001f3ff":
        return ""
    if _EMOJI.match(character):
        return f" {unicodedata.name(character, '').lower()} "
    return " " if category in ("Cc", "Cs") else character
