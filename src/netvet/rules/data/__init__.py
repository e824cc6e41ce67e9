"""Causes in the data: splits and files."""
