"""A classifier's own labels -> the 28 emotions. Pure arithmetic and one refusal; knows no model.

A label that is the name of an emotion means that one, whatever its case or place. Others need a mapping: the name of
an emotion, or several with weights ("sadness" = {sadness = 0.8, grief = 0.2}); with no weights at all, the label is
left out. If nothing maps to neutral, neutral is what the likeliest emotion leaves over.
"""

from collections.abc import Mapping, Sequence

from emotion.labels import EMOTIONS, INDEX, NEUTRAL

Shares = Mapping[str, float]
"""Weights by emotion."""


class UnknownLabels(ValueError):
    """Labels that mean nothing here; the sentence names them and says what to do."""


def shares(own: Sequence[str], mapping: Mapping[str, Shares]) -> list[Shares]:
    """For each of a classifier's labels, in its order, the emotions it stands for. Raises UnknownLabels."""
    wanted = {_plain(label): share for label, share in mapping.items()}
    found = [wanted.get(_plain(label), _itself(_plain(label))) for label in own]
    unknown = [label for label, share in zip(own, found, strict=True) if share is None]
    if unknown:
        some = ", ".join(unknown[:8]) + (f" and {len(unknown) - 8} more" if len(unknown) > 8 else "")
        raise UnknownLabels(
            f"labels that are none of the 28 emotions: {some}; say in [emotion.labels] what each stands for, such as "
            f'"{unknown[0]}" = "joy", or {{}} for nothing'
        )
    strangers = sorted(set(wanted) - set(map(_plain, own)))
    if strangers:
        raise UnknownLabels(
            f"no label {', '.join(strangers)}, which [emotion.labels] speaks of; it has {', '.join(own[:40])}"
        )
    return [share for share in found if share is not None]


def weights(own: Sequence[Shares]) -> list[list[float]]:
    """As a matrix (labels, 28): probabilities of the labels times it are those of the emotions."""
    return [[share.get(emotion, 0.0) for emotion in EMOTIONS] for share in own]


def knows_neutral(own: Sequence[Shares]) -> bool:
    """Whether any label stands for neutral."""
    return any(share.get(NEUTRAL, 0.0) > 0 for share in own)


def _itself(label: str) -> Shares | None:
    return {label: 1.0} if label in INDEX else None


def _plain(label: str) -> str:
    return label.strip().casefold()
