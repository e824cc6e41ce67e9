"""Exams: experiments made on a model on purpose, each one file; see `exam`."""

from netvet.exams._exam import (
    Exam,
    Patient,
    Take,
    exam,
    exams,
    take,
)

__all__ = [
    "Exam",
    "Patient",
    "Take",
    "exam",
    "exams",
    "take",
]
