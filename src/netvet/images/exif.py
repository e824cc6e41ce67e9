"""Groups that photographs tell of themselves: day, camera, place and event, from their EXIF headers.

An event is what one camera took without a pause of half an hour, the usual line between independent records of camera
traps (O'Brien, Kinnaird & Wibisono 2003, Animal Conservation 6:131-139, https://doi.org/10.1017/S1367943003003172). A
place is 0.01 degrees of latitude and longitude, about 1 km.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image

from netvet.base.errors import BadInput
from netvet.images.decode import FORMATS, strictly
from netvet.images.names import Kind
from netvet.images.proposals import Proposal, distinct, measured, plausible
from netvet.locale import _

PREFIX = "exif:"
KINDS: tuple[Kind, ...] = ("day", "camera", "place", "event")
PAUSE = datetime.timedelta(minutes=30)


@dataclass(frozen=True)
class Taken:
    """What a file says of its photograph: `moment` in the camera's time, `camera` as model and serial number, `place`
    as latitude and longitude in degrees; None or "" where it says nothing.
    """

    moment: datetime.datetime | None = None
    camera: str = ""
    place: tuple[float, float] | None = None


def read(files: Sequence[str], *, workers: int = 2) -> list[Taken]:
    """The EXIF header of each file; nothing is decoded, and what cannot be read says nothing."""
    with strictly(), ThreadPoolExecutor(workers) as pool:
        return list(pool.map(_read, files, chunksize=64))


def keys(by: str, files: Sequence[str]) -> list[str]:
    """The group of each file by `exif:day`, `exif:camera`, `exif:place` or `exif:event`; "" where its header lacks it.

    Raises:
        BadInput: it is none of the four, or no file has what it needs.
    """
    kind = by.removeprefix(PREFIX)
    if kind not in KINDS:
        raise BadInput(
            _("There is no group {by}: give one of {known}.").format(
                by=by, known=", ".join(PREFIX + each for each in KINDS)
            )
        )
    found = _keys(kind, read(files))
    if not any(found):
        raise BadInput(_("No image has what {by} needs in its EXIF header.").format(by=by))
    return found


def propose(paths: Sequence[str], labels: Sequence[str], files: Sequence[str]) -> tuple[Proposal, ...]:
    """What the headers of the files say of groups, the fewest groups first."""
    taken, label = read(files), np.unique(np.asarray(labels, np.str_), return_inverse=True)[1].astype(np.int64)
    found = []
    for kind in KINDS:
        own = _keys(kind, taken)
        if plausible(own, label, dated=True):
            found.append(measured(PREFIX + kind, kind, own, paths, label))
    return distinct(found)


def _keys(kind: str, taken: Sequence[Taken]) -> list[str]:
    match kind:
        case "day":
            return ["" if each.moment is None else each.moment.date().isoformat() for each in taken]
        case "camera":
            return [each.camera for each in taken]
        case "place":
            return ["" if each.place is None else "{:.2f},{:.2f}".format(*each.place) for each in taken]
        case _:
            return _events(taken)


def _events(taken: Sequence[Taken]) -> list[str]:
    """The camera and the first moment of what it took without a pause."""
    found = [""] * len(taken)
    dated = [(each.camera, each.moment, i) for i, each in enumerate(taken) if each.moment is not None]
    before: tuple[str, datetime.datetime] | None = None
    name = ""
    for camera, moment, i in sorted(dated):
        if before is None or before[0] != camera or moment - before[1] > PAUSE:
            name = f"{camera} {moment:%Y-%m-%d %H:%M:%S}".strip()
        found[i], before = name, (camera, moment)
    return found


def _read(file: str) -> Taken:
    try:
        with Image.open(file, formats=FORMATS) as image:
            exif = image.getexif()
            inner, gps = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
    except Exception:
        return Taken()
    model = exif.get(ExifTags.Base.Model)
    parts = (model, inner.get(ExifTags.Base.BodySerialNumber) if model else None)
    moment = inner.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
    return Taken(_moment(moment), " ".join(_text(part) for part in parts if part).strip(), _place(gps))


def _text(value: object) -> str:
    return "".join(letter for letter in str(value) if letter.isprintable()).strip()


def _moment(value: object) -> datetime.datetime | None:
    try:
        found = datetime.datetime.strptime(_text(value)[:19], "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    return found if found.year > 1980 else None  # before, a clock that was never set


def _place(gps: dict[int, object]) -> tuple[float, float] | None:
    tags = ExifTags.GPS
    latitude = _degrees(gps.get(tags.GPSLatitude), gps.get(tags.GPSLatitudeRef) == "S")
    longitude = _degrees(gps.get(tags.GPSLongitude), gps.get(tags.GPSLongitudeRef) == "W")
    if math.isnan(latitude + longitude) or (latitude == 0 == longitude):
        return None
    return latitude, longitude


def _degrees(value: object, negative: bool) -> float:
    if not isinstance(value, tuple) or len(value) != 3:
        return math.nan
    try:
        degrees = float(value[0]) + float(value[1]) / 60 + float(value[2]) / 3600
    except (TypeError, ValueError, ZeroDivisionError):
        return math.nan
    return -degrees if negative else degrees
