"""What the images alone tell, before anything is trained: duplicates, quality, labels, splits.

`inspect(images)` measures everything and returns an `Inspection`; each measurement is a module and can be called by
itself.
"""

from netvet.audit.inspection import Inspection, inspect

__all__ = ["Inspection", "inspect"]
