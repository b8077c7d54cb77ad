"""The studio in Chromium: a face is drawn with mouse, pen, finger and keys; photos, files, faults, small screens."""

import base64
import json
import math
import os
import re
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import uvicorn
from PIL import Image
from playwright.sync_api import Browser, CDPSession, Download, Page, expect, sync_playwright
from studio_systems import Calls, make_studio, pixels, tiny_index

from pipeline.apps.faces import Asked
from pipeline.apps.studio.safety import Guard
from pipeline.apps.studio.server import make_app
from pipeline.apps.studio.systems import Systems
from pipeline.core import params
from pipeline.core.image_io import read_photo, write_photo
from pipeline.stages.crop.align import align
from pipeline.stages.crop.settings import CropParams
from pipeline.stages.demo.renderer import render_face

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
)
PATIENCE_MS = 60_000
SETTLED = ".card.photo[data-state=open] #photo:not([hidden])"
SENTENCE = re.compile(r"^[A-Z][^\n]{8,250}\.$")
expect.set_options(timeout=PATIENCE_MS)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")

Places = list[tuple[float, float]]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a studio whose nets are quick: lines stay, photos are colours; it has three faces to search among."""
    index = tiny_index(tmp_path_factory.mktemp("faces"))
    with serving(make_studio(Calls(side=256), index=index)) as found:
        yield found


@pytest.fixture(scope="module")
def trained() -> Iterator[str]:
    """Of a studio with the systems that ship."""
    with serving(make_app(Systems(Asked("lite", "auto", "cpu", Path("data"))), "127.0.0.1")) as found:
        yield found


@contextmanager
def serving(app: Guard, port: int = 0) -> Iterator[str]:
    """Runs a server; its address. `port` 0: any."""
    bound = socket.create_server(("127.0.0.1", port))
    running = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/"
    finally:
        running.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


Opens = Callable[..., Page]


@pytest.fixture
def opens(chromium: Browser, address: str) -> Iterator[Opens]:
    """Opens the studio, or the one `at` an address, as a visitor who has never been here.

    At the end: no faults, no request to elsewhere.
    """
    faults: list[str] = []
    asked: list[str] = []
    own: list[str] = []
    contexts = []

    def opened(tab: str = "draw", width: int = 1280, height: int = 800, at: str = address, **options: object) -> Page:
        own.extend((at, at.replace("http", "ws", 1), f"blob:{at}"))
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda told: faults.append(told.text) if told.type == "error" else None)
        context.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda line: asked.append(line.url))
        page.goto(f"{at}#{tab}")
        page.wait_for_selector(f"#panel-{tab}:not([hidden])")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith(tuple(own))] == []
    assert [fault for fault in faults if "422" not in fault] == []  # refused files are told in the console, too


@pytest.fixture
def page(opens: Opens) -> Page:
    return opens()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Of a rendered face."""
    path = tmp_path / "a photo.png"
    write_photo(path, render_face(384, 1, 7).photo)
    return path


def arc(x: float, y: float, width: float, height: float, start: float = 0, end: float = 2) -> Places:
    """Part of an ellipse; angles in half turns, from the right, downwards."""
    angles = [math.pi * (start + (end - start) * i / 8) for i in range(9)]  # each costs Chromium a repaint
    return [(x + width * math.cos(angle), y + height * math.sin(angle)) for angle in angles]


HEAD = [arc(0.5, 0.5, 0.29, 0.45, 0, 1), arc(0.5, 0.46, 0.29, 0.27, 1, 2), arc(0.5, 0.44, 0.37, 0.42, 0.9, 2.1)]
EYES = [arc(x, 0.48, 0.062, h, a, a + 1) for x in (0.365, 0.635) for h, a in ((0.03, 1), (0.022, 0))]
EYES += [arc(x, 0.48, r, r) for x in (0.365, 0.635) for r in (0.024, 0.01)]
BROWS = [arc(x, 0.43, 0.085, 0.045, 1.1, 1.9) for x in (0.36, 0.64)]
NOSE = [[(0.46, 0.5), (0.452, 0.58), (0.44, 0.64), (0.47, 0.655)], arc(0.5, 0.65, 0.035, 0.018, 1, 0)]
MOUTH = [[(0.41, 0.758), (0.47, 0.745), (0.5, 0.752), (0.53, 0.745), (0.59, 0.758)], arc(0.5, 0.758, 0.09, 0.045, 1, 0)]
FACE = [*HEAD, *EYES, *BROWS, *NOSE, *MOUTH, [(0.41, 0.76), (0.59, 0.76)]]


def on_paper(page: Page, places: Places, paper: str = "#paper") -> Places:
    """Places of the paper -> px of the window."""
    box = page.locator(paper).bounding_box()
    assert box is not None
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]


def draw(page: Page, *strokes: Places, paper: str = "#paper") -> None:
    """With the mouse."""
    for stroke in strokes:
        first, *rest = on_paper(page, stroke, paper)
        page.mouse.move(*first)
        page.mouse.down()
        for place in rest:
            page.mouse.move(*place)
        page.mouse.up()


def settle(page: Page) -> None:
    """Until the photo is that of the drawing."""
    page.wait_for_selector(SETTLED)


def save(page: Page, what: str) -> Path:
    """By the menu; -> the file."""
    page.get_by_role("button", name="Save", exact=True).click()
    with page.expect_download() as waiting:
        page.get_by_role("menuitem", name=what, exact=True).click()
    return kept(waiting.value)


def kept(download: Download) -> Path:
    """A downloaded file under the name that the page gave it."""
    path = Path(download.path()).with_name(download.suggested_filename)
    download.save_as(path)
    return path


def photo_of(page: Page) -> bytes:
    settle(page)
    return save(page, "Photo, PNG").read_bytes()


def strokes_of(page: Page) -> list[list[int]]:
    """What is on the paper, as a project holds it."""
    strokes: list[list[int]] = json.loads(save(page, "Project, to go on later").read_text())["strokes"]
    return strokes


def choose(page: Page, click: str, file: Path) -> None:
    """A file, by a button that asks for one."""
    with page.expect_file_chooser() as waiting:
        page.locator(click).click()
    waiting.value.set_files(file)


def example(page: Page, name: str) -> None:
    page.get_by_role("button", name="Examples").click()
    page.get_by_role("menuitem", name=name).click()
    settle(page)


# Drawing


def test_a_drawn_face_becomes_the_photo_of_a_face(opens: Opens, trained: str, tmp_path: Path) -> None:
    """That the detector of the crops finds, its eyes within a quarter of their distance of where they were drawn."""
    page = opens(at=trained)
    draw(page, *FACE)
    (tmp_path / "made.png").write_bytes(photo_of(page))
    made = read_photo(tmp_path / "made.png")
    assert made.shape == (256, 256, 3)
    crop = replace(params.load(CropParams, "crop"), size=256)
    large = np.pad(made, ((64, 64), (64, 64), (0, 0)), mode="edge")
    matrix, _ = align(Path("made"), large, crop)
    there = np.asarray(matrix) @ np.array([[64 + 0.365 * 256, 64 + 0.635 * 256], [64 + 0.48 * 256] * 2, [1, 1]])
    wanted = np.array([[0.365, 0.635], [0.48, 0.48]]) * 256
    assert np.abs(there[:2] - wanted).max() < 0.27 * 256 / 4


def test_the_photo_follows_the_drawing_and_undo_brings_it_back(opens: Opens, trained: str) -> None:
    page = opens(at=trained)
    draw(page, *HEAD, *EYES, *BROWS)
    before = photo_of(page)
    draw(page, *NOSE, *MOUTH)
    after = photo_of(page)
    assert after != before
    for _ in (*NOSE, *MOUTH):
        page.keyboard.press("Control+z")
    assert photo_of(page) == before
    for _ in (*NOSE, *MOUTH):
        page.keyboard.press("Control+Shift+z")
    assert photo_of(page) == after


def test_photos_come_while_the_pen_moves(page: Page) -> None:
    draw(page, *HEAD, *EYES)
    settle(page)
    number = page.locator(".card.photo").get_attribute("data-number")
    stroke = on_paper(page, arc(0.5, 0.758, 0.09, 0.045, 1, 0))
    page.mouse.move(*stroke[0])
    page.mouse.down()
    for place in stroke[1:]:
        page.mouse.move(*place)
    expect(page.locator(".card.photo")).not_to_have_attribute("data-number", number or "")
    page.mouse.up()


def test_an_empty_paper_has_no_photo(page: Page) -> None:
    expect(page.get_by_text("Draw a face: its photo appears here.")).to_be_visible()
    draw(page, *EYES)
    settle(page)
    page.keyboard.press("Control+Backspace")
    expect(page.locator("#photo")).to_be_hidden()
    page.keyboard.press("Control+z")
    settle(page)
    assert len(strokes_of(page)) == len(EYES)


def test_eraser_takes_whole_strokes_and_undo_brings_them_back(page: Page) -> None:
    draw(page, [(0.2, 0.3), (0.8, 0.3)], [(0.2, 0.6), (0.8, 0.6)])
    both = strokes_of(page)
    page.keyboard.press("e")
    draw(page, [(0.5, 0.5), (0.5, 0.7)])
    assert strokes_of(page) == both[:1]
    page.keyboard.press("Control+z")
    assert strokes_of(page) == both


def test_mirror_draws_both_halves(page: Page) -> None:
    page.keyboard.press("m")
    draw(page, [(0.2, 0.3), (0.35, 0.4)])
    left, right = strokes_of(page)
    assert [10000 - x for x in left[::4]] == right[::4]
    assert left[1::4] == right[1::4]


def test_zoom_keeps_places(page: Page) -> None:
    """At double zoom about the middle, the window's quarters are the paper's three eighths."""
    page.keyboard.press("Tab")
    box = on_paper(page, [(0.5, 0.5)])[0]
    page.mouse.move(*box)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -round(300 * math.log(2)))
    page.keyboard.up("Control")
    expect(page.get_by_role("button", name="Zoom: all of the paper")).to_have_text("200%")
    draw(page, [(0.25, 0.5), (0.75, 0.5)])
    page.keyboard.press("0")
    expect(page.get_by_role("button", name="Zoom: all of the paper")).to_have_text("100%")
    stroke = strokes_of(page)[0]
    assert (stroke[0], stroke[-4]) == pytest.approx((3750, 6250), abs=40)


def test_smoothing_takes_out_what_a_hand_shakes(page: Page) -> None:
    shaky = [(0.2 + 0.6 * i / 60, 0.5 + 0.008 * (-1) ** i) for i in range(61)]
    slider = page.get_by_label("Smoothing")
    deviations = []
    for value in ("0", "0.8"):
        slider.fill(value)
        draw(page, shaky)
        deviations.append(np.std(np.array(strokes_of(page)[-1]).reshape(-1, 4)[5:-2, 1]))
    assert deviations[1] < deviations[0] / 2


def test_the_page_goes_on_when_its_server_comes_back(chromium: Browser) -> None:
    """What was drawn in between is made into a photo then."""
    page = chromium.new_page()
    with serving(make_studio(Calls(side=256))) as found:
        page.goto(found)
        draw(page, *EYES)
        settle(page)
    expect(page.locator(".card.photo")).to_have_attribute("data-state", "away")
    expect(page.locator("#state")).to_have_text("not connected")
    number = page.locator(".card.photo").get_attribute("data-number") or ""
    draw(page, *BROWS)
    with serving(make_studio(Calls(side=256)), int(found.rstrip("/").rsplit(":")[-1])):
        page.wait_for_selector(SETTLED, timeout=PATIENCE_MS)
        assert page.locator(".card.photo").get_attribute("data-number") != number
        page.close()


# Pen and fingers


def pen(page: Page, session: CDPSession, stroke: Places, forces: list[float], buttons: int = 1) -> None:
    """A stroke with a pen, pressed by a force each place."""
    places = on_paper(page, stroke)
    common = {"pointerType": "pen", "button": "left", "buttons": buttons, "clickCount": 1}
    kinds = ["mousePressed", *["mouseMoved"] * (len(places) - 1)]
    for kind, (x, y), force in zip(kinds, places, forces, strict=True):
        session.send("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, "force": force, **common})
    x, y = places[-1]
    session.send("Input.dispatchMouseEvent", {"type": "mouseReleased", "x": x, "y": y, **common, "buttons": 0})


def finger(page: Page, session: CDPSession, stroke: Places, paper: str = "#paper") -> None:
    places = on_paper(page, stroke, paper)
    for kind, (x, y) in zip(["touchStart", *["touchMove"] * (len(places) - 1)], places, strict=True):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


LINE = [(0.2 + 0.6 * i / 20, 0.5) for i in range(21)]


def test_a_pen_draws_as_it_is_pressed(page: Page) -> None:
    page.get_by_label("Smoothing").fill("0")
    session = page.context.new_cdp_session(page)
    pen(page, session, LINE, [0.1 + 0.8 * i / 20 for i in range(21)])
    stroke = np.array(strokes_of(page)[0]).reshape(-1, 4)
    assert (np.diff(stroke[:, 2]) >= 0).all()
    assert stroke[-1, 2] > 1.6 * stroke[0, 2]
    assert stroke[0, 3] < 50 < 95 < stroke[-1, 3]
    draw(page, [(0.2, 0.7), (0.8, 0.7)])
    by_mouse = np.array(strokes_of(page)[1]).reshape(-1, 4)
    assert len(set(by_mouse[:, 2])) == 1
    assert set(by_mouse[:, 3]) == {100}


def test_a_face_drawn_with_a_pen_becomes_a_photo(page: Page) -> None:
    session = page.context.new_cdp_session(page)
    for stroke in FACE:
        pen(page, session, stroke, [0.6] * len(stroke))
    settle(page)
    assert len(strokes_of(page)) == len(FACE)


def test_a_finger_draws_until_a_pen_is_seen(opens: Opens) -> None:
    page = opens(has_touch=True)
    session = page.context.new_cdp_session(page)
    finger(page, session, LINE)
    assert len(strokes_of(page)) == 1
    pen(page, session, [(x, 0.6) for x, _ in LINE], [0.5] * 21)
    finger(page, session, [(x, 0.7) for x, _ in LINE])
    assert len(strokes_of(page)) == 2


def test_two_fingers_zoom_and_draw_nothing(opens: Opens) -> None:
    page = opens(has_touch=True)
    session = page.context.new_cdp_session(page)
    for i in range(11):
        points = on_paper(page, [(0.45 - 0.02 * i, 0.5), (0.55 + 0.02 * i, 0.5)])
        touches = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": "touchMove" if i else "touchStart", "touchPoints": touches})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    zoom = page.get_by_role("button", name="Zoom: all of the paper").text_content() or ""
    assert int(zoom.rstrip("%")) > 250
    assert strokes_of(page) == []


# Keys and screen readers


def test_a_line_is_drawn_by_keys_alone(page: Page) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "paper":
            break
    assert page.evaluate("document.activeElement.id") == "paper"
    page.keyboard.press("Enter")
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Pen lifted")).to_be_attached()
    settle(page)
    stroke = strokes_of(page)[0]
    assert (stroke[0], stroke[-4]) == (5000, 6000)
    assert set(stroke[1::4]) == {4800}


def test_tabs_and_menus_work_by_keys(page: Page) -> None:
    page.get_by_role("tab", name="Draw").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Photo to sketches")).to_be_focused()
    expect(page.locator("#panel-sketches")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="Examples").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Examples")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


UNNAMED = """() => [...document.querySelectorAll("button, input, canvas, img, [role=radiogroup], [role=menu]")]
  .filter((e) => !(e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.length || e.closest("label")
    || e.hasAttribute("alt") || e.closest(".empty"))).map((e) => e.outerHTML.slice(0, 120))"""
FAINT = """() => {
  const even = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const light = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map((value) => even(value / 255))
    .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
  const seen = (colour) => !/, 0\\)$|transparent/.test(colour);
  const behind = (e) => {
    while (e && !seen(getComputedStyle(e).backgroundColor)) e = e.parentElement;
    return e ? getComputedStyle(e).backgroundColor : "rgb(255, 255, 255)";
  };
  const told = (e) => [...e.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  return [...document.querySelectorAll("main *, header *")]
    .filter((e) => told(e) && e.checkVisibility({ opacityProperty: true }) && !e.closest(":disabled, .off"))
    .map((e) => [e.textContent.trim(), [light(getComputedStyle(e).color), light(behind(e))].sort((a, b) => b - a)])
    .filter(([, [more, less]]) => (more + 0.05) / (less + 0.05) < 4.5).map(([text]) => text);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_control_has_a_name_and_every_word_stands_out(opens: Opens, scheme: str, photo: Path) -> None:
    """Contrast of 4.5 at least, as WCAG 2.1 asks for text (1.4.3)."""
    page = opens(color_scheme=scheme)
    page.locator("input[value=photo]").check(force=True)
    example(page, "First sketch")
    assert page.evaluate(UNNAMED) == []
    assert page.evaluate(FAINT) == []
    page.get_by_role("tab", name="Photo to sketches").click()
    choose(page, "#drop-photo", photo)
    page.wait_for_selector(".style-row")
    assert page.evaluate(UNNAMED) == []
    assert page.evaluate(FAINT) == []
    page.get_by_role("tab", name="Search").click()
    expect(page.locator(".matches img")).to_have_count(3)
    assert page.evaluate(FAINT) == []
    page.get_by_role("tab", name="Edit").click()
    assert page.evaluate(FAINT) == []
    choose(page, "#edit-photo", photo)
    edited(page)
    assert page.evaluate(UNNAMED) == []
    assert page.evaluate(FAINT) == []


def test_nothing_is_cut_off_at_any_width(page: Page, photo: Path) -> None:
    page.locator("input[value=photo]").check(force=True)
    page.get_by_role("tab", name="Edit").click()
    choose(page, "#edit-photo", photo)
    edited(page)
    for width, height in ((360, 640), (640, 844), (768, 1024), (1024, 768), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        for tab in ("Photo to sketches", "Edit", "Search", "Draw"):
            page.get_by_role("tab", name=tab).click()
            assert page.evaluate("document.scrollingElement.scrollWidth") <= width
        box = page.locator("#paper").bounding_box()
        assert box is not None
        assert box["width"] == pytest.approx(box["height"], abs=1)
        assert box["width"] >= min(0.5 * width, 300)
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


def test_the_theme_is_the_visitor_s_choice(opens: Opens) -> None:
    page = opens(color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Light or dark").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    page.wait_for_selector("#paper")
    assert page.evaluate(ground) == dark


# Choices


def test_refinement_tones_and_draws_change_the_photo(page: Page, photo: Path) -> None:
    page.locator("input[value=photo]").check(force=True)
    example(page, "First sketch")
    photos = [photo_of(page)]
    page.locator("input[name=tone][value=dark-black]").check(force=True)
    photos.append(photo_of(page))
    page.keyboard.press("n")
    photos.append(photo_of(page))
    choose(page, "#like", photo)
    expect(page.locator("#like")).to_have_class(re.compile("chosen"))
    photos.append(photo_of(page))
    page.locator("input[name=tone][value='']").check(force=True)
    assert photo_of(page) == photos[0]
    page.get_by_label("Refine").fill("1")
    photos.append(photo_of(page))
    assert len(set(photos)) == 5


def test_each_model_makes_its_own_photo(opens: Opens, trained: str) -> None:
    page = opens(at=trained)
    example(page, "Short hair")
    photos = set()
    for model in ("lite", "photo", "faces"):
        page.locator(f"input[value={model}]").check(force=True)
        photos.add(photo_of(page))
    assert len(photos) == 3


# Files


def test_every_download_opens(page: Page) -> None:
    example(page, "Long hair")
    sides = {"Photo, PNG": 256, "Calibrated strokes, PNG": 256, "Drawing, PNG": 1024}
    for what, side in sides.items():
        path = save(page, what)
        assert re.fullmatch(r"face-[\d-]+-\w+\.png", path.name)
        with Image.open(path) as image:
            image.load()
            assert (image.format, image.size) == ("PNG", (side, side))
    for what in ("Calibrated strokes, SVG", "Drawing, SVG"):
        root = ElementTree.parse(save(page, what)).getroot()
        assert len(root.findall(".//{http://www.w3.org/2000/svg}path")) >= 10


def test_a_project_loads_again(opens: Opens) -> None:
    page = opens()
    page.locator("input[value=photo]").check(force=True)
    page.locator("input[name=tone][value=dark-black]").check(force=True)
    draw(page, *FACE)
    made, project = photo_of(page), save(page, "Project, to go on later")
    other = opens()
    choose(other, "#open", project)
    assert photo_of(other) == made
    assert strokes_of(other) == strokes_of(page)


def test_a_drawing_lasts_in_the_browser(page: Page) -> None:
    draw(page, *EYES)
    strokes = strokes_of(page)
    page.wait_for_timeout(600)
    page.reload()
    settle(page)
    assert strokes_of(page) == strokes


def test_a_picture_opens_as_strokes(page: Page) -> None:
    example(page, "Long hair")
    drawing = save(page, "Drawing, PNG")
    page.keyboard.press("Control+Backspace")
    choose(page, "#open", drawing)
    settle(page)
    assert len(strokes_of(page)) > 15
    page.keyboard.press("Control+z")
    expect(page.locator("#photo")).to_be_hidden()


def test_a_photo_to_trace_stays_in_the_browser(page: Page, photo: Path) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    before = page.locator("#paper").screenshot()
    choose(page, "[aria-label='Photo to trace']", photo)
    expect(page.get_by_label("Photo's strength")).to_be_visible()
    page.wait_for_timeout(200)
    shown = page.locator("#paper").screenshot()
    assert shown != before
    page.keyboard.press("t")
    page.wait_for_timeout(200)
    assert page.locator("#paper").screenshot() != shown
    page.keyboard.press("t")
    page.wait_for_timeout(200)
    assert page.locator("#paper").screenshot() == shown
    page.keyboard.press("b")
    draw(page, *EYES)
    assert len(strokes_of(page)) == len(EYES)
    assert [url for url in asked if not url.startswith("blob:")] == []


WRONG = {
    "notes.txt": b"no picture",
    "cut.png": b"\x89PNG\r\n\x1a\nabc",
    "other.json": b'{"strokes": 3}',
    "broken.json": b"{",
    "evil.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
}


def test_a_wrong_file_gets_a_sentence_and_the_drawing_stays(page: Page, tmp_path: Path) -> None:
    draw(page, *BROWS)
    for name, content in WRONG.items():
        (tmp_path / name).write_bytes(content)
        choose(page, "#open", tmp_path / name)
        told = page.locator(".toast.fault")
        expect(told).to_be_visible()
        assert SENTENCE.match(told.text_content() or ""), name
        page.evaluate("() => document.querySelector('.toast').remove()")
    assert len(strokes_of(page)) == len(BROWS)


def test_a_photo_without_a_face_gets_a_sentence(opens: Opens, tmp_path: Path) -> None:
    page = opens("sketches")
    Image.new("RGB", (300, 300), (90, 120, 160)).save(tmp_path / "sky.png")
    choose(page, "#drop-photo", tmp_path / "sky.png")
    told = page.locator(".toast.fault")
    expect(told).to_contain_text("No face could be used")
    assert SENTENCE.match(told.text_content() or "")


def test_a_photo_becomes_sketches_to_save_and_to_draw_on(opens: Opens, photo: Path) -> None:
    page = opens("sketches")
    choose(page, "#drop-photo", photo)
    rows = page.locator(".style-row")
    expect(rows).to_have_count(4)
    assert page.locator(".style-row img").count() == 12
    with page.expect_download() as waiting:
        rows.first.get_by_role("button", name="SVG").click()
    assert ElementTree.parse(kept(waiting.value)).getroot().tag.endswith("svg")
    with page.expect_download() as waiting:
        rows.first.get_by_role("button", name="Save").first.click()
    with Image.open(kept(waiting.value)) as image:
        assert image.size == (256, 256)
    rows.first.get_by_role("button", name="Draw on it").click()
    expect(page.locator("#panel-draw")).to_be_visible()
    settle(page)
    assert len(strokes_of(page)) > 10


# Editing


SHOWN = """() => {
  const { asked, number } = document.querySelector(".card.edited").dataset;
  return number !== undefined && asked === number;
}"""


def edited(page: Page) -> np.ndarray:
    """What the page shows of the edited photo, (S, S, 3), once it is that of all strokes."""
    page.wait_for_function(SHOWN)
    url: str = page.evaluate("document.querySelector('#edited').toDataURL()")
    return pixels(base64.b64decode(url.partition(",")[2]))[..., :3].astype(int)


BAND: Places = [(0.3, 0.5), (0.7, 0.5)]


def test_a_photo_is_erased_drawn_on_compared_and_saved(opens: Opens, photo: Path, tmp_path: Path) -> None:
    """By a stand-in for the net, whose lines are black; undo brings back what was, every other pixel stays."""
    page = opens("edit")
    choose(page, "#edit-photo", photo)
    before = edited(page)
    draw(page, BAND, paper="#photo-paper")
    erased = edited(page)
    changed = (erased != before).any(-1)
    rows, columns = np.nonzero(changed)
    side = len(before)
    assert (rows.mean() / side, columns.mean() / side) == pytest.approx((0.5, 0.5), abs=0.02)
    assert np.ptp(columns) > 3 * np.ptp(rows)
    page.keyboard.press("b")
    draw(page, BAND, paper="#photo-paper")
    lined = edited(page)
    assert lined[side // 2, side // 2].max() < 100 < erased[side // 2, side // 2].max()
    page.keyboard.press("Control+z")
    assert np.array_equal(edited(page), erased)
    page.keyboard.press("Control+Shift+z")
    assert np.array_equal(edited(page), lined)
    page.keyboard.press("x")
    assert np.array_equal(edited(page), before)
    page.keyboard.press("x")
    page.keyboard.press("e")
    draw(page, [(0.5, 0.4), (0.5, 0.6)], paper="#photo-paper")
    assert np.array_equal(edited(page), erased), "lines lie above what is erased"
    with page.expect_download() as waiting:
        page.keyboard.press("Control+s")
    saved, own = (np.asarray(Image.open(path)) for path in (kept(waiting.value), photo))
    assert saved.shape == own.shape
    assert 0.01 < (saved != own).any(-1).mean() < 0.2
    (tmp_path / "notes.txt").write_bytes(b"no picture")
    choose(page, "text=Open photo", tmp_path / "notes.txt")
    expect(page.locator(".toast.fault")).to_contain_text("JPEG or PNG")
    assert np.array_equal(edited(page), erased), "a wrong file takes nothing away"


def test_a_colour_is_picked_and_painted_by_keys_and_fingers(opens: Opens) -> None:
    page = opens("edit", has_touch=True)
    page.get_by_role("button", name="Try it on a rendered face").click()
    before = edited(page)
    page.keyboard.press("i")
    page.locator("#photo-paper").focus()
    page.keyboard.press("Enter")
    picked = page.locator("#other-colour").input_value()
    side = len(before)
    near = before[round(0.48 * side) - 3 : round(0.48 * side) + 4, side // 2 - 3 : side // 2 + 4].reshape(-1, 3)
    colour = np.array([int(picked[i : i + 2], 16) for i in (1, 3, 5)])
    assert np.abs(near.mean(0) - colour).max() < 25
    expect(page.locator("#panel-edit .tool[data-tool=colours]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("m")
    finger(page, page.context.new_cdp_session(page), BAND, "#photo-paper")
    gray = edited(page)
    page.get_by_role("radio", name="Blue").check(force=True)
    page.locator("#photo-paper").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    blue = edited(page) - gray
    at = blue[round(0.48 * side), round(0.52 * side)]
    assert at[2] > at[0] + 40


def test_without_an_index_the_tab_says_what_to_do(opens: Opens, trained: str) -> None:
    page = opens("search", at=trained)
    expect(page.locator("#panel-search")).to_contain_text("cali-sketch studio --index faces.index")


# Searching


def test_look_alikes_follow_the_drawing_that_the_tabs_share(opens: Opens) -> None:
    page = opens("search")
    expect(page.get_by_text("A ranking of look-alikes, never an identification.")).to_be_visible()
    page.get_by_role("button", name="Examples").click()
    page.get_by_role("menuitem", name="First sketch").click()
    expect(page.locator(".matches img")).to_have_count(3)
    ranking = page.locator(".ranking")
    names = page.locator(".matches .name").all_text_contents()
    assert sorted(names) == ["1.png", "2.png", "3.png"]
    cosines = [float(text) for text in page.locator(".matches .cosine").all_text_contents()]
    assert cosines == sorted(cosines, reverse=True)
    number = ranking.get_attribute("data-number") or ""
    draw(page, *MOUTH)
    expect(ranking).not_to_have_attribute("data-number", number)
    page.keyboard.press("Control+Backspace")
    expect(page.locator(".matches li")).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(page.locator(".matches li")).to_have_count(3)
    page.get_by_role("tab", name="Draw").click()
    settle(page)
    assert len(strokes_of(page)) > len(MOUTH)


@pytest.mark.skipif("CALI_SKETCH_SCREENSHOTS" not in os.environ, reason="CALI_SKETCH_SCREENSHOTS names no folder")
def test_screenshots_to_look_at(opens: Opens, trained: str, photo: Path) -> None:
    folder = Path(os.environ["CALI_SKETCH_SCREENSHOTS"])
    sizes = {"desk": (1280, 800), "phone": (390, 844)}
    for name, (width, height) in sizes.items():
        for scheme in ("light", "dark"):
            page = opens(at=trained, width=width, height=height, color_scheme=scheme)
            page.locator("input[value=photo]").check(force=True)
            example(page, "First sketch")
            page.wait_for_timeout(500)
            page.screenshot(path=folder / f"draw-{name}-{scheme}.png", full_page=True)
            page.get_by_role("tab", name="Photo to sketches").click()
            choose(page, "#drop-photo", photo)
            page.wait_for_selector(".style-row")
            page.wait_for_timeout(500)
            page.screenshot(path=folder / f"sketches-{name}-{scheme}.png", full_page=True)
            page.close()
