"""Cards that mean harm, and bytes that mean nothing: one sentence, little memory, no time, and nothing written."""

import base64
import io
import json
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from persona.cardfile import CardError
from persona.character import Character, read_character
from tests.persona.cards import MAGIC, charx, chunk, coded, exif, jpeg, packed_text, png, put, text, v2, v3, webp

ROOT = Path(__file__).parents[2]
MOST_MIB, MOST_SECONDS = 200, 10.0
quick = settings(max_examples=60, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
SEEDS: dict[str, bytes] = {
    "a.png": png(text("chara", coded(v2())), packed_text("ccv3", coded(v3()))),
    "a.charx": charx(v3(assets=[{"type": "emotion", "uri": "embeded://a.png", "name": "joy"}]), {"a.png": b"picture"}),
    "a.json": json.dumps(v3(character_book={"entries": []}, extensions={"depth_prompt": {"prompt": "a"}})).encode(),
    "a.webp": webp(EXIF=exif(coded(v2())), **{"XMP ": b"<a:chara>" + coded(v2()) + b"</a:chara>"}),
    "a.jpg": jpeg((0xE1, b"Exif\0\0" + exif(coded(v2()), ">")), (0xFE, coded(v2()))),
    "a.yaml": b"name: Wren\ngreeting: |-\n  Hello.\n",
    "a.toml": b'name = "Wren"\ngreeting = """Hello."""\n',
}


def outcome(path: Path) -> Character | str:
    try:
        return read_character(path)
    except CardError as error:
        assert str(error).strip() and "\n" not in str(error)
        return str(error)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.parametrize("name", SEEDS)
@quick
@given(content=st.binary(max_size=300))
def test_any_bytes_are_a_character_or_a_sentence(folder: Path, name: str, content: bytes) -> None:
    outcome(put(folder, name, content))
    head = SEEDS[name][:16]
    outcome(put(folder, name, head + content))
    assert [path.name for path in folder.iterdir() if path.name not in SEEDS] == []


@pytest.mark.parametrize("name", SEEDS)
@quick
@given(data=st.data())
def test_a_card_with_bytes_changed_is_a_character_or_a_sentence(folder: Path, name: str, data: st.DataObject) -> None:
    content = bytearray(SEEDS[name])
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.integers(0, 2)):
            case 0:
                content[at] = data.draw(st.integers(0, 255))
            case 1:
                del content[at : at + data.draw(st.integers(1, 40))]
            case _:
                content[at:at] = data.draw(st.binary(max_size=8))
        content = content or bytearray(b"\0")
    outcome(put(folder, name, bytes(content)))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
FIELDS = (
    *("name", "description", "first_mes", "alternate_greetings", "tags", "extensions", "character_book", "assets"),
    *("nickname", "group_only_greetings", "creator_notes"),
)


@quick
@given(
    data=json_values | st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=6),
    spec=json_values,
    version=json_values,
)
def test_any_values_in_the_fields_are_read_or_refused(folder: Path, data: Any, spec: Any, version: Any) -> None:
    card = {"spec": spec, "spec_version": version, "data": data, "name": "W"}
    outcome(put(folder, "a.json", json.dumps(card).encode()))


# --- files that mean harm --------------------------------------------------------------------------------------------


def sparse(before: bytes, size: int, after: bytes = b"") -> Callable[[Path], None]:
    """A file with a hole of zeros in it, which takes no room on the disk."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.write(before)
            file.seek(size, os.SEEK_CUR)
            file.write(after or b"\0")

    return write


def zipped(name: str, size: int, card: bytes | None = None, kind: int = zipfile.ZIP_DEFLATED) -> Callable[[Path], None]:
    """An archive in which `name` is so many zeros."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", kind) as archive:
            if card is not None:
                archive.writestr("card.json", card)
            with archive.open(name, "w", force_zip64=False) as file:
                for _ in range(size >> 20):
                    file.write(bytes(1 << 20))

    return write


def listing(count: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(count):
            archive.writestr(str(number), b"")
    return out.getvalue()


def with_zip64(archive: bytes) -> bytes:
    """A second index is promised that could be of any size."""
    return archive[:-22] + b"PK\x06\x07" + struct.pack("<IQI", 0, 0, 1) + archive[-22:]


def bomb(size: int) -> bytes:
    packer = zlib.compressobj(1)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()


def named(rest: bytes) -> bytes:
    return b'{"name": "Wren", "a": ' + rest + b"}"


def wide(size: int) -> bytes:
    return b'{"name": "W", "description": "a\\r\\u0001' + b"x" * size + "🐦".encode() + b'"}'


FACE = json.dumps(v3(assets=[{"type": "emotion", "name": "joy", "uri": "embeded://joy.png"}])).encode()
LOOP = b"II*\0" + struct.pack("<IHHHIII", 8, 1, 0x8769, 4, 1, 8, 8)
WIDE = b"II*\0" + struct.pack("<IH", 8, 65535) + bytes(200)
LYING = charx(v3()).replace(struct.pack("<I", len(json.dumps(v3()))), b"\xf0\xff\xff\xff")
OUTSIDE = {"../../out.txt": b"out", "/tmp/out.txt": b"out", "C:\\out.txt": b"out"}
HARM: dict[str, tuple[bytes | Callable[[Path], None], str]] = {
    "a zip bomb.charx": (zipped("card.json", 1 << 27), "is larger than 18 MiB"),
    "a face that is a zip bomb.charx": (zipped("joy.png", 1 << 26, FACE), "is larger than 16 MiB"),
    "a zip packed otherwise.charx": (zipped("card.json", 1 << 20, kind=zipfile.ZIP_LZMA), "cards do not use"),
    "a zip of 25000 files.charx": (listing(25_000), "more files than any card"),
    "a zip with two indexes.charx": (with_zip64(charx(v3())), "more files than any card"),
    "a zip without its end.charx": (charx(v3())[:-30], "its end is missing"),
    "a zip that says it is 4 GiB.charx": (
        charx(v3()).replace(struct.pack("<I", len(json.dumps(v3()))), b"\xf0\xff\xff\xff"),
        "",
    ),
    "paths that lead out.charx": (
        charx(v3(), {"../../out.txt": b"out", "/tmp/out.txt": b"out", "C:\\out.txt": b"out"}),
        "",
    ),
    "a face outside.charx": (charx(FACE.replace(b"joy.png", b"../../../../etc/passwd")), "is not in the file"),
    "a chunk of 100 MB.png": (
        sparse(MAGIC + struct.pack(">I4s", 100_000_000, b"tEXt") + b"chara\0", 100_000_000),
        "larger than 18 MiB",
    ),
    "a chunk of 4 GiB.png": (
        MAGIC + struct.pack(">I4s", 0xFFFFFFFF, b"tEXt") + b"chara\0e30=",
        "cut off within its card",
    ),
    "a packed chunk of 100 MB.png": (
        png(chunk(b"zTXt", b"chara\0\0" + bomb(100 << 20))),
        "larger than 18 MiB",
    ),
    "200000 chunks.png": (MAGIC + chunk(b"tEXt", b"a\0") * 200_000, "more chunks than any picture"),
    "a keyword without an end.png": (png(chunk(b"tEXt", b"k" * 100_000)), "without a card"),
    "nested 100000 deep.json": (named(b"[" * 100_000), "nested more than 64 deep"),
    "nested 100000 deep and closed.json": (named(b"[" * 100_000 + b"]" * 100_000), "nested more than 64 deep"),
    "nested tables.json": (b'{"a":' * 100_000, "nested more than 64 deep"),
    "nested 900 deep.json": (named(b"[" * 900 + b"]" * 900), "nested more than 64 deep"),
    "nested in a chunk.png": (png(text("chara", base64.b64encode(named(b"[" * 100_000)))), "nested more than 64 deep"),
    "1e999.json": (named(b"1e999"), "has the number 1e999"),
    "NaN.json": (named(b"NaN"), "has the number NaN"),
    "infinite.json": (named(b"-Infinity"), "has the number -Infinity"),
    "a number of 10000 digits.json": (named(b"9" * 10_000), "thousands of digits"),
    "8 million tables.json": (named(b"[" + b"{}," * 8_000_000 + b"0]"), "is larger than|more values than any card"),
    "many small lists.json": (named(b"[" + b"[]," * 140_000 + b"0]"), ""),
    "many keys.json": (named(b"{" + b",".join(b'"%d":0' % at for at in range(450_000)) + b"}"), ""),
    "20 MiB of wide letters.json": (named(b'"' + b"x" * (20 << 20) + "🐦".encode() + b'"'), "6 MiB with letters"),
    "6 MB of wide letters.json": (wide(6_000_000), ""),
    "18 MB of narrow letters.json": (b'{"name": "W", "description": "' + b"x" * 18_000_000 + b'"}', ""),
    "30 MiB.json": (sparse(b'{"name": "', 30 << 20, b'"}'), "is larger than 18 MiB"),
    "larger than is read.png": (sparse(MAGIC, 600 << 20), "larger than 512 MiB"),
    "laughs.yaml": (b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\nname: Wren", "refers to parts of itself"),
    "nested.yaml": (b"name: " + b"[" * 100_000, "nested more than 64 deep"),
    "nested lists.yaml": (b"name:\n " + b"- " * 100_000, "nested more than 64 deep"),
    "nested tables.yaml": (b"".join(b" " * at + b"a:\n" for at in range(1000)), "nested more than 64 deep"),
    "2 MiB.yaml": (b"name: " + b"x" * (2 << 20), "is larger than 1 MiB"),
    "an object.yaml": (b"name: !!python/object/apply:os.system ['touch /tmp/harm']", ""),
    "dotted.toml": (b"name = 'W'\n" + b"a." * 20_000 + b"a = 1", "nested more than 64 deep"),
    "nested.toml": (b"name = " + b"[" * 100_000, "nested more than 64 deep"),
    "infinite.toml": (b"name = 'W'\na = inf", "has the number inf"),
    "a loop.webp": (webp(EXIF=LOOP), "without a card"),
    "a directory of 65535 entries.webp": (
        webp(EXIF=b"II*\0" + struct.pack("<IH", 8, 65535) + bytes(200)),
        "without a card",
    ),
    "metadata of 4 GiB.webp": (b"RIFF\xff\xff\xff\xffWEBPEXIF\xf0\xff\xff\xff", "larger than 18 MiB"),
    "many beginnings.webp": (webp(**{"XMP ": b"<chara " * 500_000}), "without a card"),
    "empty segments.jpg": (b"\xff\xd8" + b"\xff\xe0\0\0" * 100_000, "without a card"),
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What a process of its own says of every harmful file, and how much memory and time it took."""
    place = tmp_path_factory.mktemp("harm")
    (place / "cards").mkdir()
    for name, (content, _) in HARM.items():
        if isinstance(content, bytes):
            put(place / "cards", name, content)
        else:
            content(place / "cards" / name)
    before = sorted(path.name for path in place.rglob("*"))
    command = [sys.executable, str(ROOT / "tests" / "persona" / "hostile.py"), str(place / "cards")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=place, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert sorted(path.name for path in place.rglob("*")) == before
    return {line["file"]: line for line in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", HARM)
def test_a_harmful_card_is_one_sentence(told: dict[str, dict[str, Any]], name: str) -> None:
    says = told[name]["says"]
    assert any(part in says for part in HARM[name][1].split("|")) if HARM[name][1] else True
    assert "\n" not in says and len(says) < 400
    assert told[name]["seconds"] < MOST_SECONDS


def test_no_harmful_card_takes_more_than_200_mib(told: dict[str, dict[str, Any]]) -> None:
    assert len(told) == len(HARM)
    assert max(line["mib"] for line in told.values()) < MOST_MIB
    assert not Path("/tmp/harm").exists() and not Path("/tmp/out.txt").exists()


@pytest.mark.parametrize("kind", ["png", "charx", "json"])
def test_atheris_finds_nothing(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("atheris", reason="pip install atheris, where there is a wheel for it")
    (tmp_path / "corpus").mkdir()
    ends = {"png": (".png",), "charx": (".charx",), "json": (".json",), "picture": (".webp", ".jpg")}
    for number, (name, seed) in enumerate(SEEDS.items()):
        if name.endswith(ends[kind]):
            put(tmp_path / "corpus", str(number), seed)
    command = [sys.executable, str(ROOT / "tests" / "persona" / "fuzz_cards.py"), kind, "corpus"]
    bounds = ["-max_total_time=1", "-timeout=5", "-rss_limit_mb=400", "-max_len=20000", "-verbosity=0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [*command, *bounds], capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=60
    )
    assert done.returncode == 0, done.stderr[-3000:]
