"""Causes in the classes: how many images each has, and how alike they are."""
