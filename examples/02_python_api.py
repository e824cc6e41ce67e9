"""Train, diagnose, change the recipe, train again: what the command line does, from Python.

Two short trainings on a small rendered reef, the first with a learning rate a hundred times too low:

    python examples/02_python_api.py
"""

import tempfile
from pathlib import Path

import netvet

SMALL = {
    "data.source": "reef:species=3,n=60",
    "data.image_size": 32,
    "model.depth": 3,
    "model.width": 8,
    "stop.epochs": 12,
    "batch_size": 16,
}


def main(folder: Path) -> None:
    """Two runs, in `folder`/low and `folder`/default."""
    default = netvet.Recipe().change(SMALL)
    for name, recipe in {"low": default.change({"optimizer.lr": 0.0005}), "default": default}.items():
        outcome = netvet.train(recipe, out=folder / name)
        trace = netvet.Trace.open(outcome.run)
        diagnosis = netvet.diagnose(trace)
        print(f"{name}: learning rate {recipe.optimizer.lr}, verdict {diagnosis.verdict}")
        loss = trace.series("train_loss")
        print(f"  training loss {loss.first:.2f} after the first epoch, {loss.last:.2f} after the last")
        for finding in diagnosis.findings:
            print(f"  {finding.rule}: {finding.message}")


if __name__ == "__main__":
    main(Path(tempfile.mkdtemp()))
