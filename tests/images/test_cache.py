"""The cache: second runs read nothing, content decides, nothing broken stays, a full disk is a sentence."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from PIL import Image

from netvet.base.errors import BadInput
from netvet.images import cache, store
from netvet.images.cache import Pack, open_pack, subset
from netvet.images.decode import decode


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NETVET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def render(root: Path, count: int, start: int = 0) -> list[str]:
    """PNG files of one colour each, which tells where a row came from: file i is (i, i // 256, 7)."""
    root.mkdir(parents=True, exist_ok=True)
    files = []
    for i in range(start, start + count):
        files.append(str(root / f"{i:05d}.png"))
        Image.new("RGB", (10, 12), (i % 256, i // 256, 7)).save(files[-1])
    return files


def colours(pack: Pack) -> list[int]:
    return [int(image[0, 0, 0]) + 256 * int(image[0, 0, 1]) for image in pack.images]


def no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> NoReturn:
        raise AssertionError("decoded again")

    monkeypatch.setattr(cache, "decode", refuse)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows by one with each file that is decoded."""
    done: list[int] = []

    def count(data: bytes, image_size: int) -> store.Images:
        done.append(1)
        return decode(data, image_size)

    monkeypatch.setattr(cache, "decode", count)
    return done


def no_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> NoReturn:
        raise AssertionError("read again")

    monkeypatch.setattr(cache, "read", refuse)


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.suffix == ".tmp"]


def test_images_come_in_the_order_of_the_files(tmp_path: Path) -> None:
    files = render(tmp_path / "data", 300)  # several units of work
    pack = open_pack("x", files, 8)
    assert colours(pack) == list(range(300))
    assert pack.images.shape == (300, 8, 8, 3)
    assert isinstance(pack.images, np.memmap)
    assert not pack.images.flags.writeable
    assert pack.kept.tolist() == list(range(300))
    assert len(set(pack.digests)) == 300


def test_a_second_run_reads_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [*render(tmp_path / "data", 5), str(tmp_path / "zero.png"), str(tmp_path / "text.jpg")]
    Path(files[5]).touch()
    Path(files[6]).write_text("hello")
    first = open_pack("x", files, 8)
    no_reading(monkeypatch)
    second = open_pack("x", files, 8)
    assert first.reasons == second.reasons == {5: "zero bytes", 6: "not an image"}
    np.testing.assert_array_equal(first.images, second.images)


def test_a_missing_file_is_looked_for_each_time(tmp_path: Path) -> None:
    files = [*render(tmp_path / "data", 3), str(tmp_path / "data" / "00003.png")]
    assert open_pack("x", files, 8).reasons == {3: "missing"}
    assert open_pack("x", files, 8).reasons == {3: "missing"}
    render(tmp_path / "data", 1, start=3)
    assert colours(open_pack("x", files, 8)) == [0, 1, 2, 3]


def test_new_files_are_decoded_and_known_rows_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = render(tmp_path / "data", 10)
    open_pack("x", files, 8)
    decoded = counted(monkeypatch)
    files = [*render(tmp_path / "data", 2, start=10), *reversed(files)]
    assert colours(open_pack("x", files, 8)) == [10, 11, *range(9, -1, -1)]
    assert len(decoded) == 2


def test_a_changed_file_is_decoded_again(tmp_path: Path) -> None:
    files = render(tmp_path / "data", 3)
    open_pack("x", files, 8)
    time.sleep(0.02)
    Image.new("RGB", (10, 12), (99, 0, 7)).save(files[1])
    assert colours(open_pack("x", files, 8)) == [0, 99, 2]


def test_a_touched_file_is_not_decoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = render(tmp_path / "data", 3)
    open_pack("x", files, 8)
    os.utime(files[1], (1, 1))
    no_decoding(monkeypatch)
    assert colours(open_pack("x", files, 8)) == [0, 1, 2]
    no_reading(monkeypatch)
    assert colours(open_pack("x", files, 8)) == [0, 1, 2]


def test_sizes_have_their_own_packs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = render(tmp_path / "data", 3)
    assert open_pack("x", files, 8).images.shape == (3, 8, 8, 3)
    assert open_pack("x", files, 9).images.shape == (3, 9, 9, 3)
    no_reading(monkeypatch)
    assert open_pack("x", files, 8).images.shape == (3, 8, 8, 3)


def test_equal_files_are_both_there(tmp_path: Path) -> None:
    files = render(tmp_path / "data", 2)
    copy = tmp_path / "copy.png"
    copy.write_bytes(Path(files[0]).read_bytes())
    assert colours(open_pack("x", [*files, str(copy)], 8)) == [0, 1, 0]


def test_no_readable_file_at_all(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "a.png").touch()
    for _run in range(2):
        pack = open_pack("x", [str(tmp_path / "a.png"), str(tmp_path / "b.png")], 8)
        assert pack.images.shape == (0, 8, 8, 3)
        assert pack.reasons == {0: "zero bytes", 1: "missing"}
    assert leftovers(folder) == []


def test_a_subset_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = open_pack("x", render(tmp_path / "data", 300), 8)
    no_decoding(monkeypatch)
    rows = np.arange(1, 300, 2)
    images = subset(pack, rows)
    assert isinstance(images, np.memmap)
    np.testing.assert_array_equal(images, pack.images[rows])
    np.testing.assert_array_equal(subset(pack, rows), images)


@pytest.mark.parametrize("damage", ["truncate", "text", "delete", "json"])
def test_a_damaged_cache_is_made_anew(tmp_path: Path, folder: Path, damage: str) -> None:
    files = render(tmp_path / "data", 4)
    open_pack("x", files, 8)
    (pack,) = folder.glob("packs/*.npy")
    (about,) = folder.glob("packs/*.json")
    (index,) = folder.glob("sources/*.json")
    if damage == "truncate":
        pack.write_bytes(pack.read_bytes()[:-50])
    elif damage == "text":
        pack.write_text("nothing")
    elif damage == "delete":
        pack.unlink()
    else:
        about.write_text("{")
        index.write_text('{"files": 3}')
    assert colours(open_pack("x", files, 8)) == [0, 1, 2, 3]


def test_a_full_disk_is_a_sentence(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = render(tmp_path / "data", 4)

    def full(_writer: store.Writer, _images: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(store.Writer, "write", full)
        with pytest.raises(BadInput, match=r"is full.*NETVET_CACHE") as caught:
            open_pack("x", files, 8)
    assert str(folder) in str(caught.value)
    assert leftovers(folder) == []
    assert list(folder.rglob("*.npy")) == []


def test_too_little_room_is_said_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = render(tmp_path / "data", 2)
    no_decoding(monkeypatch)
    with pytest.raises(BadInput, match=r"need \d{6,} MB"):
        open_pack("x", files * 1000, 30000)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_fills_while_it_is_written(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = render(tmp_path / "data", 4)
    real = Path.open
    monkeypatch.setattr(
        Path, "open", lambda path, mode="r": real(Path("/dev/full") if path.suffix == ".tmp" else path, mode)
    )
    with pytest.raises(BadInput, match="is full"):
        open_pack("x", files, 64)


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NETVET_CACHE", str(tmp_path / "file"))
    with pytest.raises(BadInput, match="set NETVET_CACHE to a writable folder"):
        open_pack("x", render(tmp_path / "data", 1), 8)


def test_an_interrupt_leaves_nothing(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = render(tmp_path / "data", 200)
    real = store.Writer.write
    written: list[int] = []

    def interrupted(writer: store.Writer, images: store.Images) -> None:
        written.append(len(images))
        if len(written) == 2:
            raise KeyboardInterrupt
        real(writer, images)

    with monkeypatch.context() as patch:
        patch.setattr(store.Writer, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            open_pack("x", files, 8)
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert colours(open_pack("x", files, 8)) == list(range(200))


def test_two_runs_at_once(tmp_path: Path, folder: Path) -> None:
    files = render(tmp_path / "data", 400)
    code = (
        "import sys; from netvet.images.cache import open_pack; import numpy as np;"
        "p = open_pack('x', sys.argv[1:], 8); print(int(np.asarray(p.images, dtype=np.int64).sum()), len(p.kept))"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", code, *files], stdout=subprocess.PIPE, text=True, env=_environment())
        for _run in range(3)
    ]
    said = {run.communicate(timeout=60)[0] for run in runs}
    assert [run.returncode for run in runs] == [0, 0, 0]
    assert len(said) == 1
    assert said.pop().split()[1] == "400"
    assert len(list(folder.glob("packs/*.npy"))) == 1
    assert leftovers(folder) == []


def test_a_killed_run_leaves_no_pack(tmp_path: Path, folder: Path) -> None:
    files = render(tmp_path / "data", 200)
    code = (
        "import os, sys, signal; from netvet.images import store; from netvet.images.cache import open_pack\n"
        "store.Writer.finish = lambda *a: os.kill(os.getpid(), signal.SIGKILL)\n"
        "open_pack('x', sys.argv[1:], 8)"
    )
    assert subprocess.run([sys.executable, "-c", code, *files], env=_environment(), check=False).returncode != 0
    assert list(folder.rglob("*.npy")) == []
    assert colours(open_pack("x", files, 8)) == list(range(200))
    for path in folder.rglob("*.tmp"):
        os.utime(path, (1, 1))
    render(tmp_path / "data", 1, start=0)
    open_pack("y", files[:50], 8)  # what is written next clears away what was abandoned
    assert leftovers(folder) == []


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def test_packs_that_nobody_uses_go(tmp_path: Path, folder: Path) -> None:
    old, used = render(tmp_path / "data", 3), render(tmp_path / "other", 3, start=50)
    open_pack("old", old, 8)
    open_pack("used", used, 8)
    for path in folder.glob("packs/*"):
        os.utime(path, (1, 1))
    open_pack("used", used, 8)
    open_pack("new", render(tmp_path / "new", 3, start=90), 8)
    assert len(list(folder.glob("packs/*.npy"))) == len(list(folder.glob("packs/*.json"))) == 2


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NETVET_CACHE", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert store.folder() == tmp_path
    monkeypatch.delenv("NETVET_CACHE")
    assert store.folder() == Path("/elsewhere/netvet")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: Path("/home/me"))
    assert store.folder() == Path("/home/me/.cache/netvet")


def test_no_bar_in_a_pipe(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    open_pack("x", render(tmp_path / "data", 3), 8, progress=True)
    assert capfd.readouterr() == ("", "")


def test_a_bar_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    open_pack("x", render(tmp_path / "data", 3), 8, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Decoding images" in err


def test_units_wait_for_the_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays flat: no more units are decoded ahead than the window has."""
    files = render(tmp_path / "data", 10) * 200
    started = counted(monkeypatch)
    written: list[int] = []
    slow = store.Writer.write

    def write(writer: store.Writer, images: store.Images) -> None:
        time.sleep(0.01 if written else 1)
        written.append(len(images))
        ahead.append(len(started) - sum(written))
        slow(writer, images)

    ahead: list[int] = []
    monkeypatch.setattr(store.Writer, "write", write)
    open_pack("x", files, 8)
    assert sum(written) == 2000
    assert max(ahead) <= 64 * (3 * cache._workers() + 1)


def test_a_file_without_permission(tmp_path: Path) -> None:
    files = render(tmp_path / "data", 3)
    Path(files[1]).chmod(0)
    try:
        if os.access(files[1], os.R_OK):
            pytest.skip("this user may read everything")
        for _run in range(2):
            pack = open_pack("x", files, 8)
            assert pack.reasons == {1: "cannot be read: Permission denied"}
            assert colours(pack) == [0, 2]
    finally:
        Path(files[1]).chmod(0o600)
