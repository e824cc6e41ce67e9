"""Measurements of netvet itself; each module is a command: `python -m benchmarks.throughput`."""
