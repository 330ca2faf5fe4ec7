"""JSON schemas mean what the standard says; what cannot be held to is refused by name and place."""

import json
import re
from typing import Any

import jsonschema
import pytest

from inference.grammar import Grammar, GrammarError

VALUES = [
    *(None, True, False, 0, 1, 2, 3, 4, 5, 6, 9, 10, 15, 41, 42, 100, -1, -4, -5, -6, -10, -11, -29, -30, -31, -123),
    *(1.5, 2.25, 2.26, -1.5, -1.51, -0.25),
    *("", "a", "b", "ab", "aab", "abc", "foo", "bar", "barf", "xab", "éé", "🦄", "a^$.[]()|{}*+?b", "12 x", "1234"),
    *('"', "\\", "\n", "\x01", "2024-02-29", "2024-13-01", "2024-1-1", "123e4567-e89b-12d3-a456-426614174000"),
    *("1.2.3.4", "256.1.1.1", "a@b.co", "red", "amber"),
    *([], [1], [1, 2], [1, 2, 3], ["a"], ["a", 1], ["a", 1, 2], ["a", "b"], ["foo"], [None], [[]], [{}], [True, False]),
    *({}, {"a": 1}, {"a": "x"}, {"b": 1}, {"b": "x"}, {"a": 1, "b": 2}, {"a": 1, "b": "2"}, {"a": 1, "c": 3}),
    *({"c": 3}, {"a": 1, "b": 2, "c": 3}, {"a": [1, 2]}, {"a": []}, {"a": [{"a": []}]}, {"a": [{"b": 1}]}),
    *({"v": 1}, {"v": 1, "next": {"v": 2}}, {"v": 1, "next": {}}, {"k": "a"}, {"k": "b"}, {"a_": 1}, {"é/~": ""}),
]

SCHEMAS = r"""
{"type":"integer"}
{"type":"integer","minimum":-10}
{"type":"integer","maximum":-5}
{"type":"integer","exclusiveMinimum":5}
{"type":"integer","exclusiveMaximum":5}
{"type":"integer","minimum":-30,"maximum":-5}
{"type":"integer","minimum":-123,"maximum":42}
{"type":"integer","minimum":0,"maximum":0}
{"type":"integer","exclusiveMinimum":0,"exclusiveMaximum":10}
{"type":"integer","multipleOf":5}
{"type":"number"}
{"type":"number","minimum":-1.5,"maximum":2.25}
{"type":"number","exclusiveMinimum":0}
{"type":"string"}
{"type":"string","minLength":2}
{"type":"string","maxLength":2}
{"type":"string","minLength":1,"maxLength":3}
{"type":"string","pattern":"^a+b?$"}
{"type":"string","pattern":"a+b"}
{"type":"string","pattern":"^a|b$"}
{"type":"string","pattern":"^[a-c]{2,3}"}
{"type":"string","pattern":"^a\\^\\$\\.\\[\\]\\(\\)\\|\\{\\}\\*\\+\\?b$"}
{"type":"string","pattern":"^\\d+\\s\\w$"}
{"type":"string","pattern":"^(foo|bar)$","minLength":3}
{"type":"string","pattern":"^[^b]*b$","maxLength":3}
{"type":"string","format":"date"}
{"type":"string","format":"uuid"}
{"type":"string","format":"ipv4"}
{"type":"string","format":"email"}
{"enum":["red","amber","green",null,42,["foo"]]}
{"enum":[1,2,"a"],"type":"string"}
{"const":"foo"}
{"const":{"a":[1,2]}}
{"const":null}
{"anyOf":[{"type":"string","maxLength":1},{"type":"integer","minimum":3}]}
{"oneOf":[{"type":"string"},{"type":"null"}]}
{"oneOf":[{"properties":{"k":{"const":"a"}},"required":["k"],"type":"object"},{"type":"integer"}]}
{"allOf":[{"type":"integer","minimum":2},{"maximum":5}]}
{"allOf":[{"$ref":"#/definitions/a"},{"$ref":"#/definitions/b"}],"type":"object",
 "definitions":{"a":{"properties":{"a":{"type":"integer"}}},"b":{"properties":{"b":{"type":"integer"}}}}}
{"$defs":{"n":{"type":"object","properties":{"v":{"type":"integer"},"next":{"$ref":"#/$defs/n"}},"required":["v"],
 "additionalProperties":false}},"$ref":"#/$defs/n"}
{"type":"object","properties":{"a":{"type":"array","items":{"$ref":"#"}}},"additionalProperties":false}
{"type":"array"}
{"type":"array","items":{"type":"integer"},"minItems":2}
{"type":"array","items":{"type":"integer"},"maxItems":2}
{"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":2}
{"type":"array","items":{"type":["string","boolean","null"]}}
{"type":"array","prefixItems":[{"type":"string"},{"type":"integer"}]}
{"type":"array","prefixItems":[{"type":"string"},{"type":"integer"}],"items":false}
{"type":"array","prefixItems":[{"type":"string"}],"items":{"type":"integer"},"minItems":1}
{"type":"object"}
{"type":"object","additionalProperties":{"type":"integer"}}
{"type":"object","additionalProperties":false}
{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":false}
{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"additionalProperties":true}
{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"required":["b"]}
{"type":"object","patternProperties":{"^b":{"type":"string"}},"additionalProperties":false}
{"type":"object","minProperties":1,"maxProperties":2}
{"type":["string","boolean","null"]}
{"type":["integer","null"],"minimum":3}
{"type":"boolean"}
{"type":"null"}
{}
true
{"minimum":3}
{"minLength":2}
{"items":{"type":"string"}}
{"required":["a"]}
{"properties":{"a":{"type":"integer"}}}
{"properties":{"a":false}}
{"title":"t","description":"d","default":3,"examples":[1],"deprecated":true,"$comment":"c","type":"integer"}
"""


@pytest.mark.parametrize("text", SCHEMAS.strip().replace("\n ", " ").splitlines())
def test_a_schema_accepts_what_the_standard_says(text: str) -> None:
    schema = json.loads(text)
    grammar = Grammar.from_json_schema(schema)
    checker = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    for value in VALUES:
        valid = checker.is_valid(value)
        written = [json.dumps(value), json.dumps(value, ensure_ascii=False), json.dumps(value, indent=2)]
        if "pattern" in text or "format" in text or "Length" in text:
            written = written[1:]  # there, a letter that needs no escape has none
        for each in written:
            assert grammar.accepts(each) == valid, each


def test_properties_come_in_the_order_of_the_schema() -> None:
    grammar = Grammar.from_json_schema({"properties": {"b": {}, "a": {}}, "required": ["a"]})
    assert grammar.accepts('{"b": 1, "a": 2}')
    assert not grammar.accepts('{"a": 2, "b": 1}')


def test_white_space_has_an_end() -> None:
    grammar = Grammar.from_json_schema({"type": "array"})
    assert grammar.accepts("[" + " " * 64 + "1]")
    assert not grammar.accepts("[" + " " * 65 + "1]")


def test_numbers_are_written_plainly_where_they_are_bounded() -> None:
    integer = Grammar.from_json_schema({"type": "integer"})
    assert all(map(integer.accepts, ["0", "-7", "-0", "12345678901234567890"]))
    assert not any(map(integer.accepts, ["", "01", "-", "1.5", "1.0", "+1", "1e3", "1 "]))
    assert Grammar.from_json_schema({"type": "number"}).accepts("-1.5e+30")
    bounded = Grammar.from_json_schema({"type": "number", "minimum": 1})
    assert bounded.accepts("30.5")
    assert not bounded.accepts("3.05e1")


def test_a_product_of_a_shop() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://example.org/cake.schema.json",
        "title": "Cake",
        "type": "object",
        "properties": {
            "id": {"description": "its number", "type": "integer"},
            "price": {"type": "number", "exclusiveMinimum": 0},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
            "size": {"type": "object", "properties": {"width": {"type": "number"}}, "required": ["width"]},
        },
        "required": ["id", "price"],
    }
    grammar = Grammar.from_json_schema(schema)
    assert grammar.accepts('{"id": 1, "price": 12.50, "tags": ["sweet", "new"], "size": {"width": 2.5}}')
    assert not grammar.accepts('{"id": 1, "price": 12.50, "tags": []}')
    assert not grammar.accepts('{"id": 1, "price": -12.50}')
    assert not grammar.accepts('{"id": 1}')
    assert grammar.unchecked == ("#/properties/tags",)


def test_a_property_may_be_called_like_a_keyword() -> None:
    grammar = Grammar.from_json_schema(
        {"properties": {"uniqueItems": {"type": "boolean"}}, "enum": [{"uniqueItems": True}]}
    )
    assert grammar.accepts('{"uniqueItems": true}')
    assert grammar.unchecked == ()


def test_the_text_of_a_schema_is_taken_too() -> None:
    assert Grammar.from_json_schema('{"const": "é"}').accepts('"é"')


@pytest.mark.parametrize(
    ("schema", "sentence"),
    [
        ('{"type":\n "string",}', "Line 2, column 11: the JSON schema is no JSON ("),
        ([], "A JSON schema is an object, true or false."),
        (None, "A JSON schema is an object, true or false."),
        ({"enum": {1}}, "The JSON schema is no JSON: Object of type set is not JSON serializable."),
        (False, "The JSON schema can never be satisfied: schema is false."),
        ({"type": "strin"}, "The JSON schema cannot be used: Invalid type: strin."),
        (
            {"type": "integer", "minimum": 5, "maximum": 3},
            "can never be satisfied: minimum (5) is greater than maximum",
        ),
        ({"enum": []}, "The JSON schema can never be satisfied"),
        (
            {"allOf": [{"type": "string"}, {"type": "null"}]},
            "The JSON schema can never be satisfied: incompatible types.",
        ),
        (
            {"items": {"minLength": "a"}},
            "The JSON schema at #/items cannot be used: Expected positive integer for 'minLength'",
        ),
        (
            {"items": {"type": "string", "format": "rune"}},
            "The JSON schema at #/items cannot be used: Unknown format: rune.",
        ),
        ({"$ref": "#/$defs/none"}, "The JSON schema cannot be used: Pointer '/$defs/none' does not exist."),
        (
            {"properties": {"a/b": {"pattern": "("}}},
            "The JSON schema at #/properties/a~1b has a pattern that is no regular",
        ),
        ({"pattern": "(?=a)b"}, "The JSON schema has a pattern that is no regular expression: look-around"),
        ({"pattern": "a\\bc"}, "lookarounds not supported"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "has a `oneOf` whose alternatives overlap"),
        *(
            (
                {"anyOf": [{"type": "null"}, {keyword: value}]},
                f"The JSON schema at #/anyOf/1 has `{keyword}`, which text cannot",
            )
            for keyword, value in {
                "not": {"type": "string"},
                "contains": {"const": 1},
                "propertyNames": {"pattern": "^a"},
                "dependentRequired": {"a": ["b"]},
                "dependentSchemas": {"a": {"required": ["b"]}},
                "unevaluatedProperties": False,
                "unevaluatedItems": False,
                "minContains": 2,
                "$dynamicRef": "#a",
            }.items()
        ),
        (
            {"if": {"const": 1}, "then": {"minimum": 3}},
            "The JSON schema has `if`, `then`, which text cannot be held to",
        ),
    ],
)
def test_what_cannot_be_held_to_is_refused_by_name_and_place(schema: Any, sentence: str) -> None:
    with pytest.raises(GrammarError, match=re.escape(sentence)) as caught:
        Grammar.from_json_schema(schema)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
