"""Images that a small GAN adds to the training split of a run; see `netvet.training.generate.adding`."""

from netvet.training.generate.adding import GeneratedImages, generate_for, telling

__all__ = ["GeneratedImages", "generate_for", "telling"]
