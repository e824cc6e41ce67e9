"""How long an inspection takes, and what memory it needs as the set grows.

    python -m benchmarks.inspect [--json] [--data DIR] [--images 1000,10000,100000] [--features auto]

The data are a folder given by --data, and painted fish written as JPEGs into a temporary folder (4 kB each), the
numbers of images given by --images. Each is inspected in a process of its own, once with a cold cache and once with a
warm one. `memory` is the peak of what the process itself allocated (RssAnon), in MB; `mapped` the peak with the pages
of the image cache that it had mapped at that moment (VmHWM). `duplicates` is the time of the search alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

SIZE, CHUNK = 64, 2_000


def paint_files(root: Path, count: int) -> Path:
    """`count` painted fish of 8 species as JPEGs in class folders, painted chunk by chunk."""
    from PIL import Image

    from netvet.images.reef import Reef, paint

    done = seed = 0
    while done < count:
        each = min(CHUNK, count - done)
        painted = paint(Reef(n=max(1, each // 8), seed=seed), SIZE)
        for image, label in zip(painted.images, painted.labels.tolist(), strict=True):
            folder = root / painted.classes[label]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / f"{done:06d}.jpg", quality=90)
            done += 1
        seed += 1
    return root


def measure(data: str, features: str, cache: Path) -> dict[str, Any]:
    """Inspect in this process: seconds of each step, and the peak of its memory."""
    os.environ["NETVET_CACHE"] = str(cache)
    peak, running = [0], threading.Event()

    def watch() -> None:
        while not running.wait(0.05):
            peak[0] = max(peak[0], memory("RssAnon"))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    clock, cpu = time.perf_counter(), time.process_time()
    from netvet.audit import command

    out = cache / "out"
    command.run(data, [], out, None, None, features, json=False)  # type: ignore[arg-type]
    seconds, processor = time.perf_counter() - clock, time.process_time() - cpu
    running.set()
    thread.join()
    tree = json.loads((out / "inspection.json").read_text())
    return {
        "images": tree["images"],
        "seconds": round(seconds, 1),
        "cpu": round(processor, 1),
        "steps": tree["seconds"],
        "features": tree["features"],
        "memory": peak[0] // 1024,
        "mapped": memory("VmHWM") // 1024,
    }


def memory(name: str) -> int:
    """A line of /proc/self/status in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(name + ":")), 0)


def child(data: str, features: str, cache: Path) -> dict[str, Any]:
    """`measure` in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.inspect", "--one", data, "--features", features, "--cache", str(cache)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inspect", description="Seconds and memory of inspect.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--data", help="a folder to inspect")
    parser.add_argument("--images", default="1000,10000", help="numbers of painted images (1000,10000)")
    parser.add_argument("--features", default="auto", help="auto, pretrained, handmade or none (auto)")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measure(asked.one, asked.features, asked.cache)))
        return
    results: dict[str, Any] = {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        sources = {Path(asked.data).name: asked.data} if asked.data else {}
        for count in (int(part) for part in asked.images.split(",") if part):
            sources[f"reef {count}"] = str(paint_files(root / f"reef-{count}", count))
        for name, data in sources.items():
            cache = root / f"cache-{len(results)}"
            cache.mkdir()
            results[name] = {state: child(data, asked.features, cache) for state in ("cold", "warm")}
    if asked.json:
        print(json.dumps(results))
        return
    print(f"{results.pop('cores')} cores, load {results.pop('load')}")
    print(
        f"{'':<16}{'images':>8}{'cache':>7}{'seconds':>9}{'cpu':>8}{'duplicates':>12}{'MB':>7}{'mapped':>8}  features"
    )
    for name, states in results.items():
        for state, r in states.items():
            print(
                f"{name:<16}{r['images']:>8,}{state:>7}{r['seconds']:>9}{r['cpu']:>8}{r['steps']['duplicates']:>12}"
                f"{r['memory']:>7,}{r['mapped']:>8,}  {r['features']}"
            )


if __name__ == "__main__":
    main()
