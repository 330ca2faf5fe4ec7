"""A model without a chat template of its own can be given one; one that fits nothing is a sentence."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from inference.engine import Engine
from inference.formats.convert import converted
from inference.formats.template import CHATML, chat_template
from inference.gpu import Gpu
from inference.job import ModelMissing
from inference.loader import Loaded
from inference.tokens import Message, Tokens
from tests.inference.tiny_gguf import F16, tiny_model, write_gguf

CHAT = [Message(role="system", content="You bake."), Message(role="user", content="A bun?")]


@pytest.fixture
def wordless(tmp_path: Path) -> Path:
    """A converted tiny model whose tokenizer says nothing about chats."""
    write_gguf(tmp_path / "tiny.gguf", tiny_model(), lambda name: F16)
    folder = converted(tmp_path / "tiny.gguf", tmp_path / "cache")
    (folder / "chat_template.jinja").unlink()
    return tmp_path / "tiny.gguf"


def test_chatml_is_what_the_starters_own_template_writes(starter: Loaded) -> None:
    own = Tokens(starter.tokenizer).prompt(CHAT)
    copied = PreTrainedTokenizerFast(tokenizer_object=starter.tokenizer.backend_tokenizer, chat_template=CHATML)
    assert chat_template("chatml", starter.tokenizer) == CHATML
    assert copied.apply_chat_template(CHAT, add_generation_prompt=True)["input_ids"] == own


async def test_a_model_without_a_template_speaks_through_the_one_that_is_named(wordless: Path, tmp_path: Path) -> None:
    async with Gpu("cpu") as gpu:
        with pytest.raises(ModelMissing, match=r"no chat template: .*\[model\] chat_template"):
            async with Engine(gpu, str(wordless), tmp_path / "cache"):
                pass
        (tmp_path / "own.jinja").write_text("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}")
        for named in ("chatml", str(tmp_path / "own.jinja")):
            async with Engine(gpu, str(wordless), tmp_path / "cache", chat_template=named) as engine:
                assert engine.count(CHAT) > 10
        with pytest.raises(ModelMissing, match=r"The chat template nowhere\.jinja cannot be read"):
            async with Engine(gpu, str(wordless), tmp_path / "cache", chat_template="nowhere.jinja"):
                pass


def test_chatml_needs_its_tokens() -> None:
    words = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel({"bun": 0})))
    with pytest.raises(ModelMissing, match="does not know ChatML"):
        chat_template("chatml", words)
