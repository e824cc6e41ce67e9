"""The loops that people write: how often `netvet.watch` names what is wrong, and how often it leaves them alone.

    python -m benchmarks.loops list                  the plan: every loop, what is planted in it, and its half
    python -m benchmarks.loops train [--workers 2]   runs and records what is not there yet
    python -m benchmarks.loops score [--json]        diagnoses the kept traces of the locked half
    python -m benchmarks.loops curves [--json]       the clinic's traces, stripped to their curves, diagnosed again

`images` and `nets` are what the loops are fed and what they train, `script` is the loop with all that a person writes
around it, `slips` changes it (one function a slip, and one a healthy program that looks odd), `plan` says what is
planted where, `truth` when a slip did harm, `score` what is counted.
"""
