"""What a source holds: the files, labels, groups and given splits of a folder or a CSV, before anything is decoded."""

from __future__ import annotations

import csv
import os
import posixpath
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from netvet.base.errors import BadInput
from netvet.images.splits import TEST, TRAIN, VAL
from netvet.locale import _, later

SPLIT_NAMES = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VAL,
    "valid": VAL,
    "validation": VAL,
    "test": TEST,
    "testing": TEST,
}

# Files beside the images of a class that nobody means as images; any other is tried, whatever its name.
_NOT_IMAGES = frozenset(
    {
        ".txt", ".md", ".rst", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".toml", ".ini",
        ".cfg", ".db", ".sqlite", ".html", ".htm", ".pdf", ".doc", ".docx", ".xls", ".xlsx", ".py", ".ipynb",
        ".m", ".sh", ".bat", ".log", ".npy", ".npz", ".mat", ".pkl", ".h5", ".pt", ".pth", ".zip", ".gz",
        ".tar", ".tgz", ".7z", ".rar", ".url", ".lnk", ".part", ".tmp", ".bak", ".mp4", ".avi", ".mov", ".flv",
        ".mkv", ".wav", ".mp3", ".license", ".ds_store",
    }
)  # fmt: skip
_NOT_IMAGE_NAMES = frozenset({"thumbs.db", "desktop.ini", "license", "licence", "readme", "notice", "__macosx"})

_YES, _NO = frozenset({"yes", "y", "ya", "true", "1", "x"}), frozenset({"", "no", "n", "tidak", "false", "0"})
_ENDINGS = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"})


@dataclass(frozen=True)
class Listing:
    """The rows of a source, each a file with its label.

    Attributes:
        name: absolute path of the folder or CSV: the same from run to run.
        paths: as in the source, relative to it, with `/`; printable.
        files: what to open for each.
        labels: class name of each.
        columns: further columns of a CSV, each with a value for every row ("" where it is empty).
        split: given split of each (`splits.TRAIN`...), -1 where a row has none; None where the source gives none.
        rejected: path -> reason, of rows that are left out already.
        notes: sentences on what was passed over.
    """

    name: str
    paths: tuple[str, ...]
    files: tuple[str, ...]
    labels: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    split: tuple[int, ...] | None = None
    rejected: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def list_source(source: str) -> Listing:
    """The rows of a folder of class folders, of one of train/val/test folders, or of a CSV.

    Raises:
        BadInput: there is no such file or folder, or it holds nothing that can be read in this way.
    """
    path = Path(source).expanduser()
    try:
        kind = "folder" if path.is_dir() else "file" if path.is_file() else "absent"
    except (OSError, ValueError):
        kind = "absent"
    if kind == "absent":
        raise BadInput(
            _("{source} does not exist: give a folder of class folders, a CSV file, or reef.").format(source=source)
        )
    if kind == "file":
        return list_csv(path)
    if (path / "manifest.csv").is_file():
        return list_csv(path / "manifest.csv")
    return list_folder(path)


def list_folder(root: Path) -> Listing:
    """The images under a folder: one folder for each class, or such folders under train, val and test."""
    folders, loose = _children(root)
    parts = {name: SPLIT_NAMES[name.lower()] for name in folders if name.lower() in SPLIT_NAMES}
    inside = {name: _children(root / name) for name in parts}
    notes: list[str] = []
    rows: list[tuple[str, str, int]] = []  # path below the root, label, split
    if TRAIN in parts.values() and all(inside[name][0] for name, part in parts.items() if part == TRAIN):
        for name, part in parts.items():
            for label in inside[name][0]:
                rows += [(f"{name}/{label}/{path}", label, part) for path in _images(root / name / label)]
            loose += [f"{name}/{path}" for path in inside[name][1]]
        others = [name for name in folders if name not in parts]
        if others:
            notes.append(
                _("These folders next to train, val and test were left out: {names}.").format(
                    names=", ".join(_printable(name) for name in others)
                )
            )
        given = True
    else:
        for label in folders:
            rows += [(f"{label}/{path}", label, -1) for path in _images(root / label)]
        given = False
    if not rows:
        raise BadInput(_no_images(root, loose))
    if loose:
        notes.append(
            _("{n} images outside the class folders were left out, for example {path}.").format(
                n=len(loose), path=_printable(loose[0])
            )
        )
    labels = tuple(_class_name(label) for _path, label, _part in rows)
    if len(set(labels)) == 1:
        only = root / rows[0][0].split("/")[0]
        hint = _children(only)[0] if not given else []
        if len(hint) > 1:
            raise BadInput(
                _("{root} holds a single folder, {only}, which contains {n} folders: give {inner}.").format(
                    root=root, only=_printable(only.name), n=len(hint), inner=_printable(str(only))
                )
            )
    return Listing(
        name=str(root.resolve()),
        paths=tuple(_printable(path) for path, _label, _part in rows),
        files=tuple(str(root / path) for path, _label, _part in rows),
        labels=labels,
        split=tuple(part for _path, _label, part in rows) if given else None,
        notes=tuple(notes),
    )


def list_csv(path: Path) -> Listing:
    """The rows of a CSV with the columns path, label, and perhaps group, split and others; paths are relative to it."""
    header, table = _read_csv(path, needed=("path", "label"))
    where, what = header.index("path"), header.index("label")
    at_split = header.index("split") if "split" in header else None
    first: dict[str, list[str]] = {}
    rejected: dict[str, str] = {}
    repeated = 0
    for line, row in table:
        row = [cell.strip() for cell in row] + [""] * (len(header) - len(row))
        name = row[where]
        if not name:
            raise BadInput(
                _("{path} has no path in line {line}: fill it in or delete the line.").format(path=path, line=line)
            )
        if at_split is not None and row[at_split] and row[at_split].lower() not in SPLIT_NAMES:
            raise BadInput(
                _("{path}, line {line}: the split {split} is not one of train, val and test.").format(
                    path=path, line=line, split=repr(row[at_split])
                )
            )
        shown = _printable(name)
        if not row[what]:
            rejected[shown] = later("no label")
        elif shown in first:
            repeated += 1
            if first[shown][what] != row[what]:
                rejected[shown] = later("listed twice with different labels")
        else:
            first[shown] = row
    rows = [row for shown, row in first.items() if shown not in rejected]
    if not rows:
        raise BadInput(_("{path} lists no images with a label.").format(path=path))
    columns = {
        name: tuple(row[i] for row in rows)
        for i, name in enumerate(header)
        if name and name not in ("path", "label", "split")
    }
    split = tuple(SPLIT_NAMES.get(row[at_split].lower(), -1) for row in rows) if at_split is not None else None
    notes: tuple[str, ...] = ()
    if repeated:
        notes = (_("{path} lists {n} images more than once; each counts once.").format(path=path, n=repeated),)
    return Listing(
        name=str(path.resolve()),
        paths=tuple(_printable(row[where]) for row in rows),
        files=tuple(_file(path.parent, row[where]) for row in rows),
        labels=tuple(_class_name(row[what]) for row in rows),
        columns=columns,
        split=split if split is not None and any(part >= 0 for part in split) else None,
        rejected=rejected,
        notes=notes,
    )


def read_paths(path: str, *, label: bool = False) -> dict[str, str]:
    """Reads path -> label (or "") of a CSV that names images of a source to leave out or to give another label.

    Where there is a column `accept`, the rows count that say yes in it.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise BadInput(_("{path} does not exist: give a CSV file with a path column.").format(path=path))
    header, table = _read_csv(file, needed=("path", "label") if label else ("path",))
    found: dict[str, str] = {}
    for line, row in table:
        row = [cell.strip() for cell in row] + [""] * (len(header) - len(row))
        if "accept" in header and not _accepted(path, line, row[header.index("accept")]):
            continue
        name = row[header.index("path")]
        value = _class_name(row[header.index("label")]) if label else ""
        if not name or (label and not value):
            raise BadInput(_("{path}, line {line}: an entry is empty.").format(path=path, line=line))
        found[_printable(name)] = value
    return found


def _accepted(path: str, line: int, value: str) -> bool:
    if value.lower() in _YES:
        return True
    if value.lower() in _NO:
        return False
    raise BadInput(
        _("{path}, line {line}: accept is {value}; write yes, or leave it empty.").format(
            path=path, line=line, value=repr(value)
        )
    )


def _read_csv(path: Path, needed: Sequence[str]) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header in lower case, and the rows with their line numbers; empty lines are passed over."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(_("{path} is not a CSV in UTF-8: save it as UTF-8.").format(path=path)) from None
    except OSError as error:
        raise BadInput(_("{path} cannot be read: {problem}.").format(path=path, problem=error.strerror)) from None
    top = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=top.count)
    try:
        reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise BadInput(_("{path} is not a CSV that can be read: {problem}.").format(path=path, problem=error)) from None
    header = [cell.strip().lower() for cell in rows[0][1]] if rows else []
    missing = [name for name in needed if name not in header]
    if missing:
        raise BadInput(
            _("{path} has no column {missing}: its first line must name the columns {needed}; it is {found}.").format(
                path=path, missing=" and ".join(missing), needed=",".join(needed), found=repr(top.strip()[:80])
            )
        )
    return header, rows[1:]


def _file(base: Path, name: str) -> str:
    file = base / name
    if "\\" in name and not file.exists():
        file = base / name.replace("\\", "/")
    return str(file)


def _children(folder: Path) -> tuple[list[str], list[str]]:
    """Names of the folders in a folder, and of the files that end like images; hidden ones are passed over. Sorted."""
    folders, files = [], []
    for name, is_folder in _entries(folder):
        if is_folder:
            folders.append(name)
        elif Path(name).suffix.lower() in _ENDINGS:
            files.append(name)
    return folders, files


def _entries(folder: Path) -> Iterator[tuple[str, bool]]:
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry.name, entry.is_dir()) for entry in entries)
    except OSError as error:
        raise BadInput(_("{path} cannot be read: {problem}.").format(path=folder, problem=error.strerror)) from None
    for name, is_folder in found:
        if not name.startswith(".") and name.lower() not in _NOT_IMAGE_NAMES:
            yield name, is_folder


def _images(folder: Path, prefix: str = "", above: frozenset[str] = frozenset()) -> Iterator[str]:
    """Paths, relative to a class folder, of all files in it that may be images; links are followed, in no circle."""
    real = os.path.realpath(folder)
    if real in above:
        return
    for name, is_folder in _entries(folder):
        if is_folder:
            yield from _images(folder / name, f"{prefix}{name}/", above | {real})
        elif Path(name).suffix.lower() not in _NOT_IMAGES:
            yield prefix + name


def _no_images(root: Path, loose: Sequence[str]) -> str:
    if loose:
        return _(
            "{root} holds images but no class folders: put the images of each class into a folder named after it."
        ).format(root=root)
    return _("{root} holds no images: give a folder with one folder of images for each class.").format(root=root)


def _printable(path: str) -> str:
    """A path as text that any terminal or file takes, in one spelling: `a/b`, not `./a/b`, with forward slashes."""
    return posixpath.normpath(_text(path).replace("\\", "/"))


def _class_name(name: str) -> str:
    """One spelling for a name, however the file system composes its accents."""
    return unicodedata.normalize("NFC", _text(name))


def _text(name: str) -> str:
    """What is no text (bytes of another encoding) becomes a replacement mark."""
    return "".join("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in name)
