"""What `netvet inspect` does."""

from __future__ import annotations

import json as _json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from netvet.base.errors import BadInput
from netvet.base.files import put
from netvet.base.jsonsafe import jsonsafe
from netvet.locale import _
from netvet.recipe import Recipe, parse_assignments

if TYPE_CHECKING:
    from netvet.audit.inspection import OnStep

FINE, COARSE = 128, 64  # pixels a side that are measured; the larger for sets of at most `MANY` images
MANY = 20_000  # images: at 128 px these take 1 GB of the disk


def run(
    data: str,
    changes: Sequence[str],
    out: Path | None,
    exclude: Path | None,
    relabel: Path | None,
    features: Literal["auto", "pretrained", "handmade", "none"],
    json: bool,
    group: str | None = None,
) -> int:
    """Inspect the data, write the page and the tables into `out`, and print the summary or the JSON."""
    from netvet.cli import showing

    given = parse_assignments(changes)
    files = {"data.exclude": exclude, "data.relabel": relabel}
    given |= {key: str(path) for key, path in files.items() if path is not None}
    given |= {} if group is None else {"data.group": group}
    recipe = Recipe().change({"data.source": data, "data.image_size": _size(data), **given})
    recipe = recipe.change({"data.clean_labels": "none", "data.drop_low_quality": False})  # the data as they are
    if out is not None:
        _make(out)
    from netvet.audit import inspect, suspects
    from netvet.pipeline import new_run
    from netvet.report import inspection as page
    from netvet.report.inspection_text import print_inspection
    from netvet.training.loop import load_images

    images = load_images(recipe, progress=True)
    with _bar() as on_step:
        found = inspect(images, data, features_from=features, on_step=on_step)
    folder = out if out is not None else new_run(data, "inspection")
    suspects.write(found, folder)
    tree = {"schema": 1, "data": data, "folder": str(folder), **found.to_json()}
    put(folder / "inspection.json", _json.dumps(jsonsafe(tree), indent=1, ensure_ascii=False, allow_nan=False))
    written = page.write(found, folder)
    if json:
        showing.json_out(tree)
    else:
        print_inspection(showing.out(), found, written)
    return 0


def _size(data: str) -> int:
    """Pixels a side at which a set is measured, by how many images it lists."""
    from netvet.images.sources import open_source

    count = open_source(data).count()
    return FINE if count is None or count <= MANY else COARSE


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            _("The folder {path} cannot be created ({problem}): choose another --out.").format(
                path=folder, problem=error.strerror
            )
        ) from None


@contextmanager
def _bar() -> Iterator[OnStep | None]:
    """A bar a step with the time left, on a terminal; nothing in a pipe."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    names = {"looks": _("Looking at the images"), "features": _("Features"), "labels": _("Judging the labels")}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def step(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(names.get(name, name), total=total)
            bar.update(tasks[name], completed=done, total=total)

        yield step
