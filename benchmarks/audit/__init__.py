"""How good the audit of the data is: what of planted errors it finds, and what it costs.

    python -m benchmarks.audit                          all parts but `cost`, as tables
    python -m benchmarks.audit labels quality           only some of: labels, quality, twins, growth, cost
    python -m benchmarks.audit --json                   {"labels": {...}, "quality": {...}, "twins": {...}, ...}
    python -m benchmarks.audit cost --images 1000,10000,100000

On f4k23 ($NETVET_DATA, else ../shared/data/f4k23), photographs of tracked fish. Each part is a module here that says
what it plants and counts; figures that were measured with it are in docs/audit.md.
"""
