"""The emotion network as it learns: transformers' MiniLM with one linear layer on top, 28 logits for a text.

At run time `emotion/scorer.py` computes the same without transformers.
"""

import torch
from torch import Tensor, nn
from transformers import BertModel

from emotion.encoder import WIDTH, mean_over
from emotion.labels import EMOTIONS
from emotion.tokens import SEP


class EmotionNet(nn.Module):
    """logits = W · [mean of the newest turn's tokens, first token] + b, where the newest turn ends at the first [SEP].

    A single message has one [SEP], its last token, so that for the classifier the mean goes over all there is.
    Probabilities are sigmoids in the classifier, for several labels may hold, and a softmax in the reader.
    """

    def __init__(self, encoder: BertModel, dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * WIDTH, len(EMOTIONS))

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor | None = None) -> Tensor:
        """ids, mask, types (BERT's token types, default 0): (n, L) int64 -> logits (n, 28)."""
        hidden = self.encoder(input_ids=ids, attention_mask=mask, token_type_ids=types).last_hidden_state  # (n, L, 384)
        hidden = hidden.to(self.head.weight.dtype)  # in training the layers may compute in bfloat16, the head does not
        seen = torch.cat([mean_over(hidden, newest_turn(ids, mask)), hidden[:, 0]], dim=-1)  # (n, 768)
        logits: Tensor = self.head(self.dropout(seen))
        return logits


def newest_turn(ids: Tensor, mask: Tensor) -> Tensor:
    """The part of `mask` up to and including the first [SEP] of each row, (n, L) int64."""
    marks = (ids == SEP).long()
    return mask * (marks.cumsum(1) - marks == 0)
