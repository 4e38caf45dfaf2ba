"""A Chromium for the browser tests: the machine's own, else Playwright's download, else the distribution's package."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
INSTALL_SECONDS = 900
#: Half a minute, as Playwright has it, is little for a browser's start on a busy machine.
START_SECONDS = 180
#: A browser on a shared machine without a screen, which asks nobody outside for anything.
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage")


def find_chromium() -> str | None:
    """Path of a Chromium that starts, None for none. CHROMIUM names one outright."""
    named = os.environ.get("CHROMIUM", "")
    candidates = [named] if named else [path for name in NAMES if (path := shutil.which(name))]
    return next((path for path in [*candidates, *_downloaded()] if _starts(path)), None)


def launch_arguments() -> dict[str, Any]:
    """What Playwright's `launch` needs; RuntimeError when there is no Chromium."""
    found = find_chromium()
    if found is None:
        raise RuntimeError("no Chromium: run `python tests/find_chromium.py --install`")
    return {"executable_path": found, "args": list(ARGUMENTS), "timeout": START_SECONDS * 1000}


def _downloaded() -> list[str]:
    root = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", "") or Path.home() / ".cache" / "ms-playwright")
    return sorted((str(path) for path in root.glob("chromium-*/chrome-linux*/chrome")), reverse=True)


def _starts(path: str) -> bool:
    try:
        told = subprocess.run([path, "--version"], capture_output=True, timeout=START_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return told.returncode == 0


def install() -> str | None:
    """Finds or fetches a Chromium; None when neither way works."""
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    ways = (
        [[sys.executable, "-m", "playwright", "install", "chromium"]],
        [[*root, "apt-get", "update", "-q"], [*root, "apt-get", "install", "-y", "-q", "chromium"]],
    )
    for way in ways:
        if found := find_chromium():
            return found
        for command in way:
            try:
                subprocess.run(command, timeout=INSTALL_SECONDS, check=False, stdout=sys.stderr)
            except (OSError, subprocess.TimeoutExpired) as error:
                sys.stderr.write(f"{command[0]}: {error}\n")
                break
    return find_chromium()


if __name__ == "__main__":
    chromium = install() if "--install" in sys.argv else find_chromium()
    if chromium is None:
        sys.exit("No Chromium: install your system's chromium package, or name one in CHROMIUM.")
    sys.stdout.write(chromium + "\n")
