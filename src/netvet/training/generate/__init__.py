"""Images that a small GAN adds to the training split of a run; see `netvet.training.generate.adding`."""

from netvet.training.generate.adding import Painted, paint_for, telling

__all__ = ["Painted", "paint_for", "telling"]
