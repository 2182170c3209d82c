"""A server and a headless Chromium for tests of the web page."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from support.paths import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NODE = shutil.which("node")
NODE_MODULES = ROOT / "tests" / "serve" / "page" / "node_modules"
ENGINE = ROOT / "src" / "wallpaint" / "serve" / "page" / "js" / "engine"
# WebGL in software; no requests of the browser's own.
ARGUMENTS = (
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu-watchdog",  # it ends the process that renders in software when the machine is busy
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
TIMEOUT_MS = 60_000  # only ends a test that hangs


@contextmanager
def running_server(data: Path, *options: str) -> Iterator[str]:
    """Run `wallpaint serve` and yield its address."""
    command = [sys.executable, "-m", "wallpaint", "serve", "--port", "0", "--data", str(data), *options]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            address = re.search(r"http://\S+", process.stdout.readline())
            assert address, "the server printed no address"
            yield address[0].rstrip("/") + "/"
        finally:
            process.terminate()


@contextmanager
def running_browser(arguments: Sequence[str] = ARGUMENTS) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(arguments), chromium_sandbox=False, timeout=TIMEOUT_MS
        )
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, address: str, **options: Any) -> Iterator[Page]:
    """Open the page in a new profile. Fails if the page throws or is refused something by its own security policy."""
    context = browser.new_context(**{"viewport": {"width": 1366, "height": 820}, "locale": "en-GB", **options})
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: "Content Security" in message.text and errors.append(message.text))
    page.goto(address)
    yield page
    context.close()
    assert not errors, errors


def choose_photo(page: Page, photo: Path) -> None:
    """Choose a photo and wait for its first preview."""
    page.set_input_files("#file", photo)
    page.wait_for_selector("body[data-screen=editor]")
    settle(page)


def settle(page: Page) -> None:
    """Wait until the walls are saved and all previews are drawn."""
    page.wait_for_selector("body[data-preview=ready]")
    page.wait_for_selector("#busy", state="hidden")


def set_color(page: Page, color: str) -> None:
    page.fill("#hex", color)
    page.press("#hex", "Enter")


def wall_point(page: Page, x: float, y: float) -> tuple[float, float]:
    """The place on the screen of a point of the photo, given in fractions of it."""
    box = page.locator("#view").bounding_box()
    assert box is not None
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def screen_pixel(page: Page, x: float, y: float) -> tuple[int, ...]:
    """The colour on the screen of a point of the photo, given in fractions of it."""
    at = wall_point(page, x, y)
    clip = {"x": round(at[0]), "y": round(at[1]), "width": 1, "height": 1}
    with Image.open(io.BytesIO(page.screenshot(clip=clip))) as image:  # type: ignore[arg-type]
        return tuple(image.convert("RGB").getpixel((0, 0)))  # type: ignore[arg-type]


def eventually(page: Page, condition: Callable[[], bool], seconds: float = 30) -> bool:
    """Whether a condition becomes true; how soon depends on the machine's load."""
    for _ in range(round(5 * seconds)):
        if condition():
            return True
        page.wait_for_timeout(200)
    return condition()
