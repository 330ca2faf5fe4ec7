"""`python -m emotion.train --data FOLDER`: the classifier's weights from GoEmotions, about half an hour on two cores.

FOLDER holds train.tsv and dev.tsv (Demszky et al. 2020, CC BY 4.0). What comes out is emotion/starter/: the
difference to the plain MiniLM in a few megabytes, one threshold per label, and the model card with the figures. The
same seed on the same kind of processor gives the same result.
"""

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from emotion import corpus
from emotion.classifier import STARTER
from emotion.encoder import load_encoder
from emotion.fit import fit
from emotion.network import EmotionNet
from emotion.ship import ship


def main() -> None:
    """Fit (or take a checkpoint fitted before), then ship."""
    options = _options()
    dev = corpus.read(options.data / "dev.tsv")
    train = corpus.read(options.data / "train.tsv", without=corpus.raw_texts(options.data / "dev.tsv"))
    encoder = load_encoder(options.encoder)
    torch.manual_seed(options.seed)
    net = EmotionNet(encoder.model)
    if options.checkpoint.is_file():
        net.load_state_dict(load_file(options.checkpoint))
    else:
        fit(net, encoder.tokenizer, train, epochs=options.epochs, seed=options.seed)
        options.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        save_file(net.state_dict(), options.checkpoint)
    ship(net, options.encoder, len(train), dev, options.out, epochs=options.epochs, seed=options.seed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with GoEmotions' train.tsv and dev.tsv")
    parser.add_argument("--encoder", type=Path, help="folder of MiniLM (default: the installed starter package)")
    parser.add_argument("--out", type=Path, default=STARTER, help="folder to write head.safetensors and card.md to")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        default=Path("build/emotion.safetensors"),
        help="the fitted network: read if it exists, else written",
    )
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args()


if __name__ == "__main__":
    main()
