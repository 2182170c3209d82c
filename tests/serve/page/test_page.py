"""The web page in a headless Chromium: what users do, on screens from a phone to a laptop."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from PIL import Image

import wallpaint
from support.browser import (
    CHROMIUM,
    NODE_MODULES,
    choose_photo,
    eventually,
    opened,
    running_browser,
    running_server,
    screen_pixel,
    set_color,
    settle,
    wall_point,
)
from support.paths import ROOT
from wallpaint import extras
from wallpaint.imaging import color

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.skipif(not extras.is_installed("playwright"), reason="the Python package playwright is not installed"),
]

ROOM = ROOT / "examples" / "room.jpg"
ON_WALL, ON_FLOOR = (0.35, 0.12), (0.75, 0.93)  # of the example room
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
LOSE_CONTEXT = """
  window.lost = document.querySelector("#painted").getContext("webgl2").getExtension("WEBGL_lose_context");
  lost.loseContext();"""
WITHOUT_WEBGL = """
  const original = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
    return kind === "webgl2" ? null : original.call(this, kind, ...rest);
  };"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    palette = str(ROOT / "examples" / "paints.csv")
    with running_server(tmp_path_factory.mktemp("serve"), "--palette", palette, "--workers", "2") as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def small_room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example room at 768 x 512, for tests of what does not depend on size."""
    path = tmp_path_factory.mktemp("photos") / "small room.jpg"
    with Image.open(ROOM) as image:
        image.resize((768, 512), Image.Resampling.LANCZOS).save(path, quality=92)
    return path


def lab_of(rgb: tuple[int, ...]) -> np.ndarray:
    return color.linear_to_lab(color.srgb_to_linear(np.array(rgb) / 255))


def difference(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    return float(color.delta_e_2000(lab_of(a), lab_of(b)))


def toast_text(page: Page) -> str:
    page.wait_for_selector("#toast:not([hidden])")
    return page.inner_text("#toast-text")


def accessibility_violations(page: Page) -> list[str]:
    """Rules of axe-core that the page breaks."""
    page.evaluate((NODE_MODULES / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    result: dict[str, Any] = page.evaluate("axe.run()")
    return [
        f"{entry['id']}: {node['target']} {node['failureSummary']}"
        for entry in result["violations"]
        for node in entry["nodes"]
    ]


# -- the whole way


def test_from_photo_to_file(browser: Browser, address: str, small_room: Path, tmp_path: Path) -> None:
    """One action shows the first preview. Only the walls change, in the file as on the screen."""
    with opened(browser, address) as page:
        choose_photo(page, small_room)  # the one action
        assert page.evaluate("performance.getEntriesByName('first-preview').length") == 1
        assert page.locator("#walls input[role=switch]").count() >= 1
        page.wait_for_timeout(300)
        first = screen_pixel(page, *ON_WALL)
        set_color(page, "#b5523b")
        page.wait_for_timeout(500)
        assert eventually(page, lambda: screen_pixel(page, *ON_WALL)[0] > screen_pixel(page, *ON_WALL)[1] + 30), (
            "the wall is red"
        )
        red, floor = screen_pixel(page, *ON_WALL), screen_pixel(page, *ON_FLOOR)
        assert difference(first, red) > 10
        page.click("#compare")
        page.fill("#divider-range", "100")  # the photo everywhere
        before = screen_pixel(page, *ON_WALL)
        assert difference(before, red) > 10
        assert difference(floor, screen_pixel(page, *ON_FLOOR)) < 1, "the floor is the photo's"
        page.click("#compare")
        with page.expect_download() as download:
            page.click("#download")
        result = tmp_path / download.value.suggested_filename
        download.value.save_as(result)
        assert re.fullmatch(r"small.room.*\.jpg", result.name)
        with Image.open(result) as image, Image.open(small_room) as photo:
            assert image.size == photo.size, "the file has the photo's own size"
            at = [
                tuple(round(side * share) for side, share in zip(image.size, xy, strict=True))
                for xy in (ON_WALL, ON_FLOOR)
            ]
            wall, floor_in_file = (image.convert("RGB").getpixel(xy) for xy in at)
            floor_in_photo = photo.convert("RGB").getpixel(at[1])
        assert difference(wall, red) < 3, "what was shown is what is saved"
        assert difference(floor_in_file, floor_in_photo) < 2
        assert page.inner_text("#job-step") == "The file is downloaded."


def test_walls_can_be_corrected_and_changes_undone(browser: Browser, address: str, small_room: Path) -> None:
    with opened(browser, address) as page:
        choose_photo(page, small_room)
        page.wait_for_timeout(300)
        painted = screen_pixel(page, *ON_WALL)
        page.click("[data-tool=erase]")
        page.fill("#brush-size", "60")
        x, y = wall_point(page, *ON_WALL)
        page.mouse.move(x - 60, y)
        page.mouse.down()
        page.mouse.move(x + 60, y, steps=6)
        page.mouse.up()
        page.wait_for_timeout(200)
        settle(page)
        page.keyboard.press("Escape")
        page.wait_for_timeout(400)
        erased = screen_pixel(page, *ON_WALL)
        assert difference(painted, erased) > 10, "the eraser takes the paint away"
        page.click("#undo")
        page.wait_for_timeout(200)
        settle(page)
        assert eventually(page, lambda: difference(painted, screen_pixel(page, *ON_WALL)) < 2), "undo brings it back"
        page.click("#redo")
        page.wait_for_timeout(200)
        settle(page)
        assert eventually(page, lambda: difference(erased, screen_pixel(page, *ON_WALL)) < 2)
        # A click that says "this is no wall" detects again; the paints stay.
        set_color(page, "#1f3a5f")
        page.click("[data-tool=remove]")
        page.mouse.click(*wall_point(page, *ON_WALL))
        page.wait_for_timeout(200)
        settle(page)
        colors = page.locator(".wall-pick small").all_inner_texts()
        assert set(filter(None, colors)) <= {"#1f3a5f"}
        page.keyboard.press("Escape")
        page.wait_for_timeout(400)
        assert eventually(page, lambda: difference(painted, screen_pixel(page, *ON_WALL)) > 8)


def test_each_wall_has_its_paint_and_can_be_left_alone(browser: Browser, address: str, small_room: Path) -> None:
    with opened(browser, address) as page:
        choose_photo(page, small_room)
        assert page.locator("#walls li").count() > 2, "several walls, and a row for all of them"
        page.wait_for_timeout(300)
        set_color(page, "#f5f2ea")
        page.click("#wall-pick-wall-2")
        set_color(page, "#1f3a5f")
        texts = page.locator(".wall-pick small").all_inner_texts()
        assert page.inner_text("#wall-pick-wall-2 small") == "#1f3a5f"
        assert texts.count("#f5f2ea") == len(texts) - 1
        page.wait_for_timeout(1500)
        white = screen_pixel(page, *ON_WALL)
        page.click("#wall-on-wall-1")
        page.wait_for_timeout(1500)
        assert eventually(page, lambda: difference(white, screen_pixel(page, *ON_WALL)) > 8), (
            "a wall that is off shows the photo"
        )
        assert not page.is_checked("#wall-on-wall-1")


def test_palette_eyedropper_recent_colors_and_variants(
    browser: Browser, address: str, small_room: Path, tmp_path: Path
) -> None:
    with opened(browser, address) as page:
        choose_photo(page, small_room)
        assert page.locator("#palette button").count() > 3
        page.fill("#palette-search", "zzz")
        page.wait_for_selector("text=No paint of the palette matches")
        palette = tmp_path / "shop.csv"
        palette.write_text("code,name,hex\nA1,Café au lait,#b89b7a\nB2,Deep sea,#1d3f56\n", encoding="utf-8")
        page.set_input_files("#palette-file", palette)
        page.wait_for_selector("text=A1 Café au lait")
        page.fill("#palette-search", "cafe")
        page.wait_for_selector("text=B2 Deep sea", state="hidden")
        page.click("text=A1 Café au lait")
        assert page.input_value("#hex") == "#b89b7a"
        page.click("#keep-variant")
        set_color(page, "125 155 132")
        assert page.input_value("#hex") == "#7d9b84"
        assert page.locator("#recent button").count() == 2
        page.click("#keep-variant")
        assert page.locator("#variants li").count() == 2
        page.click("#side-by-side")
        assert page.locator("#gallery-list img").count() == 3
        page.locator("#gallery-list button").first.click()
        assert page.input_value("#hex") == "#b89b7a", "a variant is used by a tap"
        for _ in range(6):
            page.click("#keep-variant")
        page.click("#keep-variant")
        page.wait_for_selector("#toast-text:has-text('Eight variants')")
        assert page.locator("#variants li").count() == 8
        page.click("[data-tool=eyedropper]")
        page.mouse.click(*wall_point(page, *ON_WALL))
        page.wait_for_selector("#nearest:not([hidden])")
        measured = page.inner_text("#nearest")
        assert re.search(r"In the photo #[0-9a-f]{6}, estimated paint #[0-9a-f]{6}", measured)
        assert "A1 Café au lait" in measured
        assert "ΔE" in measured
        set_color(page, "no colour")
        assert page.is_visible("#hex-error")
        assert page.get_attribute("#hex", "aria-invalid") == "true"


def test_hint_of_the_old_color_changes_preview_and_expected_error(
    browser: Browser, address: str, small_room: Path
) -> None:
    with opened(browser, address) as page:
        choose_photo(page, small_room)
        page.wait_for_timeout(300)
        before, text = screen_pixel(page, *ON_WALL), page.inner_text("#accuracy-text")
        assert re.search(r"about [\d.]+ \([\d.]+ to [\d.]+\)", text)
        if not page.is_visible("#old-color"):
            page.click("#accuracy summary")
        page.fill("#old-color", "#e8dccb")
        page.press("#old-color", "Enter")
        page.wait_for_selector("#toast-text:has-text('expected difference')")
        assert re.search(r"expected difference [\d.]+ before, [\d.]+ now", toast_text(page))
        settle(page)
        assert page.inner_text("#accuracy-text") != text
        assert eventually(page, lambda: difference(before, screen_pixel(page, *ON_WALL)) > 1)
        page.click("#clear-hints")
        page.wait_for_timeout(200)
        settle(page)
        page.wait_for_timeout(300)
        assert eventually(page, lambda: difference(before, screen_pixel(page, *ON_WALL)) < 1)
        page.click("#white")
        page.mouse.click(*wall_point(page, 0.5, 0.75))  # the white table
        page.wait_for_timeout(500)
        settle(page)
        assert page.is_visible("#clear-hints")


# -- photos


def test_large_photo_keeps_its_size(browser: Browser, address: str, tmp_path: Path) -> None:
    photo = tmp_path / "large.jpg"
    with Image.open(ROOM) as image:
        image.resize((4242, 2828), Image.Resampling.BICUBIC).save(photo, quality=90)  # 12 megapixels
    with opened(browser, address) as page:
        choose_photo(page, photo)
        assert "4242 × 2828" in page.inner_text("#size-note")
        width, height = page.evaluate(
            "[document.querySelector('#painted').width, document.querySelector('#painted').height]"
        )
        assert max(width, height) == 2048, "the preview stays below the canvas limit of phones"
        with page.expect_download() as download:
            page.click("#download")
        with Image.open(download.value.path()) as image:
            assert image.size == (4242, 2828)


def test_heic_photo(browser: Browser, address: str, tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="the extra heic is not installed")
    with Image.open(ROOM) as image:
        pillow_heif.from_pillow(image.resize((768, 512))).save(tmp_path / "room.heic", quality=90)
    with opened(browser, address) as page:
        choose_photo(page, tmp_path / "room.heic")
        assert page.locator("#walls input[role=switch]").count() >= 1
        with page.expect_download() as download:
            page.click("#download")
        assert download.value.suggested_filename.endswith(".heic")


def test_wrong_file_gives_a_sentence_and_the_page_stays(
    browser: Browser, address: str, tmp_path: Path, small_room: Path
) -> None:
    wrong = tmp_path / "notes.jpg"
    wrong.write_text("This is no photo.", encoding="utf-8")
    with opened(browser, address) as page:
        page.set_input_files("#file", wrong)
        page.wait_for_selector("#toast-text:has-text('cannot be used')")
        assert page.is_visible("#drop")
        choose_photo(page, small_room)  # the next one works
        assert page.is_visible("#editor")


def test_two_users_do_not_see_each_other(browser: Browser, address: str, small_room: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jpg"
    with Image.open(small_room) as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((640, 428)).save(other)
    with opened(browser, address) as first, opened(browser, address) as second:
        first.set_input_files("#file", small_room)
        second.set_input_files("#file", other)
        for page, paint in ((first, "#1f3a5f"), (second, "#e3c565")):
            page.wait_for_selector("body[data-screen=editor]")
            settle(page)
            set_color(page, paint)
        assert "768 × 512" in first.inner_text("#size-note")
        assert "640 × 428" in second.inner_text("#size-note")
        assert first.input_value("#hex") == "#1f3a5f"
        for page in (first, second):
            with page.expect_download() as download:
                page.click("#download")
            size = (768, 512) if page is first else (640, 428)
            with Image.open(download.value.path()) as image:
                assert image.size == size


# -- devices


def test_phone_with_touch(browser: Browser, address: str, small_room: Path) -> None:
    with opened(browser, address, **PHONE) as page:
        assert page.is_visible("label[for=camera]"), "a photo can be taken"
        choose_photo(page, small_room)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, "nothing is wider than the screen"
        page.wait_for_timeout(300)
        for tab in ("walls", "variants", "save", "color"):
            page.tap(f"#tab-{tab}")
            assert page.is_visible(f"#section-{tab}")
        small = page.evaluate(
            """[...document.querySelectorAll("button, select, label.button, input[type=text]")]
            .filter((element) => element.checkVisibility()).map((element) => element.getBoundingClientRect())
            .filter((box) => box.width < 32 || box.height < 32).length"""
        )
        assert small == 0, "controls are large enough for a finger"
        # A finger brushes; a second finger zooms and leaves no stroke.
        before = screen_pixel(page, *ON_WALL)
        page.tap("[data-tool=erase]")
        x, y = wall_point(page, *ON_WALL)
        touch(page, [[(x - 20, y)], [(x, y)], [(x + 20, y)]])
        page.wait_for_timeout(300)
        settle(page)
        page.tap("[data-tool=select]")
        page.wait_for_timeout(300)
        assert eventually(page, lambda: difference(before, screen_pixel(page, *ON_WALL)) > 8)
        width = view_width(page)
        touch(page, [[(x - 10, y), (x + 10, y)], [(x - 30, y), (x + 30, y)], [(x - 60, y), (x + 60, y)]])
        assert view_width(page) > 2 * width, "two fingers zoom"
        page.tap("#zoom-fit")
        assert view_width(page) == pytest.approx(width)
        page.tap("#tab-save")
        with page.expect_download() as download:
            page.tap("#download")
        with Image.open(download.value.path()) as image:
            assert image.size == (768, 512)


def view_width(page: Page) -> float:
    box = page.locator("#view").bounding_box()
    assert box is not None
    return box["width"]


def touch(page: Page, steps: list[list[tuple[float, float]]]) -> None:
    """Move one or two fingers through positions on the screen."""
    session = page.context.new_cdp_session(page)
    for i, points in enumerate(steps):
        fingers = [{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": "touchMove" if i else "touchStart", "touchPoints": fingers})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    session.detach()


def test_vietnamese(browser: Browser, address: str, small_room: Path) -> None:
    with opened(browser, address, locale="vi-VN") as page:
        page.wait_for_selector("#start-title:has-text('Xem tường nhà bạn trong màu mới')")
        assert page.evaluate("document.documentElement.lang") == "vi"
        choose_photo(page, small_room)
        assert page.inner_text("#download") == "Tải về kích thước đầy đủ"
        assert "Sai khác dự kiến" in page.inner_text("#accuracy-text")
        page.select_option("#language", "en")
        page.wait_for_selector("#download:has-text('Download at full size')")
        page.reload()
        page.wait_for_selector("body[data-screen=editor]")
        assert page.evaluate("document.documentElement.lang") == "en", "the choice survives"


def test_keyboard_alone(browser: Browser, address: str, small_room: Path) -> None:
    with opened(browser, address) as page:
        reach(page, "file")
        with page.expect_file_chooser() as chooser:
            page.keyboard.press("Enter")
        chooser.value.set_files(small_room)
        page.wait_for_selector("body[data-screen=editor]")
        settle(page)
        page.wait_for_timeout(300)
        reach(page, "stage")
        painted = screen_pixel(page, 0.5, 0.1)
        reach_tool(page, "erase")
        reach(page, "stage")
        for _ in range(20):
            page.keyboard.press("ArrowUp")
        for _ in range(3):
            page.keyboard.press("Enter")
            page.keyboard.press("ArrowUp")
        page.wait_for_timeout(300)
        settle(page)
        page.keyboard.press("Escape")
        page.keyboard.press("Control+z")
        page.keyboard.press("Control+z")
        page.keyboard.press("Control+z")
        page.wait_for_timeout(300)
        settle(page)
        page.wait_for_timeout(500)
        reach(page, "hex")
        assert eventually(page, lambda: difference(painted, screen_pixel(page, 0.5, 0.1)) < 2)
        page.keyboard.press("Control+a")
        page.keyboard.type("#1f3a5f")
        page.keyboard.press("Enter")
        page.wait_for_timeout(800)
        assert eventually(page, lambda: difference(painted, screen_pixel(page, 0.5, 0.1)) > 8)
        reach(page, "hue")
        page.keyboard.press("ArrowRight")
        assert page.input_value("#hex") != "#1f3a5f"
        reach(page, "compare")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "divider-range"
        page.keyboard.press("ArrowRight")
        reach(page, "download")
        with page.expect_download():
            page.keyboard.press("Enter")


def reach(page: Page, name: str) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(120):
        if page.evaluate("document.activeElement.id") == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} cannot be reached with Tab")


def reach_tool(page: Page, tool: str) -> None:
    for _ in range(120):
        if (
            page.evaluate("document.activeElement.dataset.tool") == tool
            and page.evaluate("document.activeElement.tagName") == "BUTTON"
        ):
            page.keyboard.press("Enter")
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"tool {tool} cannot be reached with Tab")


def test_work_survives_a_reload_and_can_be_deleted(browser: Browser, address: str, small_room: Path) -> None:
    with opened(browser, address) as page:
        choose_photo(page, small_room)
        set_color(page, "#b5523b")
        page.click("#keep-variant")
        page.wait_for_timeout(300)
        before = screen_pixel(page, *ON_WALL)
        page.reload()
        page.wait_for_selector("body[data-screen=editor]")
        settle(page)
        page.wait_for_timeout(500)
        assert eventually(page, lambda: difference(before, screen_pixel(page, *ON_WALL)) < 1)
        assert page.input_value("#hex") == "#b5523b"
        assert page.locator("#variants li").count() == 1
        photo = page.evaluate("JSON.parse(localStorage['wallpaint.session']).photo")
        page.click("#delete")
        page.wait_for_selector("#drop")
        page.wait_for_selector("#toast-text:has-text('deleted')")
        assert page.request.get(f"{address}api/v1/photos/{photo}").status == 404
        page.reload()
        assert page.is_visible("#drop")


def test_lost_connection_keeps_the_work(browser: Browser, address: str, small_room: Path) -> None:
    with opened(browser, address) as page:
        choose_photo(page, small_room)
        page.wait_for_timeout(300)
        before = screen_pixel(page, *ON_WALL)
        page.context.set_offline(True)
        set_color(page, "#1f3a5f")
        page.wait_for_timeout(600)
        assert eventually(page, lambda: difference(before, screen_pixel(page, *ON_WALL)) > 8), (
            "the preview needs no server"
        )
        page.click("#download")
        page.wait_for_selector("#toast-text:has-text('cannot be reached')")
        page.context.set_offline(False)
        with page.expect_download():
            page.click("#toast-action")


def test_lost_webgl_context_is_restored(browser: Browser, address: str, small_room: Path) -> None:
    with opened(browser, address) as page:
        choose_photo(page, small_room)
        page.wait_for_timeout(300)
        before = screen_pixel(page, *ON_WALL)
        page.evaluate(LOSE_CONTEXT)
        page.wait_for_timeout(300)
        page.evaluate("lost.restoreContext()")
        page.wait_for_timeout(1500)
        assert eventually(page, lambda: difference(before, screen_pixel(page, *ON_WALL)) < 1)


def test_without_webgl_the_server_makes_the_previews(browser: Browser, address: str, small_room: Path) -> None:
    with opened(browser, address) as page:
        choose_photo(page, small_room)
        page.wait_for_timeout(300)
        local = screen_pixel(page, *ON_WALL)
        page.context.add_init_script(WITHOUT_WEBGL)
        page.reload()
        page.wait_for_selector("body[data-screen=editor]")
        page.wait_for_selector("#rendered[src]")
        settle(page)
        page.wait_for_timeout(1500)
        assert page.is_hidden("#painted")
        assert eventually(page, lambda: difference(local, screen_pixel(page, *ON_WALL)) < 3)
        before = page.get_attribute("#rendered", "src")
        set_color(page, "#1f3a5f")
        page.wait_for_selector(f"#rendered:not([src='{before}'])")
        page.wait_for_timeout(500)
        assert eventually(page, lambda: difference(local, screen_pixel(page, *ON_WALL)) > 8)


@pytest.mark.skipif(not (NODE_MODULES / "axe-core").is_dir(), reason="run `npm ci` in tests/serve/page")
@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, PHONE], ids=["light", "dark", "phone"])
def test_accessibility(browser: Browser, address: str, small_room: Path, options: dict[str, Any]) -> None:
    with opened(browser, address, **options) as page:
        assert not accessibility_violations(page)
        choose_photo(page, small_room)
        page.click("#compare")
        if not options.get("is_mobile"):
            page.click("#keep-variant")
            page.click("#accuracy summary")
        assert not accessibility_violations(page)
        for tab in ("walls", "variants", "save") if options.get("is_mobile") else ():
            page.tap(f"#tab-{tab}")
            assert not accessibility_violations(page), tab


def test_page_is_light_and_fetches_nothing_from_outside(browser: Browser, address: str, small_room: Path) -> None:
    with opened(browser, "about:blank") as page:
        requests: list[Any] = []
        page.on("requestfinished", lambda request: requests.append(request))
        page.goto(address)
        page.wait_for_selector("#privacy:has-text('hours')")
        page.wait_for_load_state("networkidle")
        sizes = [r.sizes()["responseBodySize"] for r in requests if "/api/" not in r.url]
        assert len(sizes) > 10
        assert 20_000 < sum(sizes) <= 200_000
        choose_photo(page, small_room)
        assert all(request.url.startswith((address, "blob:")) for request in requests)


# -- pixels

PAINTS = ("#f5f2ea", "#7d9b84", "#1f3a5f", "#b5523b", "#e3c565", "#2b2b2b")
COMPARED = ("room", "room_950005_00", "room_950012_02", "room_950015_01", "room_950009_02")
DRAW = """async ([id, wall, paint]) => {
  const [{ PreviewRenderer }, { parsePayload }, { hexToLinear }] = await Promise.all(
    ["renderer", "payload", "color"].map((name) => import(`${location.origin}/js/engine/${name}.js`)));
  const path = `/api/v1/photos/${id}`;
  if (window.shown !== id) {
    window.renderer ??= new PreviewRenderer(document.createElement("canvas"));
    const blob = await (await fetch(`${path}/image`)).blob();
    renderer.setPhoto(await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" }));
    window.payload = await parsePayload(await (await fetch(`${path}/walls/${wall}/preview`)).arrayBuffer());
    renderer.setWall(wall, payload);
    window.shown = id;
  }
  renderer.setPaint(wall, hexToLinear(paint), "room");
  renderer.render();
  const binary = (bytes) => {
    let text = "";
    for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
    return btoa(text);
  };
  const { height, width, bytes } = payload.bytes.edges;
  return [height, width, binary(renderer.readPixels()), binary(bytes.filter((_, i) => i % 4 === 0))];
}"""


def enlarged(path: Path, longest: int = 800) -> bytes:
    """A photo or mask of the small benchmark set in a common size, at which the JPEG of the preview shows no blocks."""
    data = io.BytesIO()
    with Image.open(path) as image:
        scale = longest / max(image.size)
        size = (round(image.width * scale), round(image.height * scale))
        format_options: dict[str, Any] = (
            {"format": "PNG"} if path.suffix == ".png" else {"format": "JPEG", "quality": 95}
        )
        image.resize(size, Image.Resampling.BICUBIC).save(data, **format_options)
    return data.getvalue()


def test_pixels_of_page_and_server_are_alike(browser: Browser, address: str) -> None:
    """Mean of at most 1 CIEDE2000 on the wall, on five photos in six paints; nothing is drawn elsewhere."""
    with opened(browser, address) as page:
        for name in COMPARED:
            folder = ROOT / "examples" / "benchmark"
            photo = ROOM if name == "room" else folder / "images" / f"{name}.jpg"
            mask = ROOT / "examples" / "room_mask.png" if name == "room" else folder / "masks" / f"{name}.png"
            upload = {"name": photo.name, "mimeType": "image/jpeg", "buffer": enlarged(photo)}
            record = page.request.post(f"{address}api/v1/photos", multipart={"file": upload}).json()  # type: ignore[dict-item]
            path = f"{address}api/v1/photos/{record['id']}"
            put = page.request.put(f"{path}/walls/wall", data=enlarged(mask), headers={"Content-Type": "image/png"})
            assert put.ok, put.text()
            image = page.request.get(f"{path}/image").body()
            scene = wallpaint.prepare(image, {"wall": page.request.get(f"{path}/walls/wall").body()})
            for paint in PAINTS:
                height, width, pixels, alpha = page.evaluate(DRAW, [record["id"], "wall", paint])
                rgba = np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(height, width, 4)
                coverage = np.frombuffer(base64.b64decode(alpha), np.uint8).reshape(height, width)
                wall, near = coverage > 127, cv2.dilate(coverage, np.ones((3, 3), np.uint8)) > 0
                assert not (rgba[..., 3] > 0)[~near].any()
                assert (rgba[..., 3] > 0)[wall].all()
                server = scene.repaint({"wall": paint}).codes  # as the server, before it is coded as JPEG
                labs = [color.linear_to_lab(color.srgb_to_linear(p[wall] / 255)) for p in (rgba[..., :3], server)]
                assert float(color.delta_e_2000(*labs).mean()) <= 1, f"{name} in {paint}"
            body = {"walls": [{"name": "wall", "color": PAINTS[1]}]}
            with Image.open(io.BytesIO(page.request.post(f"{path}/render", data=body).body())) as rendered:
                coded = np.asarray(rendered.convert("RGB"))
            server = scene.repaint({"wall": PAINTS[1]}).codes
            assert float(np.abs(coded.astype(float) - server).mean()) < 3, "the server renders the same picture"
