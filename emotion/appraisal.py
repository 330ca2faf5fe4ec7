"""What was said to me -> what I feel: how a listener answers each emotion in a speaker's words.

The classifier reads how the *speaker* sounds; the face shows how the *character* feels, which is rarely the same.
The rows follow three ideas, and where those leave a choice the weights are our judgement:

- Appraisal (Ortony, Clore & Collins, *The Cognitive Structure of Emotions*, 1988): praise of what I did makes me
  proud, thanks make me glad, blame hurts and angers; another's luck makes me happy for them, another's loss sorry
  for them.
- Contagion (Hatfield, Cacioppo & Rapson, *Emotional Contagion*, 1993): laughter, excitement, fear and calm pass
  over.
- Apology (McCullough, Worthington & Rachal, J. Personality and Social Psychology 73, 1997): it works through
  empathy, so remorse makes me warm and relieved rather than triumphant.

The first emotion of a row is its heaviest. What the character says itself bypasses this table.
"""

from collections.abc import Sequence

from emotion.labels import EMOTIONS, INDEX

APPRAISAL: dict[str, dict[str, float]] = {
    "admiration": {"pride": 0.55, "joy": 0.30, "gratitude": 0.15},
    "amusement": {"amusement": 0.80, "joy": 0.20},
    "anger": {"sadness": 0.45, "anger": 0.35, "fear": 0.20},
    "annoyance": {"annoyance": 0.60, "sadness": 0.25, "embarrassment": 0.15},
    "approval": {"approval": 0.60, "joy": 0.30, "pride": 0.10},
    "caring": {"gratitude": 0.50, "love": 0.30, "joy": 0.20},
    "confusion": {"confusion": 0.60, "curiosity": 0.25, "caring": 0.15},
    "curiosity": {"curiosity": 0.80, "joy": 0.10, "neutral": 0.10},
    "desire": {"curiosity": 0.40, "caring": 0.35, "excitement": 0.25},
    "disappointment": {"sadness": 0.50, "caring": 0.30, "remorse": 0.20},
    "disapproval": {"disappointment": 0.55, "annoyance": 0.30, "embarrassment": 0.15},
    "disgust": {"disgust": 0.50, "embarrassment": 0.30, "sadness": 0.20},
    "embarrassment": {"caring": 0.50, "amusement": 0.30, "embarrassment": 0.20},
    "excitement": {"excitement": 0.75, "joy": 0.25},
    "fear": {"fear": 0.55, "caring": 0.25, "nervousness": 0.20},
    "gratitude": {"joy": 0.65, "pride": 0.25, "love": 0.10},
    "grief": {"sadness": 0.50, "caring": 0.35, "grief": 0.15},
    "joy": {"joy": 0.80, "excitement": 0.20},
    "love": {"love": 0.70, "joy": 0.30},
    "nervousness": {"caring": 0.50, "nervousness": 0.40, "optimism": 0.10},
    "optimism": {"optimism": 0.70, "joy": 0.30},
    "pride": {"admiration": 0.60, "joy": 0.40},
    "realization": {"curiosity": 0.45, "realization": 0.35, "surprise": 0.20},
    "relief": {"relief": 0.75, "joy": 0.25},
    "remorse": {"caring": 0.50, "relief": 0.35, "sadness": 0.15},
    "sadness": {"caring": 0.55, "sadness": 0.45},
    "surprise": {"surprise": 0.75, "curiosity": 0.25},
    "neutral": {"neutral": 1.00},
}


def appraise(said: Sequence[float]) -> tuple[float, ...]:
    """What a listener feels, (28,), from the weights of what was said, (28,). The sum stays what it was."""
    felt = [0.0] * len(EMOTIONS)
    for emotion, weight in zip(EMOTIONS, said, strict=True):
        for answer, share in APPRAISAL[emotion].items():
            felt[INDEX[answer]] += weight * share
    return tuple(felt)
