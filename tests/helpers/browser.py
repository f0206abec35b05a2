"""Reports opened in a real browser: headless Chromium, started once for any number of pages."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")
#: Lines of Chromium's log that come from a page.
_CONSOLE = re.compile(r"CONSOLE[:(]\d+\)?\] (.*)")
_RESULT = re.compile(r'<pre id="result">(.*?)</pre>', re.DOTALL)
#: Each page is in a frame; the counts are written when all plots are drawn, or after some seconds of the browser's virtual time.
_INDEX = """<!DOCTYPE html><html><body>{frames}<pre id="result"></pre><script>
const count = () => Array.from(document.querySelectorAll("iframe")).map(frame => {{
  const page = frame.contentDocument;
  return {{
    title: page.title,
    plots: (frame.contentWindow.Bokeh?.documents ?? []).filter(each => each.is_idle)
      .flatMap(each => each.roots()).reduce((sum, root) => sum + root.children.length, 0),
    images: page.images.length,
    broken: Array.from(page.images).filter(image => !image.naturalWidth).length,
  }};
}});
window.onload = () => setTimeout(() => {{ document.getElementById("result").textContent = JSON.stringify(count()); }}, 3000);
</script></body></html>
"""


@dataclass(frozen=True)
class OpenedPage:
    """A page after its scripts have run: title, and numbers of interactive plots, of images, and of images that were not drawn."""

    title: str
    plots: int
    images: int
    broken: int


def browser() -> str:
    """Path of Chromium; the test is skipped where there is none."""
    path = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium to open the reports in: apt-get install chromium")
    return path


def check_opens(page: Path, scratch: Path) -> None:
    """Open one page, if Chromium is installed, and find no message in the console and no picture that is not drawn."""
    if any(shutil.which(name) for name in _NAMES):
        scratch.mkdir()
        shown, messages = opened([page], scratch)
        assert messages == []
        assert shown[0].images > 0
        assert shown[0].broken == 0


def opened(pages: Sequence[Path], scratch: Path) -> tuple[list[OpenedPage], list[str]]:
    """Open pages in one browser without network.

    Parameters
    ----------
    pages : sequence of Path
    scratch : Path
        Empty folder for the browser's files.

    Returns
    -------
    list of OpenedPage
    list of str
        Messages of the console.
    """
    index = scratch / "index.html"
    frames = "".join(f'<iframe width="1200" height="900" src="{page.resolve().as_uri()}"></iframe>' for page in pages)
    index.write_text(_INDEX.format(frames=frames), encoding="utf-8")
    command = [
        browser(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-web-security", "--allow-file-access-from-files",
        "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={scratch / 'profile'}",
        "--enable-logging=stderr", "--v=0", "--virtual-time-budget=8000", "--dump-dom", index.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    result = _RESULT.search(done.stdout)
    assert result is not None
    assert result[1], "the pages were not loaded in time"
    return [OpenedPage(**each) for each in json.loads(html.unescape(result[1]))], _CONSOLE.findall(done.stderr)
