import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avatar.animation import Animation, encode
from avatar.picture import PortraitError, to_png
from avatar.shelf import Face, Shelf, avatar_bytes, key_of, write_whole

ROOT = Path(__file__).parents[2]


def png(colour: str = "teal", side: int = 16) -> bytes:
    return to_png(Image.new("RGB", (side, side), colour))


def test_what_is_put_is_got_and_named_by_its_content(tmp_path: Path) -> None:
    shelf, key = Shelf(tmp_path / "shelf"), key_of(expression="joy")
    assert shelf.get(key) is None
    shelved = shelf.put(key, png())
    assert shelf.get(key) == shelved
    assert shelved.path.read_bytes() == png() and shelved.sha256 == hashlib.sha256(png()).hexdigest()


def test_the_key_depends_on_every_name_and_value_and_not_on_their_order() -> None:
    keys = {key_of(a=1, b="x"), key_of(a=1, b="y"), key_of(a=2, b="x"), key_of(a="1", b="x"), key_of(b=1, a="x")}
    assert len(keys) == 5
    assert key_of(a=1, b="x") == key_of(b="x", a=1)


def test_faces_and_animations_are_counted_apart_also_those_in_memory(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    moving = encode(Animation(frames, [100, 100]), ".png")
    shelf = Shelf(tmp_path / "shelf")
    assert shelf.stock() == (0, 0)
    for number, content in enumerate((png(), png("gold"), moving)):
        shelf.put(key_of(number=number), content)
    (tmp_path / "shelf" / "masks").mkdir()
    (tmp_path / "shelf" / "masks" / "proposal.png").write_bytes(png())
    assert shelf.stock() == (2, 1)
    (tmp_path / "file").write_bytes(b"no folder")
    aside = Shelf(tmp_path / "file")
    aside.put(key_of(number=1), moving)
    assert aside.stock() == (0, 1)


@pytest.mark.parametrize("damage", [lambda b: b[:40], lambda b: b"", lambda b: b[:-9] + b"!" + b[-8:]])
def test_a_damaged_face_is_dropped(tmp_path: Path, damage) -> None:
    shelf, key = Shelf(tmp_path), key_of(expression="joy")
    shelved = shelf.put(key, png())
    shelved.path.write_bytes(damage(shelved.path.read_bytes()))
    assert shelf.get(key) is None and not shelved.path.exists()
    assert shelf.put(key, png()) == shelf.get(key) == shelved


def test_the_face_unused_for_longest_leaves_first(tmp_path: Path) -> None:
    faces = {name: png(name, 64) for name in ("red", "green", "blue", "white")}
    shelf = Shelf(tmp_path, max_bytes=3 * len(faces["red"]) + 20)
    keys = {name: key_of(expression=name) for name in faces}
    for age, name in enumerate(("red", "green", "blue")):
        os.utime(shelf.put(keys[name], faces[name]).path, (1000 + age, 1000 + age))
    shelf.get(keys["red"])  # worn again: no longer the oldest
    shelf.put(keys["white"], faces["white"])
    assert [name for name in faces if shelf.get(keys[name])] == ["red", "blue", "white"]


def test_a_face_larger_than_the_shelf_is_kept_until_the_next(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, max_bytes=10)
    shelf.put(key_of(n=1), png("red"))
    assert shelf.get(key_of(n=1))
    shelf.put(key_of(n=2), png("blue"))
    assert shelf.get(key_of(n=1)) is None and shelf.get(key_of(n=2))


def test_leftovers_of_a_killed_process_are_swept_and_those_of_a_live_one_are_not(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    drawer = shelf.put(key_of(n=1), png()).path.parent
    (drawer / ".old.1.aa").write_bytes(b"half")
    os.utime(drawer / ".old.1.aa", (1000, 1000))
    (drawer / ".new.2.bb").write_bytes(b"half")
    shelf.put(key_of(n=1), png())
    assert not (drawer / ".old.1.aa").exists() and (drawer / ".new.2.bb").exists()


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    write_whole(tmp_path / "a" / "face.png", b"one")
    write_whole(tmp_path / "a" / "face.png", b"two")
    assert [path.read_bytes() for path in (tmp_path / "a").iterdir()] == [b"two"]


PROCESS = """
import sys
import tempfile
from pathlib import Path
from PIL import Image
from avatar.picture import to_png
from avatar.shelf import Shelf, key_of
shelf = Shelf(Path(sys.argv[1]), max_bytes=int(sys.argv[2]))
pngs = [to_png(Image.new("RGB", (48, 48), (n, n, n))) for n in range(20)]
for turn in range(6):
    for n, png in enumerate(pngs):
        found = shelf.get(key_of(n=n))
        if found is None:
            shelf.put(key_of(n=n), png)
"""


@pytest.mark.parametrize("room", [1 << 20, 1000])
def test_processes_may_share_a_shelf(tmp_path: Path, room: int) -> None:
    """With much room and with so little that each takes away what the others just put there."""
    command = [sys.executable, "-c", PROCESS, str(tmp_path), str(room)]
    processes = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) for _ in range(3)]
    assert [process.communicate()[1].decode() for process in processes] == ["", "", ""]
    assert [process.returncode for process in processes] == [0, 0, 0]
    files = list(tmp_path.glob("??/*"))
    assert all(path.suffix == ".png" for path in files)
    assert all(path.stem.split("-")[1] == hashlib.sha256(path.read_bytes()).hexdigest() for path in files)


def face(path: Path, focus: tuple[float, float] = (0.5, 0.5)) -> Face:
    return Face(path, "", "joy", painted=False, focus=focus)


def test_a_small_square_png_goes_to_discord_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(side=512))
    assert avatar_bytes(face(tmp_path / "a.png")) == png(side=512)


def test_a_wide_picture_becomes_a_square_around_its_focus(tmp_path: Path) -> None:
    picture = Image.new("RGB", (900, 300), "white")
    picture.paste((255, 0, 0), (600, 0, 900, 300))
    picture.save(tmp_path / "a.png")
    with Image.open(io.BytesIO(avatar_bytes(face(tmp_path / "a.png", (0.9, 0.5))))) as square:
        assert square.size == (300, 300) and square.getcolors() == [(90_000, (255, 0, 0))]


def test_even_noise_becomes_less_than_a_megabyte(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1100, 4), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    content = avatar_bytes(face(tmp_path / "a.png"))
    with Image.open(io.BytesIO(content)) as square:
        assert square.width == square.height <= 512 and square.mode == "RGBA"
    assert len(content) < 1_000_000


def test_a_base_picture_in_another_format_becomes_a_png(tmp_path: Path) -> None:
    Image.new("P", (40, 40)).save(tmp_path / "a.gif")
    with Image.open(io.BytesIO(avatar_bytes(face(tmp_path / "a.gif")))) as square:
        assert square.format == "PNG" and square.size == (40, 40)


def test_an_animated_base_picture_is_posted_as_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    with Image.open(io.BytesIO(avatar_bytes(face(tmp_path / "a.png")))) as square:
        assert not getattr(square, "is_animated", False) and square.getcolors() == [(32 * 32, (255, 0, 0))]


def test_a_face_that_is_no_picture_any_more_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"gone bad")
    with pytest.raises(PortraitError, match="not a picture"):
        avatar_bytes(face(tmp_path / "a.png"))


# --- a shelf that cannot be written ---------------------------------------------------------------------------------

FULL = """
import logging, os, sys
from pathlib import Path
from PIL import Image
from avatar.picture import to_png
from avatar.shelf import Shelf, ShelfFull, key_of
logging.basicConfig(format="%(message)s")
shelf, kept = Shelf(Path(sys.argv[1])), []
pngs = [to_png(Image.effect_noise((160, 160), 60 + n)) for n in range(6)]
{limit}
for n, png in enumerate(pngs):
    try:
        put = shelf.put(key_of(n=n), png)
    except ShelfFull as error:
        put = None
        print(error, file=sys.stderr)
    assert put is None or put.path.read_bytes() == png, n
    assert put == shelf.get(key_of(n=n)), n
    kept.append("none" if put is None else "shelf" if put.path.is_relative_to(sys.argv[1]) else "memory")
print(*kept)
"""
FILE_LIMIT = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))"
NOBODY = "os.geteuid() or os.seteuid(65534)"


def kept_where(folder: Path, limit: str = "", before: str = "") -> tuple[list[str], list[str], list[str]]:
    """Where each of six faces is kept by a process of its own; what it logs; the files in the folder afterwards.

    limit: Python that the process runs before it puts the first; before: a shell command that prepares its folder, in
    a name space of its own.
    """
    script = FULL.format(limit=limit)
    command = [sys.executable, "-c", script, str(folder)]
    if before:
        shell = f'{before} && "$@" && find {folder} -name "*.png" -o -name ".*.*" >&2'
        command = ["unshare", "-rm", "sh", "-c", shell, "sh", *command]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if before and "unshare" in done.stderr:
        pytest.skip(f"this machine lets nobody mount a small disk ({done.stderr.strip()})")
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if not line.startswith(str(folder) + "/")]
    files = [line for line in done.stderr.splitlines() if line.startswith(str(folder) + "/")]
    return done.stdout.split(), said, files or [str(path) for path in folder.glob("*/*")]


def test_where_the_disk_is_full_faces_are_kept_in_memory_and_that_is_said_once(tmp_path: Path) -> None:
    """A real disk of 96 KB, with room for two faces of about 26 KB beside the folders."""
    kept, said, files = kept_where(tmp_path, before=f"mount -t tmpfs -o size=96k none {tmp_path}")
    on_disk = kept.count("shelf")
    assert 1 <= on_disk <= 3 and kept == ["shelf"] * on_disk + ["memory"] * (6 - on_disk)
    assert len(said) == 1 and "takes no faces (No space left on device)" in said[0]
    assert len(files) == on_disk and all(name.endswith(".png") for name in files), "nothing half-written stays"


def test_where_nothing_at_all_can_be_written_there_is_no_face_and_a_sentence(tmp_path: Path) -> None:
    """A limit on the size of any file stands for a disk and a memory that are both full."""
    kept, said, files = kept_where(tmp_path, limit=FILE_LIMIT)
    assert kept == ["none"] * 6 and files == []
    assert all("free some disk space" in line for line in said) and len(said) == 6


def test_a_shelf_that_may_only_be_read_shows_what_it_has(tmp_path: Path) -> None:
    """Another user's folder: what is on the shelf is worn, what is damaged stays, what is new is kept in memory."""
    folder = Path(tempfile.mkdtemp(prefix="mien-test-"))  # pytest's own folders are closed to other users
    try:
        shelf = Shelf(folder)
        old = shelf.put(key_of(n=100), png())
        damaged = shelf.put(key_of(n=101), png("red"))
        damaged.path.write_bytes(b"torn")
        for path in [folder, *folder.glob("*")]:
            path.chmod(0o555)
        limit = f"{NOBODY}; assert shelf.get({key_of(n=100)!r}); assert not shelf.get({key_of(n=101)!r})"
        kept, said, _ = kept_where(folder, limit=limit)
        assert kept == ["memory"] * 6 and len(said) == 1 and "Permission denied" in said[0]
        assert old.path.exists() and damaged.path.exists()
    finally:
        for path in [folder, *folder.glob("*")]:
            path.chmod(0o755)
        shutil.rmtree(folder)


def test_a_shelf_whose_place_is_taken_by_a_file_keeps_faces_in_memory(tmp_path: Path) -> None:
    (tmp_path / "shelf").write_bytes(b"a file where the folder should be")
    kept, said, _ = kept_where(tmp_path / "shelf")
    assert kept == ["memory"] * 6 and len(said) == 1 and "takes no faces" in said[0]


def test_the_folder_is_used_again_when_it_has_room(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "shelf"
    folder.write_bytes(b"in the way")
    shelf = Shelf(folder)
    aside = shelf.put(key_of(n=1), png("red"))
    folder.unlink()
    assert shelf.put(key_of(n=2), png("blue")).path.is_relative_to(folder)
    assert shelf.get(key_of(n=1)) == aside and len(caplog.messages) == 1
    shutil.rmtree(folder)
    folder.write_bytes(b"in the way again")
    shelf.put(key_of(n=3), png("green"))
    assert len(caplog.messages) == 2


def test_nothing_is_left_in_memory_when_the_process_ends(tmp_path: Path) -> None:
    (tmp_path / "shelf").write_bytes(b"")
    script = (
        "from pathlib import Path; from avatar.shelf import Shelf, key_of; "
        f"print(Shelf(Path({str(tmp_path / 'shelf')!r})).put(key_of(n=1), b'a face').path)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout and not Path(done.stdout.strip()).exists() and not Path(done.stdout.strip()).parents[1].exists()
