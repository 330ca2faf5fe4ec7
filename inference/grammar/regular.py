"""What of a grammar is regular: rules without recursion, and recursion that is mere repetition, written as one part.

Knows the parts of `parts.py` and how a regular one is written as a regular expression (the syntax of Rust's regex
crate), not what reads it.
"""

from collections.abc import Mapping

from inference.grammar.parts import Chars, Either, GrammarError, Part, Repeat, Rule, Sequence

LARGEST = 20_000  # parts that a rule may have after others were put into it; a larger one stays a rule


def inside(part: Part) -> tuple[Part, ...]:
    """The parts directly inside a part."""
    if isinstance(part, Sequence | Either):
        return part.parts
    return (part.part,) if isinstance(part, Repeat) else ()


def names(part: Part) -> set[str]:
    """The rules that a part refers to."""
    return {part.name} if isinstance(part, Rule) else set().union(*map(names, inside(part)))


def is_regular(part: Part) -> bool:
    """Whether it refers to no rule."""
    return not isinstance(part, Rule) and all(map(is_regular, inside(part)))


def check_ends(rules: Mapping[str, Part]) -> None:
    """Raises GrammarError for a rule, used from `root`, that no text can ever satisfy."""
    ending: set[str] = set()

    def ends(part: Part) -> bool:
        if isinstance(part, Rule):
            return part.name in ending
        if isinstance(part, Either):
            return any(map(ends, part.parts))
        return (isinstance(part, Repeat) and not part.least) or all(map(ends, inside(part)))

    more = True
    while more:
        more = False
        for name in reversed(list(rules)):  # what is referred to stands after what refers to it, as a rule
            if name not in ending and ends(rules[name]):
                ending.add(name)
                more = True
    for name in reachable(rules):
        if name not in ending:
            raise GrammarError(f"The rule `{name}` never comes to an end: give it an alternative without itself.")


def reachable(rules: Mapping[str, Part]) -> list[str]:
    """The names of the rules that `root` leads to, itself first."""
    found = ["root"]
    for name in found:
        found += sorted(names(rules[name]) - set(found))
    return found


def flatten(rules: Mapping[str, Part]) -> dict[str, Part]:
    """The same grammar with every regular rule put in where it is referred to, and without rules that are not used."""
    left = {name: rules[name] for name in reachable(rules)}
    regular: dict[str, Part] = {}
    more = True
    while more:
        more = False
        for name in reversed(list(left)):
            part = left[name] = _with(left[name], regular)
            solved = part if is_regular(part) else _unrolled(name, part) if names(part) == {name} else None
            if solved is not None and (name == "root" or _size(solved) <= LARGEST):
                regular[name] = solved
                del left[name]
                more = True
    if "root" in regular:
        return {"root": regular["root"]}
    return {name: left.get(name, regular.get(name, rules[name])) for name in reachable(left | regular)}


def _size(part: Part) -> int:
    return 1 + sum(map(_size, inside(part)))


def _with(part: Part, regular: Mapping[str, Part]) -> Part:
    """`part` with the rules of `regular` put in."""
    if isinstance(part, Rule):
        return regular.get(part.name, part)
    if isinstance(part, Repeat):
        return Repeat(_with(part.part, regular), part.least, part.most)
    if isinstance(part, Sequence | Either):
        return type(part)(tuple(_with(inner, regular) for inner in part.parts))
    return part


def _unrolled(name: str, part: Part) -> Part | None:
    """A rule that refers to itself at its end alone (or beginning alone) as a repetition; None where it is otherwise.

    X = A X | B is A* B (Arden 1961), and X = X A | B is B A*.
    """
    for turn in (_same, _mirrored):
        alternatives = _alternatives(turn(part), name)
        if alternatives is not None:
            again = tuple(Sequence(found[:-1]) for found in alternatives if found and names(found[-1]))
            done = tuple(Sequence(found) for found in alternatives if not found or not names(found[-1]))
            return turn(Sequence((Repeat(Either(again), 0, None), Either(done))))
    return None


def _same(part: Part) -> Part:
    return part


def _mirrored(part: Part) -> Part:
    """The part that is satisfied by the same texts read backwards."""
    if isinstance(part, Repeat):
        return Repeat(_mirrored(part.part), part.least, part.most)
    if isinstance(part, Sequence):
        return Sequence(tuple(_mirrored(inner) for inner in reversed(part.parts)))
    return Either(tuple(map(_mirrored, part.parts))) if isinstance(part, Either) else part


def _alternatives(part: Part, name: str) -> list[tuple[Part, ...]] | None:
    """A part as alternative sequences with `name` only at their ends; None where it also stands elsewhere."""
    if isinstance(part, Rule) or not names(part):
        return [(part,)]
    if isinstance(part, Sequence):
        *before, last = part.parts
        rest = _alternatives(last, name)
        if rest is None or any(map(names, before)):
            return None
        return [(*before, *found) for found in rest]
    if isinstance(part, Repeat) and (part.least, part.most) != (0, 1):
        return None
    found: list[tuple[Part, ...]] = [()] if isinstance(part, Repeat) else []
    for inner in inside(part):
        more = _alternatives(inner, name)
        if more is None:
            return None
        found += more
    return found


def regex(part: Part) -> str:
    """A regular part as a regular expression."""
    if isinstance(part, Chars):
        spans = [f"\\x{{{first:X}}}" + (f"-\\x{{{last:X}}}" if last > first else "") for first, last in part.ranges]
        single = len(spans) == 1 and part.ranges[0][0] == part.ranges[0][1]
        return spans[0] if single else f"[{''.join(spans)}]"
    if isinstance(part, Sequence):
        return "".join(map(regex, part.parts))
    if isinstance(part, Either):
        return f"(?:{'|'.join(map(regex, part.parts))})"
    assert isinstance(part, Repeat)
    return f"(?:{regex(part.part)}){times(part)}"


def times(repeat: Repeat) -> str:
    """How often, as regular expressions and Lark both write it."""
    short = {(0, 1): "?", (0, None): "*", (1, None): "+"}.get((repeat.least, repeat.most))
    return short or f"{{{repeat.least},{'' if repeat.most is None else repeat.most}}}"
