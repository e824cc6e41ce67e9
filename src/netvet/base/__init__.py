"""What every part of the house stands on: errors, the registry of leaves, their pages, numbers and words, files."""
