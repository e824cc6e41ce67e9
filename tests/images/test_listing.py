"""What folders and CSV files are taken to mean, and the sentences for those that mean nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from netvet.base.errors import BadInput
from netvet.images.listing import list_source, read_paths


def touch(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def csv(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def complaint(source: Path | str) -> str:
    with pytest.raises(BadInput) as caught:
        list_source(str(source))
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def test_a_folder_of_class_folders(tmp_path: Path) -> None:
    touch(tmp_path, "perch/b.jpg", "perch/a.png", "perch/deep/er/c.gif", "pike/x.JPEG", "pike/no_ending")
    listing = list_source(str(tmp_path))
    assert listing.paths == ("perch/a.png", "perch/b.jpg", "perch/deep/er/c.gif", "pike/no_ending", "pike/x.JPEG")
    assert listing.labels == ("perch", "perch", "perch", "pike", "pike")
    assert listing.split is None
    assert listing.files[0] == str(tmp_path / "perch/a.png")
    assert listing.notes == ()


def test_what_is_no_image_is_passed_over(tmp_path: Path) -> None:
    touch(
        tmp_path, "a/1.jpg", "a/Thumbs.db", "a/.DS_Store", "a/notes.txt", ".git/x.jpg", "__MACOSX/a/._1.jpg", "b/2.jpg"
    )
    touch(tmp_path, "NOTICE.txt", "a/.hidden/3.jpg")
    assert list_source(str(tmp_path)).paths == ("a/1.jpg", "b/2.jpg")


def test_folders_named_as_splits(tmp_path: Path) -> None:
    touch(tmp_path, "Train/a/1.jpg", "Train/b/2.jpg", "valid/a/3.jpg", "test/b/4.jpg", "test/5.jpg", "extra/a/6.jpg")
    listing = list_source(str(tmp_path))
    assert dict(zip(listing.paths, listing.split or (), strict=True)) == {
        "Train/a/1.jpg": 0,
        "Train/b/2.jpg": 0,
        "valid/a/3.jpg": 1,
        "test/b/4.jpg": 2,
    }
    assert listing.labels == ("a", "b", "b", "a")
    assert any("extra" in note for note in listing.notes)
    assert any("test/5.jpg" in note for note in listing.notes)


def test_a_class_may_be_named_train(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.jpg", "bus/2.jpg")
    listing = list_source(str(tmp_path))
    assert listing.labels == ("bus", "train")
    assert listing.split is None


def test_class_names_survive(tmp_path: Path) -> None:
    names = ["<script>alert(1)<", "fish, red", "ikan mas", "魚", "Größe", "a'b\"c"]
    for name in names:
        touch(tmp_path, f"{name}/1.jpg")
    assert sorted(set(list_source(str(tmp_path)).labels)) == sorted(names)


def test_both_ways_to_write_an_accent_are_one_class(tmp_path: Path) -> None:
    touch(tmp_path, "train/caf\u00e9/1.jpg", "train/b/1.jpg", "val/cafe\u0301/2.jpg")
    assert set(list_source(str(tmp_path)).labels) == {"caf\u00e9", "b"}


def test_a_file_name_that_is_no_text(tmp_path: Path) -> None:
    touch(tmp_path, "b/1.jpg")
    try:
        touch(tmp_path, b"a/caf\xe9.jpg".decode("utf-8", "surrogateescape"))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    listing = list_source(str(tmp_path))
    assert listing.paths[0] == "a/caf\ufffd.jpg"
    assert Path(listing.files[0]).exists()


def test_linked_folders_are_followed_but_in_no_circle(tmp_path: Path) -> None:
    touch(tmp_path, "data/a/1.jpg", "elsewhere/2.jpg")
    (tmp_path / "data/a/self").symlink_to(tmp_path / "data/a")
    (tmp_path / "data/b").symlink_to(tmp_path / "elsewhere")
    assert list_source(str(tmp_path / "data")).paths == ("a/1.jpg", "b/2.jpg")


def test_a_csv_with_all_columns(tmp_path: Path) -> None:
    text = "\ufeffPath, Label ,group,site,split\nx/1.jpg,perch,t1,north,train\n"
    text += './x/2.jpg,"pike, big",,south,VALID\n\nx/3.jpg,perch,t2\n'
    listing = list_source(csv(tmp_path / "fish.csv", text))
    assert listing.paths == ("x/1.jpg", "x/2.jpg", "x/3.jpg")
    assert listing.labels == ("perch", "pike, big", "perch")
    assert listing.columns == {"group": ("t1", "", "t2"), "site": ("north", "south", "")}
    assert listing.split == (0, 1, -1)
    assert listing.files[0] == str(tmp_path / "x/1.jpg")


def test_a_manifest_in_the_folder_is_used(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "b/2.jpg")
    csv(tmp_path / "manifest.csv", "path;label\na/1.jpg;one\n")
    assert list_source(str(tmp_path)).labels == ("one",)


def test_an_empty_split_column_is_none(tmp_path: Path) -> None:
    assert list_source(csv(tmp_path / "m.csv", "path,label,split\na,b,\nc,d,\n")).split is None


def test_rows_listed_twice(tmp_path: Path) -> None:
    listing = list_source(csv(tmp_path / "m.csv", "path,label\na,x\n./a,x\nb,x\nb,y\nc,y\nd,\n"))
    assert listing.paths == ("a", "c")
    assert listing.rejected == {"b": "listed twice with different labels", "d": "no label"}
    assert "more than once" in listing.notes[0]


def test_backslashes_in_a_csv(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg")
    listing = list_source(csv(tmp_path / "m.csv", "path,label\na\\1.jpg,x\n"))
    assert listing.paths == ("a/1.jpg",)
    assert Path(listing.files[0]).exists()


def test_sources_that_cannot_be_used(tmp_path: Path) -> None:
    assert "does not exist" in complaint(tmp_path / "absent")
    assert "does not exist" in complaint("bad\0name")
    assert "holds no images" in complaint(tmp_path)
    touch(tmp_path / "flat", "1.jpg", "2.jpg")
    assert "no class folders" in complaint(tmp_path / "flat")
    touch(tmp_path / "outer", "inner/a/1.jpg", "inner/b/2.jpg")
    assert str(tmp_path / "outer/inner") in complaint(tmp_path / "outer")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "no column path and label"),
        ("file,label\na,b\n", "no column path:"),
        ("path,species\na,b\n", "no column label"),
        ("path,label\n", "lists no images"),
        ("path,label\n,x\n", "line 2"),
        ("path,label,split\na,x,train\nb,x,holdout\n", "line 3: the split 'holdout'"),
        ('path,label\n"a,x\n', "is not a CSV that can be read"),
    ],
)
def test_csv_files_that_cannot_be_used(tmp_path: Path, text: str, part: str) -> None:
    assert part in complaint(csv(tmp_path / "m.csv", text))


def test_a_csv_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes("path,label\na,Größe\n".encode("latin-1"))
    assert "UTF-8" in complaint(tmp_path / "m.csv")
    (tmp_path / "p.zip").write_bytes(b"PK\x03\x04\xff\xfe")
    assert "UTF-8" in complaint(tmp_path / "p.zip")


def test_lists_of_paths(tmp_path: Path) -> None:
    assert read_paths(csv(tmp_path / "e.csv", "path,why\n./a/1.jpg,blur\n")) == {"a/1.jpg": ""}
    assert read_paths(csv(tmp_path / "r.csv", "label,path\nx,a\n"), label=True) == {"a": "x"}
    for name, text in (
        ("absent.csv", None),
        ("e2.csv", "path\n"),
        ("r2.csv", "path,label\na,\n"),
        ("r3.csv", "path\na\n"),
    ):
        if text is not None:
            csv(tmp_path / name, text)
        if name == "e2.csv":
            assert read_paths(str(tmp_path / name)) == {}
            continue
        with pytest.raises(BadInput):
            read_paths(str(tmp_path / name), label=True)
