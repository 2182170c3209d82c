"""Measure the page: time to the first preview, and of a preview for a new colour. Prints one line each.

    PYTHONPATH=tests python -m support.measure_page [PHOTO]

Run it on an idle machine. Without a GPU the shader runs on the CPU, which takes most of the time of a frame.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from PIL import Image

from support.browser import ARGUMENTS, opened, running_browser, running_server, settle
from support.paths import ROOT

UPDATES = 50
MEASURE = """async ([longest, updates]) => {
  const [{ PreviewRenderer }, { parsePayload }, { hexToLinear }] = await Promise.all(
    ["renderer", "payload", "color"].map((name) => import(`${location.origin}/js/engine/${name}.js`)));
  const session = JSON.parse(localStorage["wallpaint.session"]), path = `/api/v1/photos/${session.photo}`;
  const renderer = new PreviewRenderer(document.createElement("canvas"));
  const names = session.work.walls.map((wall) => wall.name);
  const blob = await (await fetch(`${path}/image`)).blob();
  renderer.setPhoto(await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" }));
  for (const name of names) {
    renderer.setWall(name, await parsePayload(await (await fetch(`${path}/walls/${name}/preview`)).arrayBuffer()));
  }
  const one = new Uint8Array(4), total = [], evaluation = [];
  for (let i = 0; i < updates + 5; i++) {
    const color = hexToLinear("#" + (0x405060 + i * 0x010203).toString(16)), start = performance.now();
    for (const name of names) renderer.setPaint(name, color, "room");
    evaluation.push(performance.now() - start);
    renderer.render(longest);
    renderer.gl.readPixels(0, 0, 1, 1, renderer.gl.RGBA, renderer.gl.UNSIGNED_BYTE, one);  // waits for the GPU
    total.push(performance.now() - start);
  }
  const median = (times) => times.slice(5).sort((a, b) => a - b)[updates >> 1];
  const gpu = renderer.gl.getParameter(renderer.gl.RENDERER);
  return { walls: names.length, total: median(total), evaluation: median(evaluation), gpu };
}"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        with Image.open(sys.argv[1] if len(sys.argv) > 1 else ROOT / "examples" / "room.jpg") as image:
            side = (12e6 / (image.width * image.height)) ** 0.5
            image.convert("RGB").resize((round(image.width * side), round(image.height * side))).save(photo, quality=90)
        with running_server(Path(folder), "--workers", "2") as address, running_browser(ARGUMENTS) as browser:
            for run in ("first", "warm"):
                with opened(browser, address) as page:
                    page.set_input_files("#file", photo)
                    page.wait_for_selector("body[data-preview=ready]")
                    duration = page.evaluate("performance.getEntriesByName('first-preview')[0].duration")
                    load = os.getloadavg()[0]
                    print(f"12-megapixel photo to first preview, {run}: {duration / 1000:.2f} s (load {load:.1f})")
                    if run == "warm":
                        settle(page)
                        print(page.evaluate(MEASURE, [1024, UPDATES]))


if __name__ == "__main__":
    main()
