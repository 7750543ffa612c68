"""The icon as pictures, drawn by Chromium from icon.svg: `python -m tests.support.icons` writes favicon.ico and
apple-touch-icon.png beside it."""

import io
import os
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from app.pages.static_files import FOLDER

FAVICON, TOUCH_ICON = FOLDER / "favicon.ico", FOLDER / "apple-touch-icon.png"
FAVICON_SIZES = (16, 32, 48)
TOUCH_SIZE = 180
GROUND = "#2f5bd0"
"""Of the corners of the touch icon, which the system rounds."""


def drawn(browser: Browser, size: int, ground: str = "transparent") -> Image.Image:
    """The icon of a size in pixels."""
    page = browser.new_page(viewport={"width": size, "height": size})
    svg = (FOLDER / "icon.svg").read_text(encoding="utf-8").replace("<svg ", f'<svg width="{size}" height="{size}" ', 1)
    page.set_content(f'<body style="margin: 0; font-size: 0; background: {ground}">{svg}')
    picture = Image.open(io.BytesIO(page.screenshot(omit_background=True))).convert("RGBA")
    page.close()
    return picture


def write(folder: Path = FOLDER) -> None:
    """Draw both files."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        *smaller, largest = [drawn(browser, size) for size in FAVICON_SIZES]
        largest.save(
            folder / FAVICON.name,
            sizes=[(size, size) for size in FAVICON_SIZES],
            append_images=smaller,
        )
        drawn(browser, TOUCH_SIZE, GROUND).convert("RGB").save(folder / TOUCH_ICON.name, optimize=True)
        browser.close()


if __name__ == "__main__":
    write()
