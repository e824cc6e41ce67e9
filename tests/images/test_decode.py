"""Every format to the right pixels; every kind of broken file to a reason."""

from __future__ import annotations

import os
import struct
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFile

from netvet.images.decode import Undecodable, decode, decode_file, read, strictly

RED, GREEN, BLUE, WHITE = (220, 30, 40), (30, 200, 60), (20, 50, 210), (250, 250, 250)
QUARTERS = (RED, GREEN, BLUE, WHITE)  # top left, top right, bottom left, bottom right


def flag(width: int = 48, height: int = 32) -> Image.Image:
    """Four quarters of different colour, so that every turn and flip of the picture is another one."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2], pixels[: height // 2, width // 2 :] = RED, GREEN
    pixels[height // 2 :, : width // 2], pixels[height // 2 :, width // 2 :] = BLUE, WHITE
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def corners(picture: NDArray[np.uint8]) -> NDArray[np.int64]:
    size = len(picture)
    low, high = size // 4, 3 * size // 4
    return np.array([picture[low, low], picture[low, high], picture[high, low], picture[high, high]], dtype=np.int64)


def strict(data: bytes, size: int = 16) -> NDArray[np.uint8]:
    with strictly():
        return decode(data, size)


def reason(data: bytes) -> str:
    with pytest.raises(Undecodable) as caught:
        strict(data)
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("JPEG", {"quality": 95, "subsampling": 0}, 6),
        ("JPEG", {"quality": 95, "subsampling": 0, "progressive": True}, 6),
        ("WEBP", {"lossless": True}, 0),
        ("WEBP", {"quality": 95}, 12),
        ("GIF", {}, 4),
    ],
)
def test_each_format_gives_the_same_picture(kind: str, options: dict[str, object], tolerance: int) -> None:
    picture = strict(encoded(flag(), kind, **options))
    assert picture.shape == (16, 16, 3)
    assert picture.dtype == np.uint8
    assert np.abs(corners(picture) - QUARTERS).max() <= tolerance


def test_the_picture_is_stretched_to_a_square() -> None:
    picture = strict(encoded(flag(200, 20), "PNG"))
    assert np.abs(corners(picture) - QUARTERS).max() == 0


def test_small_pictures_are_antialiased() -> None:
    checks = (np.indices((256, 256)).sum(0) % 2 * 255).astype(np.uint8)
    picture = strict(encoded(Image.fromarray(checks), "PNG"))
    assert np.abs(picture.astype(int) - 127).max() < 8


def test_a_large_jpeg_is_read_at_reduced_size_without_harm() -> None:
    rng = np.random.default_rng(0)
    detailed = Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).resize((200, 160))
    data = encoded(detailed, "JPEG", quality=95)
    exact = np.asarray(Image.open(BytesIO(data)).resize((32, 32), Image.Resampling.BILINEAR), dtype=int)
    assert np.abs(strict(data, 32) - exact).mean() < 2


def test_grey_and_bilevel() -> None:
    assert np.ptp(strict(encoded(flag().convert("L"), "PNG")).astype(int), axis=2).max() == 0
    black_and_white = np.zeros((32, 32), bool)
    black_and_white[:, 16:] = True
    picture = strict(encoded(Image.fromarray(black_and_white), "PNG"))
    assert picture[8, 4].tolist() == [0, 0, 0]
    assert picture[8, 12].tolist() == [255, 255, 255]


def test_transparency_is_laid_over_mid_grey() -> None:
    clear = flag().convert("RGBA")
    clear.paste((255, 0, 0, 0), (0, 0, 24, 16))
    clear.paste((255, 255, 255, 128), (24, 16, 48, 32))
    for kind in ("PNG", "TIFF", "WEBP"):
        options = {"lossless": True} if kind == "WEBP" else {}
        seen = corners(strict(encoded(clear, kind, **options)))
        assert seen[0].tolist() == [128, 128, 128], kind
        assert seen[1].tolist() == list(GREEN), kind
        assert np.abs(seen[3] - 192).max() <= 1, kind


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_palette_with_a_transparent_entry(kind: str) -> None:
    indexed = Image.new("P", (32, 32), 0)
    indexed.putpalette([*RED, *GREEN])
    indexed.paste(1, (16, 0, 32, 32))
    picture = strict(encoded(indexed, kind, transparency=0))
    assert picture[8, 4].tolist() == [128, 128, 128]
    assert picture[8, 12].tolist() == list(GREEN)
    opaque = strict(encoded(indexed, kind))
    assert opaque[8, 4].tolist() == list(RED)


def test_a_transparent_colour_key() -> None:
    picture = strict(encoded(flag(), "PNG", transparency=RED))
    assert corners(picture)[0].tolist() == [128, 128, 128]
    assert corners(picture)[3].tolist() == list(WHITE)


def test_grey_with_alpha() -> None:
    grey = Image.merge("LA", (Image.new("L", (32, 32), 200), Image.new("L", (32, 32), 0)))
    assert strict(encoded(grey, "PNG")).tolist() == np.full((16, 16, 3), 128).tolist()


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk(kind: str) -> None:
    picture = strict(encoded(flag().convert("CMYK"), kind))
    assert np.abs(corners(picture) - QUARTERS).max() <= 30


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_not_clipped(kind: str) -> None:
    levels = np.repeat(np.array([[0, 257, 32768, 65535]], np.uint16), 4, axis=0)
    picture = strict(encoded(Image.fromarray(levels), kind), 4)
    assert picture[0, :, 0].tolist() == [0, 1, 128, 255]


def test_sixteen_bit_colour_png_is_scaled() -> None:
    row = struct.pack(">BHHHHHH", 0, 65535, 32768, 256, 0, 1000, 65535)
    header = struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0)
    assert strict(png(header, row * 2), 2)[0].tolist() == [[255, 128, 1], [0, 3, 255]]


def test_floating_point_tiff() -> None:
    unit = np.array([[0.0, 0.5, 1.0]] * 3, np.float32)
    assert strict(encoded(Image.fromarray(unit), "TIFF"), 3)[0, :, 0].tolist() == [0, 128, 255]
    assert strict(encoded(Image.fromarray(unit * 255), "TIFF"), 3)[0, :, 0].tolist() == [0, 128, 255]
    assert reason(encoded(Image.fromarray(unit * np.float32("nan")), "TIFF")) == "samples outside 0..65535"
    assert reason(encoded(Image.fromarray(unit - 1), "TIFF")) == "samples outside 0..65535"


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "MPO"])
def test_the_first_frame_counts(kind: str) -> None:
    options: dict[str, object] = {"save_all": True, "append_images": [Image.new("RGB", (48, 32), BLUE)]}
    if kind == "WEBP":
        options["lossless"] = True
    assert np.abs(corners(strict(encoded(flag(), kind, **options))) - QUARTERS).max() <= 20


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    stored = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    image = flag() if stored is None else flag().transpose(stored)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, object] = {"quality": 95} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    picture = strict(encoded(image, kind, exif=exif, **options))
    assert np.abs(corners(picture) - QUARTERS).max() <= 20


def test_a_damaged_exif_block_does_not_lose_the_picture() -> None:
    picture = strict(encoded(flag(), "JPEG", quality=95, exif=b"Exif\0\0II*\0\xff\xff\xff\x7fgarbage"))
    assert np.abs(corners(picture) - QUARTERS).max() <= 20


def test_zero_bytes_and_other_things() -> None:
    assert reason(b"") == "zero bytes"
    assert reason(b"<html>404</html>") == "not an image"
    assert reason(bytes(100)) == "not an image"
    assert reason(b"\xff\xd8\xff\xe0") == "truncated or damaged"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated_files_are_refused(kind: str, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as other libraries leave it
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    data = encoded(noise, kind)
    assert reason(data[: int(len(data) * share)]) in ("truncated", "truncated or damaged", "damaged")
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_a_truncated_large_jpeg_is_refused() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (800, 800, 3), dtype=np.uint8))
    data = encoded(noise, "JPEG")
    assert reason(data[: len(data) * 9 // 10]) == "truncated"


@pytest.mark.parametrize("seed", range(40))
def test_random_damage_never_escapes_as_another_error(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
        data = bytearray(encoded(flag(), kind))
        for position in rng.integers(0, len(data), 6).tolist():
            data[position] = int(rng.integers(0, 256))
        with suppress(Undecodable):
            assert strict(bytes(data)).shape == (16, 16, 3)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(header: bytes, rows: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def lying(kind: str) -> bytes:
    """A file of some hundred bytes whose header declares 50000 x 50000 pixels."""
    if kind == "PNG":
        return png(struct.pack(">IIBBBBB", 50000, 50000, 8, 2, 0, 0, 0), b"\0" * 100)
    data = bytearray(encoded(flag(), kind))
    if kind == "JPEG":
        at = data.index(b"\xff\xc0")
        data[at + 5 : at + 9] = struct.pack(">HH", 50000, 50000)
    elif kind == "GIF":
        data[6:10] = struct.pack("<HH", 50000, 50000)
    elif kind == "BMP":
        data[18:26] = struct.pack("<ii", 50000, 50000)
    elif kind == "TIFF":
        image = Image.new("1", (48, 32))
        data = bytearray(encoded(image, "TIFF"))
        at = struct.unpack("<I", data[4:8])[0]
        for entry in range(struct.unpack("<H", data[at : at + 2])[0]):
            start = at + 2 + 12 * entry
            if struct.unpack("<H", data[start : start + 2])[0] in (256, 257):
                data[start + 2 : start + 12] = struct.pack("<HII", 4, 1, 50000)
    return bytes(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF"])
def test_a_lying_header_is_refused_with_its_size(kind: str) -> None:
    assert reason(lying(kind)) == "image bomb: 50000 x 50000 pixels declared"


def test_a_bomb_allocates_nothing() -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF"):
        reason(lying(kind))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    def why(path: Path) -> str:
        with pytest.raises(Undecodable) as caught:
            read(path)
        return str(caught.value)

    assert why(tmp_path / "absent.jpg") == "missing"
    assert why(tmp_path) == "a folder, not a file"
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.jpg")
        assert why(tmp_path / "pipe.jpg") == "not a regular file"
    (tmp_path / "good.png").write_bytes(encoded(flag(), "PNG"))
    assert decode_file(tmp_path / "good.png", 8).shape == (8, 8, 3)
    with (tmp_path / "huge.png").open("wb") as stream:
        stream.truncate((1 << 30) + 1)  # sparse
    assert why(tmp_path / "huge.png").startswith("larger than 1 GiB")
