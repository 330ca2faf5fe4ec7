"""The 28 emotions, how pleasant each is and how stirred up.

The labels are GoEmotions' (Demszky et al., ACL 2020, arXiv 2005.00547), in its id order, neutral last.

Valence and arousal, both in [-1, 1], are our judgement: placed by hand on Russell's circumplex (*A circumplex model
of affect*, J. Personality and Social Psychology 39, 1980), where excitement is pleasant and aroused, sadness
unpleasant and rather quiet, relief pleasant and calm. Words Russell did not place (admiration, realization …) stand
beside their nearest neighbour that he did. They are used to tell near feelings from far ones, never to score text.
"""

#            (name, valence, arousal)
_CIRCUMPLEX = (
    ("admiration", 0.7, 0.2),
    ("amusement", 0.8, 0.4),
    ("anger", -0.7, 0.8),
    ("annoyance", -0.5, 0.4),
    ("approval", 0.5, 0.0),
    ("caring", 0.6, -0.1),
    ("confusion", -0.2, 0.2),
    ("curiosity", 0.3, 0.4),
    ("desire", 0.4, 0.6),
    ("disappointment", -0.6, -0.3),
    ("disapproval", -0.5, 0.2),
    ("disgust", -0.7, 0.4),
    ("embarrassment", -0.5, 0.3),
    ("excitement", 0.7, 0.8),
    ("fear", -0.7, 0.8),
    ("gratitude", 0.8, 0.1),
    ("grief", -0.9, -0.1),
    ("joy", 0.9, 0.5),
    ("love", 0.9, 0.3),
    ("nervousness", -0.4, 0.6),
    ("optimism", 0.6, 0.2),
    ("pride", 0.7, 0.4),
    ("realization", 0.1, 0.2),
    ("relief", 0.6, -0.4),
    ("remorse", -0.6, 0.0),
    ("sadness", -0.8, -0.4),
    ("surprise", 0.1, 0.8),
    ("neutral", 0.0, 0.0),
)

EMOTIONS: tuple[str, ...] = tuple(name for name, _, _ in _CIRCUMPLEX)
INDEX: dict[str, int] = {name: i for i, name in enumerate(EMOTIONS)}
NEUTRAL = "neutral"
VALENCE: dict[str, float] = {name: valence for name, valence, _ in _CIRCUMPLEX}
AROUSAL: dict[str, float] = {name: arousal for name, _, arousal in _CIRCUMPLEX}
