"""`python -m benchmarks.studio`: from the end of a stroke to the new photo, in Chromium. Leave the machine idle."""

import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

import uvicorn
from playwright.sync_api import Page, sync_playwright

from pipeline.apps.faces import Asked
from pipeline.apps.studio.server import make_app
from pipeline.apps.studio.systems import Systems

BAR_MS, STROKES, SETTLED = 500.0, 20, ".card.photo[data-state=open] #photo:not([hidden])"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
WATCH = """() => {
  const photo = document.querySelector("#photo"), card = document.querySelector(".card.photo");
  window.measured = [];
  document.querySelector("#paper").addEventListener("pointerup", () => { window.lifted = performance.now(); });
  photo.addEventListener("load", () => requestAnimationFrame(() => {
    if (card.dataset.state !== "open" || !window.lifted) return;
    window.measured.push(performance.now() - window.lifted);
    window.lifted = 0;
  }));
}"""


@contextmanager
def serving(runtime: str) -> Iterator[str]:
    """The studio in this process, beginning with `lite`; its address."""
    bound = socket.create_server(("127.0.0.1", 0))
    app = make_app(Systems(Asked("lite", runtime, "cpu", Path("data"))), "127.0.0.1")
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join()


def stroke(page: Page, y: float) -> None:
    """A line across the face of twenty steps, a sixtieth of a second each."""
    box = page.locator("#paper").bounding_box()
    assert box is not None
    places = [(box["x"] + (0.3 + 0.02 * i) * box["width"], box["y"] + y * box["height"]) for i in range(21)]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place)
        page.wait_for_timeout(1000 / 60)
    page.mouse.up()


def latencies(address: str) -> list[float]:
    """Milliseconds from each of STROKES pen lifts to the frame that shows the photo of all strokes."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(120_000)  # an ONNX model is made at the first call
        page.goto(address)
        page.get_by_role("button", name="Examples").click()
        page.get_by_role("menuitem", name="First sketch").click()
        page.wait_for_selector(SETTLED)
        page.evaluate(WATCH)
        for i in range(STROKES):
            stroke(page, 0.2 + 0.6 * i / STROKES)
            page.wait_for_selector(SETTLED)
            page.wait_for_timeout(300)
        found: list[float] = page.evaluate("() => window.measured")
        browser.close()
    return found


def main(runtime: str) -> None:
    """Print median and 95th percentile beside the bar."""
    with serving(runtime) as address:
        found = latencies(address)
    worst = quantiles(found, n=20)[-1]
    print(f"studio, end of a stroke to the new photo (lite, {runtime}): {median(found):.0f} ms, {worst:.0f} at 95 %")
    print(f"bar: {BAR_MS:.0f} ms; {len(found)} strokes of {STROKES} seen")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "auto")
