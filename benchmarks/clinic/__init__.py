"""The clinic: how often netvet names the right cause, measured on real trainings with faults planted in them.

    python -m benchmarks.clinic list                  the plan: every run, its fault and its half
    python -m benchmarks.clinic train [--workers 2]   trains what is not there yet, and takes every exam
    python -m benchmarks.clinic score [--json]        diagnoses the kept traces

`datasets` says what is trained on, `bases` what is healthy, `plan` which fault is planted where and what is locked,
`classes` what is planted in one class (in photographs: `photographs`), `harm` when a planted run counts as sick,
`store` how traces are kept, `score` and `class_score` what is counted.
"""
