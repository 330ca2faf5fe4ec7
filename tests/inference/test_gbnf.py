"""GBNF means what its rules say, whatever the cut into lexemes; every mistake is one sentence with its place."""

import re
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.grammar import Grammar, GrammarError
from inference.grammar.gbnf import read
from inference.grammar.lexemes import as_lark
from inference.grammar.parts import Chars, Either, Part, Repeat, Rule

# --- the notation ----------------------------------------------------------------------------------------------------

JSON = r"""
# Any JSON value, in the way most GBNF files are written
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws

object ::=
  "{" ws (
            string ":" ws value
    ("," ws string ":" ws value)*
  )? "}" ws

array ::= "[" ws ( value ("," ws value)* )? "]" ws

string ::=
  "\"" (
    [^"\\\x7F\x00-\x1F] |       # no control characters
    "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4})
  )* "\"" ws

number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9]+)? ws
ws ::= | " " | "\n" [ \t]{0,20}
"""

ARITHMETIC = r"""
root  ::= (expr "=" ws term "\n")+
expr  ::= term ([-+*/] term)*
term  ::= ident | num | "(" ws expr ")" ws
ident ::= [a-z] [a-z0-9_]* ws
num   ::= [0-9]+ ws
ws    ::= [ \t\n]*
"""

CHESS = r"""
root    ::= (" "? [1-9] [0-9]? ". " move " " move "\n")+
move    ::= (pawn | nonpawn | castle) [+#]?
nonpawn ::= [NBKQR] [a-h]? [1-8]? "x"? [a-h] [1-8]
pawn    ::= ([a-h] "x")? [a-h] [1-8] ("=" [NBKQR])?
castle  ::= "O-O" "-O"?
"""

LIST = r"""
root ::= item+

# Excludes various line break characters
item ::= "- " [^\r\n\x0b\x0c\x85\u2028\u2029]+ "\n"
"""

LANGUAGE = r"""
root        ::= declaration*
declaration ::= type identifier "(" parameter? ")" "{" statement* "}"
type        ::= ("int" | "float" | "char") " "
identifier  ::= [a-zA-Z_] [a-zA-Z_0-9]*
parameter   ::= type identifier
statement   ::=
    ( type identifier "=" expression ";" ) |
    ( identifier "=" expression ";" ) |
    ( "return " expression ";" ) |
    ( "while" "(" condition ")" "{" statement* "}" ) |
    ( "if" "(" condition ")" "{" statement* "}" ("else" "{" statement* "}")? )
condition   ::= expression ("==" | "!=" | "<=" | "<" | ">=" | ">") expression
expression  ::= term (("+" | "-") term)*
term        ::= factor (("*" | "/") factor)*
factor      ::= identifier | number | "-" factor | identifier "(" expression ("," expression)* ")" | "(" expression ")"
number      ::= [0-9]+
"""

RIGHT_AND_WRONG = {
    "json": (
        JSON,
        ["{}", '{"a": 1}', '{"a":[1, -2.5e3, {"b":null}],\n  "c":"\\u00e9 \\"x\\" 🦄"}'],
        ["", "[]", "{", '{"a"}', '{"a": 01}', '{"a": 1,}', '{"a": "\n"}', '{"a": "\\x"}'],
    ),
    "arithmetic": (
        ARITHMETIC,
        ["1=2\n", "(a1 +2)*x_y = 7 \n", "1+2=3\n4=5\n", "a=b\n\n\n"],
        ["", "1=2", "1+=2\n", "()=1\n", "A=1\n", "1=2\n="],
    ),
    "chess": (
        CHESS,
        ["1. e4 e5\n", "1. e4 e5\n 2. Nf3 Nc6\n", "9. O-O-O bxc8=Q+\n", "1. Nbd2 R1xe3#\n"],
        ["1. e4\n", "0. e4 e5\n", "1. e9 e5\n", "1. O-O-O-O e5\n", "1. e4 e5"],
    ),
    "list": (LIST, ["- a\n", "- a\n- b c é\n"], ["", "- \n", "- a", "-a\n", "- a\u2028\n", "- a\r\n"]),
    "language": (
        LANGUAGE,
        ["", "int f(){}", "int f(int a){int b=a*2+g(1,a);while(b<=10){b=b+1;}return b;}", "int i(){interest=int1;}"],
        ["int f(){", "int f(int a,int b){}", "int f(){return;}", "int 1f(){}", "double f(){}"],
    ),
}


@pytest.mark.parametrize("name", RIGHT_AND_WRONG)
def test_grammars_as_they_are_written(name: str) -> None:
    text, right, wrong = RIGHT_AND_WRONG[name]
    grammar = Grammar.from_gbnf(text)
    assert [each for each in right if not grammar.accepts(each)] == []
    assert [each for each in wrong if grammar.accepts(each)] == []


@pytest.mark.parametrize(
    ("part", "right", "wrong"),
    [
        ('"a"{3}', ["aaa"], ["aa", "aaaa", ""]),
        ('"a"{2,}', ["aa", "aaaaaaa"], ["", "a"]),
        ('"a"{,2}', ["", "a", "aa"], ["aaa"]),
        ('"a"{ 1 , 2 }', ["a", "aa"], ["", "aaa"]),
        ('"a"{0}', [""], ["a"]),
        ('"a"{0,0} "b"', ["b"], ["ab"]),
        ('(root | "a"){0} "b"', ["b"], ["ab"]),
        ('("a" | "bc"){2}', ["aa", "abc", "bca", "bcbc"], ["a", "bc", "abca"]),
        ('(("a"? "b"*)* "c")?', ["", "c", "aabbabc"], ["a", "cc"]),
        ('"ab"+*', ["", "ab", "abab"], ["a", "aba"]),
        ('"a" | | "b"', ["", "a", "b"], ["ab"]),
        ("... [a-c]", ["xyzb", "🔵é\nc"], ["xyb", "xyzd"]),
        (r'"\x41\u00e9\U0001F984" "\t\r\n\\\""', ['Aé🦄\t\r\n\\"'], ["Aé🦄"]),
        (r"[\]\[\\^-]+", ["][\\^-"], ["a", ""]),
        (r"[^\x00-\x7F]", ["é", "🦄", "\u2028"], ["a", "\n", "éé"]),
        (r"[-a]", ["-", "a"], ["b"]),
        (r"[a-]", ["-", "a"], ["b"]),
        (r"[a-cx-z0]", ["b", "y", "0"], ["d", "w", "1"]),
        ("[α-ω]+ [🦄-🦊]", ["λόγος🦄".replace("ό", "ο"), "α🦊"], ["abc🦄", "α🦋"]),
        ("[😀]", ["😀"], ["😁", "😀😀", "\ud83d"]),
    ],
)
def test_parts(part: str, right: list[str], wrong: list[str]) -> None:
    for text in (f"root ::= {part}", f"root ::= inner\ninner ::= {part}", f'root ::= {part} | "(" root ")"'):
        grammar = Grammar.from_gbnf(text)
        assert [each for each in right if not grammar.accepts(each)] == []
        assert [each for each in wrong if grammar.accepts(each)] == []


@pytest.mark.parametrize(
    "text",
    [
        'root ::= "a" | root "a"',
        'root ::= again\nagain ::= "a" | again "a"',
        'root ::= "a" tail\ntail ::= "a" tail |',
        'tail ::= (\n"a" # one\n tail\n)? # or none\n\nroot ::=\n  "a"\ttail\r\n',
        'root ::= one | one root\none ::= "a" | "a" "a"',
        'root ::= none "a" none | none root root\nnone ::= ""\n  | none none',
    ],
)
def test_recursion_on_any_side(text: str) -> None:
    grammar = Grammar.from_gbnf(text)
    assert [grammar.accepts("a" * length) for length in range(5)] == [False, True, True, True, True]
    assert not grammar.accepts("ab")


def test_recursion_that_no_regular_expression_can_say() -> None:
    grammar = Grammar.from_gbnf('root ::= "" | letter\nletter ::= "a" root "a" | "b" root "b" | "a" | "b"')
    words = ["".join(word) for length in range(7) for word in product("ab", repeat=length)]
    assert [word for word in words if grammar.accepts(word)] == [word for word in words if word == word[::-1]]


def test_a_common_grammar_is_few_lexemes() -> None:
    # With a lexeme for each character a mask takes a hundred times as long (docs/why/grammar.md).
    lark = as_lark(read(JSON))
    strings = [line for line in lark.splitlines() if line.startswith("T") and r"\x{5C}" in line]
    assert len(strings) == 2  # a key with its colon, and a value
    assert len(lark.splitlines()) < 20


# --- mistakes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "The grammar has no rule `root`, with which it begins: add one, as in `root ::= …`."),
        ('rot ::= "a"', "The grammar has no rule `root`"),
        (
            'root ::= "a"\n\n  b',
            r"Line 3, column 4: `::=` is expected after the rule's name `b`, not the end of the text.",
        ),
        ('root = "a"', r"Line 1, column 6: `::=` is expected after the rule's name `root`, not `=`."),
        ('# one\nroot ::= "a" other', "Line 2, column 14: there is no rule `other`: write it, or correct the name."),
        ('root ::= "a"\nroot ::= "b"', "Line 2, column 1: the rule `root` was there already in line 1: give it once."),
        ('root ::= "a\nb ::= "c"', 'Line 1, column 10: the quote " that begins here is not closed on its line'),
        ("root ::=\n [a-z", "Line 2, column 2: the bracket [ that begins here is not closed on its line."),
        ('root ::= ("a" |\n "b"\n', "Line 1, column 10: the bracket ( that begins here is not closed."),
        ('root ::= ("a"\nb ::= "c"', "Line 1, column 10: the bracket ( that begins here is not closed."),
        ('root ::= ("a" & "b")', "Line 1, column 15: a part or the closing bracket ) is expected, not `&`."),
        ('root ::= "a" )', "Line 1, column 14: a part of the rule `root` or its end is expected, not `)`."),
        ('root ::= "a"\n  "b"', "Line 2, column 3: a rule's name is expected, not `\"`."),
        ('root ::= "a" b ::= "c"', "Line 1, column 14: a part of the rule `root` or its end is expected, not `b`."),
        (r'root ::= "\q"', r"Line 1, column 11: \q is no escape: there are \n \r"),
        (r'root ::= "\u12"', r"Line 1, column 11: \u is followed by exactly 4 hexadecimal digits."),
        (r"root ::= [\uD800]", r"Line 1, column 11: \uD800 is no character of Unicode."),
        (r'root ::= "\U00110000"', r"Line 1, column 11: \U00110000 is no character of Unicode."),
        ("root ::= [z-a]", "Line 1, column 11: the range z-a runs backwards: swap its ends."),
        ("root ::= []", "Line 1, column 10: a set of characters may not be empty"),
        ('root ::= "a"{3,2}', "Line 1, column 13: {3,2} asks for more than it allows: swap the two."),
        ('root ::= "a"{x}', "Line 1, column 13: {n}, {n,}, {,m} or {n,m} is expected, with whole numbers."),
        ('root ::= "a"{,}', "Line 1, column 13: {n}, {n,}, {,m} or {n,m} is expected, with whole numbers."),
        ('root ::= "a"{20000}', "Line 1, column 13: nothing can be repeated more than 10,000 times"),
        ("root ::= *", "Line 1, column 10: * repeats what stands before it, and nothing does."),
        ('root ::= "a" | {2}', "Line 1, column 16: { repeats what stands before it, and nothing does."),
        ("root ::= <think>", "Line 1, column 10: tokens in angle brackets are not supported"),
        ("root ::= " + "(" * 200, "Line 1, column 110: brackets stand more than 100 deep"),
        ("root ::= root", "The rule `root` never comes to an end: give it an alternative without itself."),
        ('root ::= "a" | b\nb ::= "b" b', "The rule `b` never comes to an end"),
        ("root ::= r0\n" + "".join(f"r{n} ::= [a] r{n + 1}\n" for n in range(900)) + 'r900 ::= "a"', "go too deep"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_place(text: str, sentence: str) -> None:
    with pytest.raises(GrammarError, match=re.escape(sentence)) as caught:
        Grammar.from_gbnf(text)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet='ab"[](){}|*+?.,:=-^\\#<! \n01ru', max_size=40))
def test_any_text_is_a_grammar_or_one_sentence(text: str) -> None:
    try:
        Grammar.from_gbnf(f"root ::= {text}").accepts("ab")
    except GrammarError as error:
        assert str(error).endswith(".")
        assert "\n" not in str(error)


# --- any grammar -----------------------------------------------------------------------------------------------------

LETTERS = "abc"
LONGEST = 4
WORDS = ["".join(word) for length in range(LONGEST + 1) for word in product(LETTERS, repeat=length)]
ATOMS = ['"a"', '"b"', '"c"', '"ab"', '"abc"', '"ba"', '""', "[ab]", "[bc]", "[^a]", "."]
TIMES = ["*", "+", "?", "{2}", "{1,}", "{0,2}", "{,1}", "{1,3}", "{0}"]


def bodies(names: list[str]) -> st.SearchStrategy[str]:
    def wider(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        sequence = st.lists(inner, max_size=3).map(" ".join)
        group = st.lists(sequence, min_size=1, max_size=3).map(lambda found: f"({' | '.join(found)})")
        return group | st.tuples(group | inner, st.sampled_from(TIMES)).map("".join)

    part = st.recursive(st.sampled_from([*ATOMS, *names]), wider, max_leaves=5)
    return st.lists(st.lists(part, max_size=3).map(" ".join), min_size=1, max_size=3).map(" | ".join)


@st.composite
def grammars(draw: st.DrawFn) -> str:
    names = ["root", "x", "y"][: draw(st.integers(1, 3))]
    return "\n".join(f"{name} ::= {draw(bodies(names))}" for name in names)


def language(rules: dict[str, Part]) -> set[str]:
    """Every word of at most LONGEST letters, by the definition: the smallest sets that satisfy all rules."""
    words: dict[str, set[str]] = {name: set() for name in rules}
    while True:
        more = {name: words[name] | meant(part, words) for name, part in rules.items()}
        if more == words:
            return words["root"]
        words = more


def meant(part: Part, words: dict[str, set[str]]) -> set[str]:
    if isinstance(part, Chars):
        return {letter for letter in LETTERS if any(first <= ord(letter) <= last for first, last in part.ranges)}
    if isinstance(part, Rule):
        return words[part.name]
    if isinstance(part, Either):
        return {word for inner in part.parts for word in meant(inner, words)}
    if isinstance(part, Repeat):
        found, power, inner = set[str](), {""}, meant(part.part, words)
        for count in range(part.least + LONGEST + 1 if part.most is None else part.most + 1):
            found |= power if count >= part.least else set()
            power = after(power, inner)
        return found
    found = {""}
    for inner_part in part.parts:
        found = after(found, meant(inner_part, words))
    return found


def after(one: set[str], other: set[str]) -> set[str]:
    return {first + second for first in one for second in other if len(first) + len(second) <= LONGEST}


@settings(max_examples=150, deadline=None)
@given(grammars())
def test_any_grammar_accepts_exactly_its_words(text: str) -> None:
    try:
        grammar = Grammar.from_gbnf(text)
    except GrammarError as error:
        assert "never comes to an end" in str(error)
        return
    expected = language(read(text))
    assert {word for word in WORDS if grammar.accepts(word)} == expected


PATTERNS = st.recursive(
    st.sampled_from(["a", "b", "é", "🦄", "[a-c]", "[^b]", ".", "[é-ü]", r"\n"]),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map("".join)
        | st.lists(inner, min_size=1, max_size=3).map(lambda found: f"(?:{'|'.join(found)})")
        | st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}"])).map(lambda pair: f"(?:{pair[0]}){pair[1]}")
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(PATTERNS, st.lists(st.text(alphabet="abcdéü🦄\n", max_size=6), min_size=10, max_size=10))
def test_regular_grammars_agree_with_pythons_re(pattern: str, texts: list[str]) -> None:
    gbnf = re.sub(r"(\[[^]]*\]|\.)|(\\n|[ab]|é|🦄)(?![^[]*\])", lambda m: m[1] or f'"{m[2]}"', pattern)
    grammar = Grammar.from_gbnf(f"root ::= {gbnf.replace('(?:', '(')}")
    for text in texts:
        assert grammar.accepts(text) == bool(re.fullmatch(pattern, text, re.DOTALL)), text
