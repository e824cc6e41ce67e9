"""Checkpoints: written beside, synced, renamed, so that a kill leaves the old one or the new one, never half of one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from netvet.base.errors import BadInput
from netvet.base.files import whole
from netvet.locale import _

LAST = "last.pt"
BEST = "best.pt"


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint atomically. Raises BadInput where the disk is full or read-only; the earlier one stays."""
    try:
        with whole(path, sync=True) as file:
            torch.save(state, file)
    except (OSError, RuntimeError) as error:
        raise BadInput(
            _("The checkpoint {path} cannot be written ({error}): free some space, then use --resume.").format(
                path=path, error=error
            )
        ) from None


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint; tensors and plain values only. Raises BadInput where there is none or it is damaged."""
    if not path.is_file():
        raise BadInput(_("There is no checkpoint {path}: train this run first.").format(path=path))
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # torch raises many kinds for a damaged file
        sentence = _("The checkpoint {path} is damaged or not netvet's: train again.")
        raise BadInput(sentence.format(path=path)) from None
    return state


def put_weights(model: nn.Module, state: Mapping[str, Any], run: Path) -> None:
    """Give a model the weights of a run's checkpoint. Raises BadInput where they do not fit."""
    try:
        model.load_state_dict(state["model"])
    except RuntimeError:
        sentence = _("The weights in {run} do not fit its recipe: another version trained it; train again.")
        raise BadInput(sentence.format(run=run)) from None
