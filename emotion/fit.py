"""Fine-tuning: MiniLM's six layers and the 28-way head learn from a corpus. The word embeddings stay as they are."""

import random

import torch
from tokenizers import Tokenizer
from torch import Tensor
from tqdm import tqdm

from emotion.corpus import Corpus, batches, named
from emotion.encoder import padded
from emotion.network import EmotionNet
from emotion.tokens import token_rows

BATCH = 32
PEAK_RATE = 8e-5
WARM_UP = 0.06  # of all steps
RARITY = 0.3  # exponent of (absent / present) by which a rare label's presence weighs more


def fit(net: EmotionNet, tokenizer: Tokenizer, corpus: Corpus, *, epochs: int, seed: int) -> None:
    """Train `net` in place for whole epochs: AdamW, linear warm-up and decay, bfloat16 products, clipped at norm 1."""
    torch.manual_seed(seed)
    dice = random.Random(seed)
    net.encoder.embeddings.requires_grad_(False)
    learning = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=PEAK_RATE, weight_decay=0.01, fused=True)
    steps = epochs * -(-len(corpus) // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step / steps))
    present = corpus.truth.mean(0)
    weight = ((1 - present) / present) ** RARITY
    net.head.bias.data = torch.logit(present)  # so that the first steps need not learn how rare each label is
    net.train()
    with tqdm(total=steps, desc="emotion", unit="batch") as bar:
        for _ in range(epochs):
            rows = token_rows(tokenizer, [named(text, dice) for text in corpus.texts])
            for batch in batches(rows, BATCH, dice):
                loss = _loss(net, [rows[i] for i in batch], corpus.truth[batch], weight)
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(learning, 1.0)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
                bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
                bar.update()
    net.eval()


def _rate(done: float) -> float:
    return done / WARM_UP if done < WARM_UP else (1 - done) / (1 - WARM_UP)


def _loss(net: EmotionNet, rows: list[list[int]], truth: Tensor, weight: Tensor) -> Tensor:
    ids, mask = padded(rows)
    with torch.autocast("cpu", torch.bfloat16):
        logits = net(ids, mask)
    return torch.nn.functional.binary_cross_entropy_with_logits(logits.float(), truth, pos_weight=weight)


@torch.inference_mode()
def probabilities(net: EmotionNet, tokenizer: Tokenizer, texts: list[str], size: int = 64) -> Tensor:
    """(n, 28) float32 in the order of the texts, scored in batches of like length."""
    net.eval()
    rows = token_rows(tokenizer, texts)
    order = sorted(range(len(rows)), key=lambda n: len(rows[n]))
    scores = torch.empty(len(rows), net.head.out_features)
    for i in range(0, len(order), size):
        part = order[i : i + size]
        scores[part] = net(*padded([rows[n] for n in part])).sigmoid()
    return scores
