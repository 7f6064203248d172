"""`python -m hack.report`: a report as a real browser shows it, for the docs.

The report is of the example, or of a version of any export: `--records FILE --version MODEL/VERSION`, where the file
is what `kubectl sluice export records` writes.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hack.report import example

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_PICTURE = Path("docs/report.png")
_WIDTH, _HEIGHT = 940, 1390
_MOST_BYTES = 150_000


def main() -> int:
    """Make the picture; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m hack.report", description=__doc__)
    parser.add_argument("--records", type=Path, help="an export; the example otherwise")
    parser.add_argument("--version", default=f"{example.MODEL}/{example.NEW}", help="which version's report")
    parser.add_argument("--picture", type=Path, default=_PICTURE)
    parser.add_argument("--height", type=int, default=_HEIGHT)
    chosen = parser.parse_args()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print("report: there is no browser: apt-get install chromium", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="sluice-report-") as folder:
        page = Path(folder) / "report.html"
        _report(chosen.records, chosen.version, page, Path(folder))
        _shot(browser, page, chosen.picture, height=chosen.height, profile=Path(folder) / "profile")
    size = chosen.picture.stat().st_size
    print(f"{chosen.picture}: {size:,} bytes")
    if size > _MOST_BYTES:
        print(f"report: more than {_MOST_BYTES:,} bytes: choose a smaller --height", file=sys.stderr)
        return 1
    return 0


def _report(records: Path | None, version: str, page: Path, folder: Path) -> None:
    """Write the report as people do, by the command."""
    source = ["--records", str(records)] if records is not None else []
    if records is None:
        database = folder / "ledger.db"
        example.record(database).close()
        source = ["--ledger-url", f"sqlite:///{database}"]
    command = [sys.executable, "-m", "sluice_operator.cli", "export", "report", version, "--file", str(page), *source]
    subprocess.run(command, check=True)


def _shot(browser: str, page: Path, picture: Path, *, height: int, profile: Path) -> None:
    """What the browser shows. It has no sandbox of its own where it runs as root, and opens nothing but our page."""
    command = [
        browser,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--disable-dev-shm-usage",
    ]
    command += [f"--user-data-dir={profile}", f"--window-size={_WIDTH},{height}", f"--screenshot={picture.resolve()}"]
    subprocess.run([*command, page.as_uri()], check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    sys.exit(main())
