"""Exams, one file an experiment."""
