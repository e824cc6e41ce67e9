"""Near-duplicates across a random split of the photographs, and the seconds that the search for them takes.

`twins`: pairs of one trajectory of which one image is in training and the other is held out, when images are split by
chance. Visually near is defined apart from the search, which compares 16 px colour thumbnails by their correlation:

- `ssim`: a structural similarity of luma at 64 px (Wang et al. 2004, Gaussian window of 1.5 px) of at least 0.8;
- `pixels`: at 32 px the colours differ by at most 12 of 255 grey levels on average.

Found with trajectories `known`, and `unknown`, when the search has the pixels alone.

`growth`: seconds of the search with the measuring that it needs (`looks`), over the number of images: rendered fish, a
tenth of the held-out ones copied, and the photographs repeated, each time with other noise, light and shift.
`exponent`: slope of log seconds over log n, with the 95 % interval of the fit; that of n log n over the same n is
beside it. Processor time is fitted: on a busy machine the wall clock says little.
"""

from __future__ import annotations

import math
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from benchmarks.audit.photographs import photographs
from netvet.audit import duplicates, image_stats
from netvet.audit.image_stats import LUMA, shrink
from netvet.images.dataset import ImageSet

SSIM, PIXELS = 0.8, 12.0
SIZES = (2_500, 5_000, 10_000, 20_000, 40_000)
SIDE, CHUNK = 64, 1_000

Rows = NDArray[np.int64]


def measure(data: str, seeds: int) -> dict[str, Any]:
    """Definition -> groups -> the share that was found; medians over the splits."""
    out: dict[str, Any] = {"splits": seeds}
    images = photographs(data, group="none")
    assert images.known_groups is not None
    track = np.unique(images.known_groups, return_inverse=True)[1].astype(np.int64)
    seen = image_stats.look(images.images)
    together = np.concatenate([_pairs(np.flatnonzero(track == each)) for each in np.unique(track)])
    near = {"ssim": similarity(images, together) >= SSIM, "pixels": difference(images, together) <= PIXELS}
    searched = {
        "known": duplicates.find(seen, images.labels, images.known_groups, images.images),
        "unknown": duplicates.find(seen, images.labels, None, images.images),
    }
    for groups, found in searched.items():
        keys = _keys(found.pairs, len(track))
        hit = np.isin(_keys(together, len(track)), keys)
        for name, close in near.items():
            shares, counts = [], []
            for seed in range(seeds):
                side = np.random.default_rng(seed).random(len(track)) < 0.3  # held out
                wanted = close & (side[together[:, 0]] != side[together[:, 1]])
                shares.append(float(hit[wanted].mean()))
                counts.append(int(wanted.sum()))
            out.setdefault(name, {})[groups] = {
                "pairs": int(np.median(counts)),
                "found": round(float(np.median(shares)), 4),
                "least": round(min(shares), 4),
            }
        foreign = track[found.pairs[:, 0]] != track[found.pairs[:, 1]]
        labels = images.labels[found.pairs]
        out.setdefault("reported", {})[groups] = {
            "pairs": len(found.pairs),
            "other_trajectory": round(float(foreign.mean()), 3),
            "other_species": round(float((labels[:, 0] != labels[:, 1]).mean()), 3),
        }
    return out


def similarity(images: ImageSet, pairs: Rows) -> NDArray[np.float64]:
    """The mean structural similarity of each pair."""
    luma = np.concatenate([shrink((part @ LUMA)[..., None], SIDE)[..., 0] for part in _blocks(images.images)])
    found = []
    for part in np.array_split(pairs, max(1, len(pairs) // 256)):
        a, b = (luma[part[:, k]].astype(np.float64) for k in (0, 1))
        ma, mb, aa, bb, ab = (gaussian_filter(v, (0, 1.5, 1.5)) for v in (a, b, a * a, b * b, a * b))
        top = (2 * ma * mb + 6.5025) * (2 * (ab - ma * mb) + 58.5225)
        found.append((top / ((ma**2 + mb**2 + 6.5025) * (aa - ma**2 + bb - mb**2 + 58.5225))).mean(axis=(1, 2)))
    return np.concatenate(found)


def difference(images: ImageSet, pairs: Rows) -> NDArray[np.float64]:
    """The mean absolute difference of the colours of each pair at 32 px, 0..255."""
    small = np.concatenate([shrink(part.astype(np.float32), 32) for part in _blocks(images.images)])
    parts = np.array_split(pairs, max(1, len(pairs) // 512))
    apart = (np.abs(small[part[:, 0]] - small[part[:, 1]]) for part in parts)
    return np.concatenate([each.mean(axis=(1, 2, 3), dtype=np.float64) for each in apart])


def grow(data: str, sizes: tuple[int, ...] = SIZES, repeats: int = 2) -> dict[str, Any]:
    """Source -> seconds by number of images, and the slope."""
    out: dict[str, Any] = {"repeats": repeats}
    base = photographs(data, size=SIDE)
    with tempfile.TemporaryDirectory() as root:
        for name in ("reef", "photographs"):
            path = Path(root) / f"{name}.npy"
            labels = _paint(path, max(sizes)) if name == "reef" else _repeat(path, base, max(sizes))
            times = {n: _search(path, labels, n, repeats) for n in sizes}
            out[name] = {"seconds": times, **slope({n: each["cpu"] for n, each in times.items()})}
            path.unlink()
    return out


def slope(seconds: dict[int, float]) -> dict[str, float]:
    """The slope of log seconds over log n, its 95 % interval, and the slope of n log n over the same n.

    >>> found = slope({n: 0.1 * n * math.log(n) for n in (1000, 2000, 4000, 8000)})
    >>> found["exponent"] == found["n_log_n"], found["exponent"]
    (True, 1.127)
    """
    from scipy.stats import linregress, t

    x = np.log(np.array(list(seconds), float))
    fit = linregress(x, np.log(np.array(list(seconds.values()), float)))
    half = float(t.ppf(0.975, len(x) - 2) * fit.stderr)
    ideal = linregress(x, x + np.log(x)).slope
    numbers = {"exponent": fit.slope, "low": fit.slope - half, "high": fit.slope + half, "n_log_n": ideal}
    return {name: round(float(value), 3) for name, value in numbers.items()}


def _search(path: Path, labels: Rows, n: int, repeats: int) -> dict[str, float]:
    """The least of the repeats: seconds of all, of the search, of the processor; and the pairs."""
    best: dict[str, float] = {}
    for _repeat in range(repeats):
        images = np.load(path, mmap_mode="r")[:n]
        clock, cpu = time.perf_counter(), time.process_time()
        seen = image_stats.look(images)
        looked = time.process_time()
        found = duplicates.find(seen, labels[:n], None, images)
        now = {"cpu": time.process_time() - cpu, "search_cpu": time.process_time() - looked}
        now["wall"] = time.perf_counter() - clock
        best = {name: min(value, best.get(name, math.inf)) for name, value in now.items()}
        best["pairs"] = len(found.pairs)
    return {name: round(value, 2) for name, value in best.items()}


def _paint(path: Path, count: int) -> Rows:
    """Rendered fish, chunk by chunk into a file; their labels."""
    from netvet.reef import Reef, render

    file = np.lib.format.open_memmap(path, "w+", np.uint8, (count, SIDE, SIDE, 3))
    labels = np.zeros(count, np.int64)
    done = seed = 0
    while done < count:
        painted = render(Reef(n=min(125, -(-(count - done) // 8)), seed=seed, duplicates=0.1), SIDE)
        part = slice(done, min(count, done + len(painted.labels)))
        order = np.random.default_rng(seed).permutation(len(painted.labels))[: part.stop - part.start]
        file[part], labels[part] = painted.images[order], painted.labels[order]
        done, seed = part.stop, seed + 1
    file.flush()
    return labels


def _repeat(path: Path, base: ImageSet, count: int) -> Rows:
    """The photographs again and again, each time shifted by up to 2 px, relit and with noise; their labels."""
    file = np.lib.format.open_memmap(path, "w+", np.uint8, (count, SIDE, SIDE, 3))
    random = np.random.default_rng(0)
    for start in range(0, count, CHUNK):
        rows = np.arange(start, min(count, start + CHUNK)) % len(base.labels)
        block = base.images[rows].astype(np.float32)
        for image, shift in zip(block, random.integers(-2, 3, (len(rows), 2)).tolist(), strict=True):
            image[:] = np.roll(image, shift, (0, 1))
        relit = block * random.uniform(0.85, 1.15, (len(rows), 1, 1, 1)) + random.normal(0, 3, block.shape)
        file[start : start + len(rows)] = np.clip(np.rint(relit), 0, 255)
    file.flush()
    return np.asarray(base.labels[np.arange(count) % len(base.labels)], np.int64)


def _blocks(images: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return [np.asarray(images[at : at + 256]) for at in range(0, len(images), 256)]


def _pairs(rows: Rows) -> Rows:
    """All pairs of some rows, the smaller first."""
    one, other = np.triu_indices(len(rows), 1)
    return np.stack([rows[one], rows[other]], axis=1)


def _keys(pairs: Rows, count: int) -> Rows:
    ordered = np.sort(pairs, axis=1)
    return np.asarray(ordered[:, 0] * count + ordered[:, 1], np.int64)


def text(found: dict[str, Any]) -> list[str]:
    """A table of `measure`."""
    lines = [f"Near-duplicates: pairs of one trajectory across a random split, medians of {found['splits']} splits"]
    lines.append(f"{'near by':<10}{'groups':<10}{'pairs':>7}{'found':>9}{'least':>9}")
    for name in ("ssim", "pixels"):
        for groups, r in found[name].items():
            lines.append(f"{name:<10}{groups:<10}{r['pairs']:>7,}{r['found']:>9.1%}{r['least']:>9.1%}")
    for groups, r in found["reported"].items():
        lines.append(
            f"groups {groups}: {r['pairs']:,} pairs reported in the whole set, {r['other_trajectory']:.1%} of them of "
            f"two trajectories, {r['other_species']:.1%} of two species"
        )
    return lines


def growth_text(found: dict[str, Any]) -> list[str]:
    """A table of `grow`."""
    lines = [f"Seconds of the search for near-duplicates at {SIDE} px, the least of {found['repeats']} runs"]
    lines.append(f"{'':<14}{'images':>8}{'wall':>8}{'cpu':>8}{'search alone':>14}{'pairs':>10}{'ns/(n log n)':>14}")
    for name in ("reef", "photographs"):
        for n, r in found[name]["seconds"].items():
            unit = 1e9 * r["cpu"] / n / math.log(n)
            lines.append(
                f"{name:<14}{n:>8,}{r['wall']:>8}{r['cpu']:>8}{r['search_cpu']:>14}{r['pairs']:>10,.0f}{unit:>14,.0f}"
            )
        r = found[name]
        lines.append(
            f"{name}: grows as n^{r['exponent']:.2f} ({r['low']:.2f} to {r['high']:.2f}), n log n as "
            f"n^{r['n_log_n']:.2f} over the same n"
        )
    return lines
