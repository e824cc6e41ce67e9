"""How long `netvet inspect` takes, and what memory it needs as the set grows.

The data are the photographs, and rendered fish written as JPEGs into a temporary folder (4 kB each). Each set is
inspected in a process of its own, once with a cold cache and once with a warm one. `memory` is the peak of what the
process itself allocated (RssAnon), in MB; `mapped` the peak with the pages of the image cache that it had mapped at
that moment (VmHWM). `duplicates` is the time of the search alone.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

SIZE, CHUNK = 64, 2_000


def paint_files(root: Path, count: int) -> Path:
    """`count` rendered fish of 8 species as JPEGs in class folders, painted chunk by chunk."""
    from PIL import Image

    from netvet.reef import Reef, render

    done = seed = 0
    while done < count:
        each = min(CHUNK, count - done)
        painted = render(Reef(n=max(1, each // 8), seed=seed), SIZE)
        for image, label in zip(painted.images[:each], painted.labels[:each].tolist(), strict=True):
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
    from netvet.cli import inspecting as command

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
    command = [sys.executable, "-m", "benchmarks.audit.cost", data, features, str(cache)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def compare(data: str | None, counts: list[int], features: str) -> dict[str, Any]:
    """Name of the set -> cold, warm -> what it took; `data` None: rendered fish alone."""
    results: dict[str, Any] = {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ([] if data is None else [Path(data).name]) + [f"reef {count}" for count in counts]:
            source = data if data is not None and not name.startswith("reef ") else None
            files = source or str(paint_files(root / name.replace(" ", "-"), int(name.split()[1])))
            cache = root / f"cache-{len(results)}"
            cache.mkdir()
            results[name] = {state: child(files, features, cache) for state in ("cold", "warm")}
            shutil.rmtree(cache)
            if source is None:
                shutil.rmtree(files)
    return results


def text(found: dict[str, Any]) -> list[str]:
    """A table."""
    lines = [
        f"netvet inspect: {found['cores']} cores, load {found['load']}",
        f"{'':<16}{'images':>8}{'cache':>7}{'seconds':>9}{'cpu':>8}{'duplicates':>12}{'MB':>7}{'mapped':>8}  features",
    ]
    for name, states in found.items():
        for state, r in states.items() if isinstance(states, dict) else ():
            lines.append(
                f"{name:<16}{r['images']:>8,}{state:>7}{r['seconds']:>9}{r['cpu']:>8}{r['steps']['duplicates']:>12}"
                f"{r['memory']:>7,}{r['mapped']:>8,}  {r['features']}"
            )
    return lines


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2], Path(sys.argv[3]))))
