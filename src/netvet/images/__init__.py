"""Images: sources, decoding, the cache, splits; the painted reef; augmentation."""

from __future__ import annotations

from netvet.images.dataset import ImageSet, Rejected, load

__all__ = ["ImageSet", "Rejected", "load"]
