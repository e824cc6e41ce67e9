"""The report of a run: one value, and pure renderers of it (terminal, JSON, one HTML file)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from netvet.report import html, json
from netvet.report.model import Report as Report

__all__ = ["Report", "render_json", "write"]


def write(report: Report) -> Path:
    """Write `report.json` and `report.html` into the run's folder; returns the path of the page."""
    json.write(report)
    return html.write(report)


def render_json(report: Report) -> dict[str, Any]:
    """The report as a tree of plain values, schema 1."""
    return json.render(report)
