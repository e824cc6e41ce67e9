"""Exams: experiments made on a model on purpose, each one file; see `exam`."""

from netvet.exams._exam import (
    Exam,
    ExamContext,
    Run,
    exam,
    exams,
    run_exam,
)

__all__ = [
    "Exam",
    "ExamContext",
    "Run",
    "exam",
    "exams",
    "run_exam",
]
