"""`python -m emotion.train --data FOLDER`: the classifier's weights from GoEmotions, an hour and a half on one core.

FOLDER holds train.tsv and dev.tsv (Demszky et al. 2020, CC BY 4.0). Teachers are fitted, one of them learns on as the
student, and emotion/starter/ gets what is shipped: its difference to the plain MiniLM in a few megabytes, calibrated,
one threshold per label, and the model card with the figures. Everything on the way is kept in the folder of `--work`;
a run that was stopped goes on after the last whole epoch. The same seed on the same kind of processor gives the same
result.
"""

import argparse
from pathlib import Path
from time import monotonic

from emotion.classifier import STARTER
from emotion.encoder import load_encoder
from emotion.training import corpus
from emotion.training.lines import FOLDER, lines
from emotion.training.ship import ship
from emotion.training.student import EPOCHS, student
from emotion.training.teacher import TEACHERS, opinions, presence, teacher


def main() -> None:
    """Teachers, student, then what is shipped."""
    options = _options()
    options.work.mkdir(parents=True, exist_ok=True)
    began = monotonic()
    dev = corpus.read(options.data / "dev.tsv")
    train = corpus.read(options.data / "train.tsv", without=corpus.raw_texts(options.data / "dev.tsv"))
    learned, kept = lines(options.lines)
    tokenizer = load_encoder(options.encoder).tokenizer
    teachers = [teacher(train, options.encoder, options.work, seed, epochs) for seed, epochs in TEACHERS]
    heard = opinions(teachers, tokenizer, train, options.work / "opinions.pt")
    net = student(teachers[0], tokenizer, train, learned, heard, options.work / "student.safetensors", options.seed)
    facts = {
        "train": len(train),
        "lines": len(learned),
        "teachers": len(TEACHERS),
        "epochs": EPOCHS,
        "seed": options.seed,
        "time": options.took or f"It took {(monotonic() - began) / 60:.0f} minutes.",
    }
    ship(net, presence(train), options.encoder, dev, kept, options.out, facts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with GoEmotions' train.tsv and dev.tsv")
    parser.add_argument("--lines", type=Path, default=FOLDER, help="folder of dialogues (default: emotion/dialogues)")
    parser.add_argument("--encoder", type=Path, help="folder of MiniLM (default: the installed starter package)")
    parser.add_argument("--out", type=Path, default=STARTER, help="folder to write head.safetensors and card.md to")
    parser.add_argument("--work", type=Path, default=Path("build/emotion"), help="folder for what is kept on the way")
    parser.add_argument("--seed", type=int, default=41, help="of the student; teachers have their own")
    parser.add_argument("--took", help="the card's sentence on the time taken, for a run that was continued")
    return parser.parse_args()


if __name__ == "__main__":
    main()
