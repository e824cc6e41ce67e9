"""How fast the reef is painted: images a second, at the default options.

    python -m benchmarks.reef [--json] [--size 64] [--images 1600] [--repeats 5]

Each figure is the median of the repeats, after one that does not count. `cpu_ms` is the processor time of one image
over all threads: unlike images a second it says nearly the same on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time

from netvet.reef import Reef, render


def measure(size: int, images: int, repeats: int, workers: int) -> dict[str, float]:
    """Median images a second and milliseconds of processor time an image, with so many threads."""
    reef = Reef(n=max(1, images // Reef().species))
    count = reef.n * reef.species
    rates, costs = [], []
    for _ in range(repeats + 1):
        clock, cpu = time.perf_counter(), time.process_time()
        render(reef, size, workers=workers)
        rates.append(count / (time.perf_counter() - clock))
        costs.append(1000 * (time.process_time() - cpu) / count)
    return {"images_per_second": round(statistics.median(rates[1:])), "cpu_ms": round(statistics.median(costs[1:]), 3)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reef", description="Images a second of the reef.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--size", type=int, default=64, help="pixels a side (64)")
    parser.add_argument("--images", type=int, default=1600, help="images a repeat (1600)")
    parser.add_argument("--repeats", type=int, default=5, help="repeats that count (5)")
    asked = parser.parse_args()
    cores = os.cpu_count() or 1
    result = {
        f"{workers}-thread": measure(asked.size, asked.images, asked.repeats, workers)
        for workers in sorted({1, 2, cores})
    }
    if asked.json:
        print(json.dumps({"size": asked.size, "cores": cores, "load": round(os.getloadavg()[0], 1), **result}))
        return
    print(f"reef, {asked.size} x {asked.size} pixels, {cores} cores, load {os.getloadavg()[0]:.1f}")
    for name, figures in result.items():
        print(f"  {name:<10} {figures['images_per_second']:>7,.0f} images/s   {figures['cpu_ms']:.2f} ms CPU an image")


if __name__ == "__main__":
    main()
