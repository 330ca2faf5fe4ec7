"""Between text and tokens: the chat template, plain encoding, and text as it grows.

Nothing that a member writes can become a control token, or any other that the tokenizer was given besides its
vocabulary ("<think>"): where a message contains the text of one, it is encoded letter by letter. Nothing that leaves
here is half a character, a replacement character or a control token.

A message of the role system may stand anywhere. Where the template takes none in the middle of a chat, it becomes a
part of the message beside it, in brackets.
"""

import copy
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypedDict

from jinja2 import TemplateError

from inference.job import ModelMissing
from inference.pieces import pieces

REPLACEMENT = "\ufffd"
LONGEST_CHARACTER = 4  # bytes of UTF-8, and so tokens at most
CONTEXT = 4  # tokens before a piece that are decoded with it: some tokenizers join a word to what stands before it


class Message(TypedDict):
    """One message of a chat, as chat templates take it."""

    role: str  # "system", "user" or "assistant"
    content: str


class Tokens:
    """A model's tokenizer, for use from any thread: nothing here changes after construction.

    tokenizer: a transformers tokenizer with a Rust backend. Raises ModelMissing when it has none, or no chat template.
    """

    def __init__(self, tokenizer: Any) -> None:
        if getattr(tokenizer, "backend_tokenizer", None) is None:
            raise ModelMissing("The model's tokenizer has no tokenizer.json: choose a model that has one.")
        if not tokenizer.chat_template:
            raise ModelMissing(
                "The model has no chat template: choose one trained for chat (often named -Instruct), or give it one "
                "with [model] chat_template."
            )
        self._tokenizer = tokenizer
        self._backend = tokenizer.backend_tokenizer
        # A copy, for the tokenizers library keeps "read control tokens as text" as a setting of the whole tokenizer.
        self._literal = copy.deepcopy(self._backend)
        self._literal.encode_special_tokens = True
        controls = {token.content: id for id, token in tokenizer.added_tokens_decoder.items() if token.special}
        added = {
            token.content: id for id, token in tokenizer.added_tokens_decoder.items() if len(token.content.strip()) > 1
        }
        self._marks: dict[str, int] = controls | added
        # Longest first: one mark's text may begin another's.
        self._pattern = re.compile("|".join(re.escape(text) for text in sorted(self._marks, key=len, reverse=True)))
        self.controls: frozenset[int] = frozenset(controls.values())
        self.marks: frozenset[int] = frozenset(self._marks.values())
        """Tokens that no message's text can become: the controls, and others that mean something to the model."""
        self.ends: frozenset[int] = self._turn_ends()
        self._takes_notes = self._shows_notes()

    @cached_property
    def pieces(self) -> list[bytes]:
        """The bytes of every token by its id. Raises ModelMissing where the tokenizer does not tell."""
        return pieces(self._backend)

    def _turn_ends(self) -> frozenset[int]:
        """The control tokens that end the assistant's turn: the model's own, and what its template writes there."""
        ends = {self._tokenizer.eos_token_id} & self.controls
        said = "\ue001"  # private use: stands nowhere in a template
        turn = [Message(role="user", content="."), Message(role="assistant", content=said)]
        try:
            after = str(self._tokenizer.apply_chat_template(turn, tokenize=False)).partition(said)[2]
        except TemplateError:
            after = ""  # a template that will not have such a turn says nothing about its end
        if self._marks and (found := self._pattern.match(after.lstrip())):
            ends |= {self._marks[found[0]]} & self.controls
        return frozenset(ends) or self.controls

    def _shows_notes(self) -> bool:
        """Whether the template writes down what a system message in the middle of a chat says, and at its end."""
        said = [chr(0xE001 + number) for number in range(5)]  # private use
        roles = ("system", "user", "assistant", "system", "user")
        chat = [Message(role=role, content=text) for role, text in zip(roles, said, strict=True)]
        for shape in (chat, [chat[0], chat[1], chat[3]]):
            try:
                text = str(self._tokenizer.apply_chat_template(list(map(dict, shape)), tokenize=False))
            except TemplateError:
                return False
            places = [text.find(message["content"]) for message in shape]
            if -1 in places or places != sorted(places):
                return False
        return True

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """The token ids of the model's own chat template, ready for the assistant's next words.

        A last message of role "assistant" is continued rather than answered.
        """
        if not any(self._is_marked(message["content"]) for message in messages):
            return list(self._backend.encode(self._render(messages), add_special_tokens=False).ids)
        return self._guarded(messages)

    def _is_marked(self, text: str) -> bool:
        """Whether `text`, or what the tokenizer makes of it before it reads it, holds the text of a mark."""
        if not self._marks:
            return False
        normalizer = self._backend.normalizer
        return bool(self._pattern.search(text) or (normalizer and self._pattern.search(normalizer.normalize_str(text))))

    def literal(self, text: str) -> list[int]:
        """The token ids of `text` with nothing added, marks in it read as mere text."""
        ids = list(self._literal.encode(text, add_special_tokens=False).ids)
        if self.marks.isdisjoint(ids):
            return ids
        return [id for letter in text for id in self._literal.encode(letter, add_special_tokens=False).ids]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of `ids`; control tokens have none, broken UTF-8 gives replacement characters."""
        return str(self._backend.decode(list(ids), skip_special_tokens=True))

    def texts(self) -> list[str]:
        """The text of every token by its id; bytes that are no whole character give replacement characters."""
        return [piece.decode("utf-8", "replace") for piece in self.pieces]

    def _render(self, messages: Sequence[Message]) -> str:
        continued = bool(messages) and messages[-1]["role"] == "assistant"
        noted = messages if self._takes_notes else _noted(messages)
        for shape in (noted, _folded(noted)):
            try:
                return str(
                    self._tokenizer.apply_chat_template(
                        [dict(message) for message in shape],
                        tokenize=False,
                        add_generation_prompt=not continued,
                        continue_final_message=continued,
                    )
                )
            except TemplateError as error:
                refusal = error
        raise ValueError(f"The model's chat template refuses this conversation: {refusal}") from refusal

    def _guarded(self, messages: Sequence[Message]) -> list[int]:
        """Render with stand-ins for the marks written in messages, so that only the template's own are left."""
        mark = "\ue000"  # private use: no font, no meaning; more of them than any message has in a row
        while any(mark in message["content"] for message in messages):
            mark += "\ue000"
        texts = list(self._marks)

        def hide(found: re.Match[str]) -> str:
            return f"{mark}{texts.index(found[0])}{mark}"

        hidden = [Message(role=m["role"], content=self._pattern.sub(hide, m["content"])) for m in messages]
        rendered = self._render(hidden)
        ids: list[int] = []
        for part in re.split(f"({self._pattern.pattern})", rendered):
            if part in self._marks:
                ids.append(self._marks[part])
            else:
                ids += self.literal(re.sub(f"{mark}(\\d+){mark}", lambda found: texts[int(found[1])], part))
        return ids


def _noted(messages: Sequence[Message]) -> list[Message]:
    """System messages behind the first become a part, in brackets, of the member's message behind or before them."""
    noted, joins = list(messages[:1]), False  # joins: what stood last is a note, or joined one
    for message in messages[1:]:
        is_note = message["role"] == "system"
        if is_note:
            message = Message(role="user", content=f"[{message['content']}]")
        if (is_note or joins) and message["role"] == noted[-1]["role"] == "user":
            noted[-1] = Message(role="user", content=f"{noted[-1]['content']}\n{message['content']}")
        else:
            noted.append(message)
        joins = is_note
    return noted


def _folded(messages: Sequence[Message]) -> list[Message]:
    """The same words for templates that know no system role or want strict turns: neighbours of a role joined."""
    folded: list[Message] = []
    for message in messages:
        role = "user" if message["role"] == "system" else message["role"]
        if folded and folded[-1]["role"] == role:
            folded[-1] = Message(role=role, content=f"{folded[-1]['content']}\n\n{message['content']}")
        else:
            folded.append(Message(role=role, content=message["content"]))
    return folded


class Detokenizer:
    """Token ids in, text out, as soon as its characters are whole.

    decode: ids -> text. before: the tokens in front of the first one, whose text was said already.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], before: Sequence[int] = ()) -> None:
        self._decode = decode
        self._ids = list(before[-CONTEXT:])
        self._said = len(decode(self._ids))  # characters of the text of _ids that were handed out
        self._held = 0  # tokens whose text waits for the rest of a character

    @property
    def state(self) -> tuple[list[int], int, int]:
        """What `restore` brings back."""
        return self._ids.copy(), self._said, self._held

    def restore(self, state: tuple[list[int], int, int]) -> None:
        """Be as when `state` was asked for."""
        ids, self._said, self._held = state
        self._ids = ids.copy()

    def push(self, token: int) -> str:
        """The text that `token` completes; "" while a character is unfinished."""
        self._ids.append(token)
        text = self._decode(self._ids)
        self._held += 1
        broken = text.endswith(REPLACEMENT)
        if broken and self._held < LONGEST_CHARACTER:
            return ""
        piece = text[self._said :]
        # After bytes that will never be a character the next piece starts afresh.
        self._ids = [] if broken else self._ids[-max(CONTEXT, 1) :]
        self._said = len(self._decode(self._ids))
        self._held = 0
        return piece.replace(REPLACEMENT, "")

    def flush(self) -> str:
        """What is held at the end, without the unfinished character."""
        piece = self._decode(self._ids)[self._said :] if self._held else ""
        self._held = 0
        return piece.replace(REPLACEMENT, "")
