"""Makes the README's pictures from a real run: the live view while it trains, the report page when it has ended.

python docs/pictures/make.py live RUN     # while it runs; same DEEPCHORD_* settings as the run
python docs/pictures/make.py report results/RUN/index.html
python docs/pictures/make.py dashboard 'http://127.0.0.1:8090/#/runs/RUN'
"""

import base64
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

FOLDER = Path(__file__).parent
COLUMNS = 120


def live(run_id: str) -> None:
    """Write live.svg: the view as a terminal of 120 columns shows it now."""
    from deepchord.coordinator.cli import open_run
    from deepchord.coordinator.monitoring import render, view_run

    settings, store, run = open_run(run_id)
    console = Console(record=True, width=COLUMNS, force_terminal=True, file=Path("/dev/null").open("w"))
    console.print(render(view_run(settings, store, run), COLUMNS))
    picture = console.export_svg(title="deepchord train", theme=MONOKAI)
    # The web font that rich names would have to be fetched.
    (FOLDER / "live.svg").write_text(re.sub(r"@font-face {.*?}", "", picture, flags=re.DOTALL))


def report(page: str) -> None:
    """Write report.png: the first screen of the page at desktop width."""
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                "chromium",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--hide-scrollbars",
                f"--user-data-dir={profile}",
                "--window-size=1280,1560",
                f"--screenshot={FOLDER / 'report.png'}",
                Path(page).resolve().as_uri(),
            ],
            check=True,
            capture_output=True,
        )


def dashboard(address: str) -> None:
    """Write dashboard.png: the dashboard at desktop width, when it has drawn the curves of a run."""
    sys.path.insert(0, str(FOLDER.parents[1]))
    from tests.browsers import Browser

    with tempfile.TemporaryDirectory() as profile:
        browser = Browser("/usr/bin/chromium", Path(profile))
        try:
            browser.open(address, (1280, 1400), "light")
            while browser.evaluate("document.querySelectorAll('.plot svg').length") < 2:
                time.sleep(0.2)
            picture = browser.send("Page.captureScreenshot", format="png")["data"]
        finally:
            browser.close()
    (FOLDER / "dashboard.png").write_bytes(base64.b64decode(picture))


if __name__ == "__main__":
    {"live": live, "report": report, "dashboard": dashboard}[sys.argv[1]](sys.argv[2])
