import tomllib

from persona.tomllines import find_keys

TRICKY = '''# name = "in a comment"
name = "Marigold"
voice = """
name = "not a key"
[expressions.fake]
a quote at the end: ""\\""""
raw = \'\'\'
[[examples]] \\\'\'\'
"quoted key" = 'x # no comment'   # but this = is
a . b = 1979-05-27 07:32:00

[expressions.joy]
emotions = [
  "joy", # "anger",
  "amusement",
]
sampler = { temperature = 0.9, "top_p" = 0.5 }

[[examples]]
user = "one"
[[examples]]
user = "two"
[examples.inner]
deep = [[1, 2], [
  3]]
'''


def test_keys_are_found_on_their_lines_whatever_strings_and_comments_contain() -> None:
    assert tomllib.loads(TRICKY)["voice"].endswith('"""')
    found = find_keys(TRICKY)
    assert found.lines[("name",)] == 2
    assert found.lines[("voice",)] == 3
    assert found.lines[("raw",)] == 7
    assert found.lines[("quoted key",)] == 9
    assert found.lines[("a", "b")] == 10
    assert found.lines[("expressions", "joy", "emotions", "amusement")] == 15
    assert found.lines[("expressions", "joy", "emotions", 1)] == 15
    assert found.lines[("expressions", "joy", "sampler", "top_p")] == 17
    assert found.lines[("examples", 1, "user")] == 22
    assert found.lines[("examples", 1, "inner", "deep", 1, 0)] == 25
    assert not any("fake" in path or "this" in path for path in found.lines)


def test_a_missing_key_is_looked_for_in_the_table_around_it() -> None:
    found = find_keys(TRICKY)
    assert found.line(("expressions", "joy", "prompt")) == 12
    assert found.line(("expressions",)) == 12
    assert found.line(("nowhere",)) == 1


def test_a_path_is_spelled_as_the_file_spells_its_header() -> None:
    found = find_keys(TRICKY)
    assert found.spell(("expressions", "joy", "sampler", "top_p")) == "[expressions.joy] sampler.top_p"
    assert found.spell(("examples", 1, "user")) == "[[examples]] user"
    assert found.spell(("expressions", "joy")) == "[expressions.joy]"
    assert found.spell(("name",)) == "name"


def test_empty_and_comment_only_files_have_no_keys() -> None:
    assert find_keys("").lines == {}
    assert find_keys("# nothing\n").lines == {}
