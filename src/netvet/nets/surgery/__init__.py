"""Surgery on any network: layers replaced, added and taken out in place, with their weights kept where they can be."""

from netvet.nets.surgery.patching import patch_model

__all__ = ["patch_model"]
