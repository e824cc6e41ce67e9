"""Surgery on any network: layers replaced, added and taken out in place, with their weights kept where they can be."""

from netvet.training.surgery.operating import operate

__all__ = ["operate"]
