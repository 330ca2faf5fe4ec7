"""How a conversation is written down for a model whose folder does not say it: ChatML, or a file of the admin's.

Knows Jinja texts and token names; the model's own template needs none of this.
"""

from pathlib import Path
from typing import Any

from inference.job import ModelMissing

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def chat_template(named: str, tokenizer: Any) -> str:
    """The Jinja text of `named`: "chatml" or a file; ModelMissing when it cannot be read or the model cannot write it.

    ChatML is only for models that have its two tokens: another would write its end of turn as words, and go on.
    """
    if named == "chatml":
        special = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
        if not {"<|im_start|>", "<|im_end|>"} <= special:
            raise ModelMissing(
                "The model does not know ChatML (it has no special tokens <|im_start|> and <|im_end|>): name a Jinja "
                "file with its own chat template."
            )
        return CHATML
    try:
        return Path(named).expanduser().read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelMissing(f"The chat template {named} cannot be read: name a Jinja file, or chatml.") from error
