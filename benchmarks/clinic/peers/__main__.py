"""The command: see the package."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from zlib import crc32

from benchmarks.clinic.peers import meaning, words
from benchmarks.clinic.plan import Run, runs
from netvet.base.errors import BadInput
from netvet.recipe import Recipe

ROOT = Path(__file__).parents[3]
ENVIRONMENT = ROOT / ".venv-peers" / "bin" / "python"


def main(argv: Sequence[str] | None = None) -> int:
    """Run; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.clinic.peers", description=__doc__)
    parser.add_argument("--map", action="store_true", help="print which names each tool's words count for")
    parser.add_argument("--table", action="store_true", help="print how often each tool named the planted cause")
    parser.add_argument("--limit", type=int, help="train at most so many runs now")
    parser.add_argument("--epochs", type=int, help="at most so many epochs a run; the schedule is shortened with it")
    parser.add_argument("--half", choices=("calibration", "locked"), help="only this half of the plan")
    parser.add_argument("--only", default="", help="only runs whose name holds this text")
    parser.add_argument(
        "--worker", default="", help="I/N: of the runs, every N-th from I; each worker keeps its own file"
    )
    asked = parser.parse_args(argv)
    try:
        if asked.map:
            print(meaning.table())
        elif asked.table:
            print(_scores(asked.half))
        else:
            return _train(asked, list(argv if argv is not None else sys.argv[1:]))
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _train(asked: argparse.Namespace, argv: list[str]) -> int:
    if importlib.util.find_spec("torchmortem") is None:
        if not ENVIRONMENT.is_file():
            raise BadInput(
                f"The peers need an environment of their own ({ENVIRONMENT}): run benchmarks/peers_environment.sh."
            )
        return subprocess.run(
            [str(ENVIRONMENT), "-m", "benchmarks.clinic.peers", *argv], cwd=ROOT, check=False
        ).returncode
    from benchmarks.clinic.peers.training import versions

    first, _, every = asked.worker.partition("/")
    file = words.FILE.with_name(f"words-{first}.json.gz") if asked.worker else words.FILE
    book = words.load(file)
    everything = _merged()
    if everything.versions != versions():
        everything = words.Book()
    if book.versions != versions():
        book = words.Book(versions=versions())
    chosen = [run for run in runs() if asked.half in (None, run.half) and asked.only in run.name]
    wanted = [run for run in chosen if not run.also]  # pairs are in no figure of the peers
    wanted.sort(key=lambda run: crc32(run.name.encode()))  # by lot: what is heard so far is a fair part of the whole
    wanted = wanted[int(first or 0) :: int(every or 1)]
    missing = [run for run in wanted if not _kept(run, everything, asked.epochs)]
    print(f"{len(wanted) - len(missing)} of {len(wanted)} runs are kept.", flush=True)
    for run in missing[: asked.limit]:
        began = time.monotonic()
        recipe = _capped(run.recipe, asked.epochs)
        try:
            heard = _attend(recipe)
        except BadInput as error:
            print(f"{run.name}: left out: {error}", flush=True)
            continue
        book.runs[run.name], book.digests[run.name] = heard, digest(recipe)
        book.epochs[run.name] = recipe.stop.epochs
        words.save(book, file)
        silent = [f"{peer} ({said.error})" for peer, said in heard.items() if said.error]
        print(
            f"{run.name}: {time.monotonic() - began:.0f} s {'; silent: ' + '; '.join(silent) if silent else ''}",
            flush=True,
        )
    if not asked.worker:
        words.save(_merged())
        for part in _parts():
            part.unlink()
    return 0


def _attend(recipe: Recipe) -> dict[str, words.Heard]:
    from benchmarks.clinic.datasets import resolve
    from benchmarks.clinic.peers.training import attend

    here = recipe.change({"data.source": resolve(recipe.data.source)})
    with tempfile.TemporaryDirectory() as folder:
        return attend(here, out=Path(folder) / "run")


def _merged() -> words.Book:
    """The kept words with those of workers."""
    whole = words.load()
    for path in _parts():
        part = words.load(path)
        whole.versions = part.versions
        whole.runs |= part.runs
        whole.digests |= part.digests
        whole.epochs |= part.epochs
    return whole


def _parts() -> list[Path]:
    """The files of workers; a run without `--worker` puts them into the one file."""
    return sorted(words.FILE.parent.glob("words-*.json.gz"))


def _capped(recipe: Recipe, epochs: int | None) -> Recipe:
    return recipe if epochs is None else recipe.change({"stop.epochs": min(epochs, recipe.stop.epochs)})


def _kept(run: Run, book: words.Book, epochs: int | None) -> bool:
    return book.digests.get(run.name) == digest(_capped(run.recipe, epochs))


def digest(recipe: Recipe) -> str:
    """Of all that determines a run. Generated images, which came after the first runs were heard, count where asked."""
    tree = recipe.model_dump(mode="json")
    if not recipe.augment.generated.images:
        del tree["augment"]["generated"]
    return blake2b(json.dumps(tree, sort_keys=True).encode(), digest_size=8).hexdigest()


def _scores(half: str | None = None) -> str:
    """Of every tool and of netvet, on the runs that were heard: planted cause first and among the first three, where
    the fault did harm, and alarms on healthy runs.
    """
    from benchmarks.clinic import score, store

    book = _merged()
    chosen = [run for run in runs() if run.name in book.runs and half in (None, run.half)]
    found = {case.run.name: case for case in score.cases(chosen)[0]}
    sick = [name for name, case in found.items() if case.took]
    sound = [name for name, case in found.items() if case.took is None]
    own = [found[name] for name in sick]
    rows = [_row("netvet", [case.first for case in own], [case.among_three for case in own],
                 [found[name].verdict == "sick" for name in sound], 0)]  # fmt: skip
    traces = {name: store.read(name).trace for name in found}
    for peer, by in meaning.peer_words(traces, book).items():
        answers = {name: meaning.meant(peer, by[name]) for name in sick if name in by}
        first, third = (
            [meaning.names_it(answers[name], found[name].run.rule, most) for name in answers] for most in (1, 3)
        )
        alarms = [meaning.alarmed(by[name]) for name in sound if name in by]
        rows.append(_row(peer, first, third, alarms, sum(bool(by[name].error) for name in found if name in by)))
    head = f"{'tool':<30}{'sick':>6}{'first':>8}{'95 %':>15}{'top 3':>8}{'95 %':>15}{'healthy':>9}{'alarmed':>9}"
    return "\n".join([f"{head}{'95 %':>15}{'silent':>8}", *rows])


def _row(name: str, first: list[bool], third: list[bool], alarms: list[bool], silent: int) -> str:
    """A line of the table: shares with Wilson's intervals."""
    return (
        f"{name:<30}{len(first):>6}{_share(first, 8)}{_share(third, 8)}{len(alarms):>9}{_share(alarms, 9)}{silent:>8}"
    )


def _share(hits: list[bool], width: int) -> str:
    from benchmarks.clinic.score import wilson

    if not hits:
        return f"{'-':>{width}}{'':>15}"
    low, high = wilson(sum(hits), len(hits))
    return f"{sum(hits) / len(hits):>{width}.0%}{f'{low:.0%} to {high:.0%}':>15}"


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
