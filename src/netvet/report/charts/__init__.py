"""The panels of the page: each is a function of what was recorded, and None where that is not enough to draw it."""

from netvet.report.charts.figure import Chart as Chart

__all__ = ["Chart"]
