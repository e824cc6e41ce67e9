"""Images: sources, decoding, the cache, splits; the rendered reef; augmentation."""

from __future__ import annotations

from netvet.images.dataset import ImageSet, Rejected, load

__all__ = ["ImageSet", "Rejected", "load"]
