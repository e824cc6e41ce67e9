"""A real browser reads the page: nothing runs, nothing is asked for, nothing sticks out on a phone."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from netvet.report import Report, html
from tests.report.test_html import hostile_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = [
    "--headless",
    "--hide-scrollbars",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: the page is not tried in a browser"),
]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """A server of a folder on this machine that remembers what was asked of it."""
    asked: list[str] = []
    folder = tmp_path / "site"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

        def log_request(self, code: object = "-", size: object = "-") -> None:
            asked.append(self.path)

        def log_error(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", folder, asked
    server.shutdown()
    thread.join()
    server.server_close()


def dom(url: str, profile: Path) -> str:
    assert CHROMIUM is not None
    command = [CHROMIUM, *QUIET, f"--user-data-dir={profile}", "--dump-dom", url]
    return subprocess.run(command, check=True, capture_output=True, timeout=120).stdout.decode()


def test_hostile_names_run_nothing_and_nothing_leaves_the_page(
    site: tuple[str, Path, list[str]], tmp_path: Path
) -> None:
    url, folder, asked = site
    page = html.write(hostile_report(folder))
    read = dom(f"{url}/{page.name}", tmp_path / "profile")
    title = read.split("<title>")[1].split("</title>")[0]
    assert title.startswith("Sick: ")
    assert title.endswith("site · netvet")
    assert asked, "the browser read nothing"
    assert set(asked) <= {f"/{page.name}", "/favicon.ico"}


def test_the_watch_of_this_test_sees_a_script_and_a_request(site: tuple[str, Path, list[str]], tmp_path: Path) -> None:
    url, folder, asked = site
    (folder / "bad.html").write_text("<title>calm</title><img src=x onerror=\"document.title='hacked'\">")
    assert "<title>hacked</title>" in dom(f"{url}/bad.html", tmp_path / "profile")
    assert "/x" in asked


@pytest.mark.parametrize("width", [360, 390])
def test_nothing_sticks_out_on_a_phone(
    width: int, report: Report, site: tuple[str, Path, list[str]], tmp_path: Path
) -> None:
    url, folder, _ = site
    for name, shown in (("report", report), ("hostile", hostile_report(folder))):
        (folder / f"{name}.html").write_text(html.render(shown), encoding="utf-8")
        frame = (
            "<p id=out></p><script>function measure(f) { out.textContent ="
            " 'wide ' + f.contentDocument.documentElement.scrollWidth + '.' }</script>"
            f'<iframe onload="measure(this)" src="{name}.html" style="border:0;width:{width}px;height:800px"></iframe>'
        )
        (folder / "frame.html").write_text(frame)
        assert f"wide {width}." in dom(f"{url}/frame.html", tmp_path / "profile")
