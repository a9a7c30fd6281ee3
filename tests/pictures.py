"""Makes the pictures of the README from the store that `make demo` filled: `make pictures`."""

import io
import os
import subprocess
import sys
from pathlib import Path

from browser import CHROMIUM, QUIET_PAGE, chromium
from playwright.sync_api import Error, Page, sync_playwright
from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI

from repro.judge_project import judge_project

EXAMPLE = Path(__file__).parent.parent / "examples" / "digits_optimizers"
FRAME = "<body style='margin:0;background:#191919'>{code}</body>"
CODE = (
    "<pre id='verdict' style='margin:0;padding:24px 28px;display:inline-block;background:#191919;"
    "color:#d9d9d9;font:15px/1.4 DejaVu Sans Mono,monospace'>$ repro audit\n\n{code}</pre>"
)
PORT = 5057


def verdict_html() -> str:
    """What `repro audit` prints in the example's folder, in its colours."""
    report, _ = judge_project(
        names=(), form="text", strict=False, tags=True, tracking_uri=None, experiment=None
    )
    console = Console(record=True, file=io.StringIO(), force_terminal=True, width=200)
    console.print(report, soft_wrap=True)
    html = console.export_html(inline_styles=True, code_format=CODE, theme=DIMMED_MONOKAI)
    return FRAME.format(code=html)


def picture_of_the_verdict(page: Page) -> None:
    """`verdict.png`."""
    page.set_content(verdict_html())
    page.locator("#verdict").screenshot(path=EXAMPLE / "verdict.png")


def picture_of_the_run_list(page: Page) -> None:
    """`run-list.png`: the saved view in MLflow, its groups opened."""
    command = [sys.executable, "-m", "repro", "ui", "--port", str(PORT)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert server.stdout is not None
    try:
        url = server.stdout.readline().strip()
        _await(page, url)
        page.add_style_tag(content="[data-assistant-ui]{display:none!important}")
        page.get_by_text("repro.protocol").first.wait_for()
        page.wait_for_timeout(2_000)  # columns settle
        page.screenshot(path=EXAMPLE / "run-list.png")
    finally:
        os.killpg(server.pid, 15)
        server.wait()


def _await(page: Page, url: str) -> None:
    for _ in range(60):
        try:
            page.goto(url)
            return
        except Error:  # the server is not up yet
            page.wait_for_timeout(1_000)
    raise TimeoutError(url)


def main() -> None:
    """Both pictures."""
    os.chdir(EXAMPLE)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=[*CHROMIUM])
        page = browser.new_page(viewport={"width": 1760, "height": 760})
        page.add_init_script(QUIET_PAGE)
        picture_of_the_verdict(page)
        picture_of_the_run_list(page)
        browser.close()


if __name__ == "__main__":
    main()
