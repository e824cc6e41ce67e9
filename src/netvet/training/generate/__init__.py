"""Images that a small GAN adds to the training split of a run; see `netvet.training.generate.adding`."""

from netvet.training.generate.adding import RenderedReef, generate_for, telling

__all__ = ["RenderedReef", "generate_for", "telling"]
