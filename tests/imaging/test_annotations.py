"""Masks from annotation files: COCO, labelme, Label Studio, CVAT."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage.measure import points_in_poly

from support.annotation_files import (
    brush_codes,
    coco,
    coco_counts,
    cvat,
    cvat_video,
    label_studio,
    labelme,
    packed_counts,
)
from wallpaint.errors import InputError
from wallpaint.imaging.annotations.shapes import decode_brush, decode_counts, fill_polygon, unpack_coco
from wallpaint.imaging.mask_file import read_mask

SIZE = (60, 80)
BOX = [20.0, 10.0, 60.0, 10.0, 60.0, 40.0, 20.0, 40.0]  # the wall's outline, x and y


def _wall() -> np.ndarray:
    wall = np.zeros(SIZE, bool)
    wall[10:40, 20:60] = True
    return wall


def _holed() -> np.ndarray:
    wall = _wall()
    wall[20:30, 30:50] = False
    return wall


def _read(document: object, tmp_path: Path, name: str = "ann.json", **options: Any) -> np.ndarray:
    path = tmp_path / name
    text = document if isinstance(document, str) else json.dumps(document)
    path.write_text(text, encoding="utf-8")
    options = {"photo_name": "room.jpg", "photo_size": SIZE, **options}
    file = read_mask(path, **options)
    assert read_mask(path.read_bytes(), **options).source == "the mask"
    assert file.alpha.dtype == np.float32
    return file.alpha


def _refusal(document: object, tmp_path: Path, **options: Any) -> str:
    path = tmp_path / "ann.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_mask(path, **{"photo_name": "room.jpg", "photo_size": SIZE, **options})
    message = str(caught.value)
    assert message.startswith("mask ann.json: ")
    assert "\n" not in message
    assert len(message) < 300
    return message


# -- shapes


def test_run_lengths_are_those_of_pycocotools() -> None:
    """Our decoder, and the encoder of these tests, on masks of all sizes and densities."""
    coco_masks = pytest.importorskip("pycocotools.mask")
    rng = np.random.default_rng(0)
    for number in range(300):
        height, width = (int(side) for side in rng.integers(1, 120, 2))
        values = rng.random((height, width))
        values = cv2.GaussianBlur(values, (0, 0), 3) if number % 2 else values
        mask = values > np.quantile(values, rng.uniform(0, 1))
        code = coco_masks.encode(np.asfortranarray(mask.astype(np.uint8)))
        text = code["counts"].decode()
        assert packed_counts(coco_counts(mask)) == text
        np.testing.assert_array_equal(decode_counts(unpack_coco(text), (height, width), by_column=True), mask)


@pytest.mark.parametrize("is_simple", [True, False])
def test_polygons_differ_from_pycocotools_on_their_outlines_only(is_simple: bool) -> None:
    """pycocotools rounds outlines to a fifth of a pixel: pixels whose centre is farther from the outline are equal."""
    coco_masks = pytest.importorskip("pycocotools.mask")
    rng = np.random.default_rng(1)
    differing = area = 0
    for _ in range(100):
        height, width, count = (int(value) for value in (*rng.integers(40, 300, 2), rng.integers(3, 14)))
        angles = (np.arange(count) + rng.uniform(0, 0.9, count)) * 2 * np.pi / count
        radii = rng.uniform(0.2, 0.48, count) * min(height, width)
        star = np.column_stack([width / 2 + radii * np.cos(angles), height / 2 + radii * np.sin(angles)])
        points = star if is_simple else rng.uniform((0, 0), (width, height), (count, 2))
        code = coco_masks.frPyObjects([points.ravel().tolist()], height, width)
        ours = fill_polygon(points, (height, width))
        rows, columns = np.nonzero(ours != (coco_masks.decode(code)[..., 0] > 0))
        differing, area = differing + rows.size, area + int(ours.sum())
        for row, column in zip(rows, columns, strict=True):
            assert cv2.pointPolygonTest(points.astype(np.float32), (column + 0.5, row + 0.5), True) == pytest.approx(
                0, abs=0.2
            )
    assert differing < 0.01 * area


def test_polygons_cover_the_pixels_whose_centres_are_inside() -> None:
    np.testing.assert_array_equal(fill_polygon(np.array(BOX).reshape(-1, 2), SIZE), _wall())
    shifted = fill_polygon(np.array(BOX).reshape(-1, 2) + 0.4, SIZE)
    np.testing.assert_array_equal(shifted, _wall())
    outside = np.array([(-50.0, -50), (500, -50), (500, 500), (-50, 500)])
    assert fill_polygon(outside, SIZE).all()
    assert not fill_polygon(np.array([(3.0, 3), (9, 9)]), SIZE).any()


@given(st.integers(0, 10_000), st.integers(3, 12))
def test_polygons_equal_a_test_of_every_pixel(seed: int, count: int) -> None:
    points = np.random.default_rng(seed).uniform(-10, 90, (count, 2))
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]] + 0.5
    expected = points_in_poly(np.column_stack([x.ravel(), y.ravel()]), points).reshape(SIZE)
    assert np.count_nonzero(fill_polygon(points, SIZE) != expected) == 0


@given(st.integers(0, 10_000), st.floats(0.02, 0.98))
def test_run_lengths_come_back(seed: int, share: float) -> None:
    mask = np.random.default_rng(seed).random((13, 17)) < share
    counts = coco_counts(mask)
    np.testing.assert_array_equal(decode_counts(counts, mask.shape, by_column=True), mask)
    assert unpack_coco(packed_counts(counts)) == counts
    np.testing.assert_array_equal(decode_brush(brush_codes(mask), mask.shape), mask)


def test_compressed_run_lengths_of_the_reference() -> None:
    coco_mask = pytest.importorskip("pycocotools.mask")
    code = coco_mask.encode(np.asfortranarray(_holed().astype(np.uint8)))
    np.testing.assert_array_equal(decode_counts(unpack_coco(code["counts"].decode()), SIZE, by_column=True), _holed())


@pytest.mark.parametrize("text", ["\x01", "o", "oooooooooooooooooo"])
def test_damaged_run_lengths_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="damaged"):
        unpack_coco(text)


# -- formats


def test_coco_polygons_and_run_lengths(tmp_path: Path) -> None:
    counts = coco_counts(_holed())
    for segmentation, expected in (
        ([BOX], _wall()),
        ([[*BOX[:4], 60.0, 25.0, 20.0, 25.0], [20.0, 25.0, *BOX[2:3], 25.0, *BOX[4:]]], _wall()),
        ({"size": list(SIZE), "counts": counts}, _holed()),
        ({"size": list(SIZE), "counts": packed_counts(counts)}, _holed()),
    ):
        document = coco({"room.jpg": [("Wall", segmentation), ("floor", [[0, 50, 80, 50, 80, 60, 0, 60]])],
                         "other.jpg": [("wall", [[0, 0, 9, 0, 9, 9]])]}, SIZE)  # fmt: skip
        np.testing.assert_array_equal(_read(document, tmp_path), expected)
        floor = _read(document, tmp_path, mask_class="floor")
        assert floor.sum() == 800
        assert floor[50:].all()
        by_id = {one["name"]: str(one["id"]) for one in document["categories"]}
        np.testing.assert_array_equal(_read(document, tmp_path, mask_class=by_id["floor"]), floor)


def test_entries_are_chosen_by_file_name(tmp_path: Path) -> None:
    document = coco({"a/ROOM.JPG": [("wall", [BOX])], "b/x.jpg": [("wall", [[0, 0, 9, 0, 9, 9]])]}, SIZE)
    np.testing.assert_array_equal(_read(document, tmp_path), _wall())
    assert "no photo of the name 'hall.jpg': it has room.jpg, x.jpg" in _refusal(
        document, tmp_path, photo_name="hall.jpg"
    )
    assert "several photos" in _refusal(document, tmp_path, photo_name=None)
    single = coco({"kitchen.jpg": [("wall", [BOX])]}, SIZE)
    path = tmp_path / "ann.json"
    path.write_text(json.dumps(single), encoding="utf-8")
    (warning,) = read_mask(path, photo_name="room.jpg").warnings
    assert warning == "mask ann.json: its only photo, 'kitchen.jpg', was taken for 'room.jpg'"


def test_labels_are_listed_if_the_wanted_one_is_missing(tmp_path: Path) -> None:
    document = coco({"room.jpg": [("floor", [BOX]), ("sofa", [BOX]), ("sofa", [BOX])]}, SIZE)
    assert _refusal(document, tmp_path).endswith(
        "this photo has no label 'wall': name one of its labels as `mask_class`: floor (1), sofa (2)"
    )


def test_boxes_are_no_masks(tmp_path: Path) -> None:
    assert "only annotations such as a bounding box" in _refusal(coco({"room.jpg": [("wall", [])]}, SIZE), tmp_path)
    xml = "<annotation><object><name>wall</name><bndbox/></object></annotation>"
    assert "Pascal VOC file, which holds boxes" in _refusal(xml, tmp_path)


def test_labelme(tmp_path: Path) -> None:
    pairs = np.array(BOX).reshape(-1, 2).tolist()
    shapes = [
        ("wall", "polygon", pairs),
        ("sofa", "rectangle", [[5, 45], [15, 55]]),
        ("lamp", "circle", [[9, 9], [9, 5]]),
    ]
    document = labelme("room.jpg", SIZE, shapes)
    np.testing.assert_array_equal(_read(document, tmp_path), _wall())
    assert _read(document, tmp_path, mask_class="sofa").sum() == 100
    assert _read(document, tmp_path, mask_class="lamp").sum() == 52
    buffer = io.BytesIO()
    Image.fromarray(_holed()[10:40, 20:60]).save(buffer, "PNG")
    document = labelme("room.jpg", SIZE, [("wall", "mask", [[20, 10], [59, 39]])])
    document["shapes"][0]["mask"] = base64.b64encode(buffer.getvalue()).decode()
    np.testing.assert_array_equal(_read(document, tmp_path), _holed())
    document = labelme("..\\photos\\room.jpg", SIZE, [("wall", "polygon", pairs)])
    document["imageHeight"] = None  # then the photo's size counts
    np.testing.assert_array_equal(_read(document, tmp_path), _wall())


def test_label_studio(tmp_path: Path) -> None:
    percent = [[25.0, 100 / 6], [75.0, 100 / 6], [75.0, 200 / 3], [25.0, 200 / 3]]
    results = [
        ("polygonlabels", {"points": percent, "polygonlabels": ["wall"]}),
        ("brushlabels", {"format": "rle", "rle": brush_codes(_holed()), "brushlabels": ["brushed"]}),
        ("rectanglelabels", {"x": 25, "y": 50, "width": 50, "height": 10, "rotation": 0, "rectanglelabels": ["box"]}),
    ]
    for address in (
        "/data/upload/1/0a1b2c3d-room.jpg",
        "https://host/a%20b/room.jpg?x=1",
        "/data/local-files/?d=x/room.jpg",
    ):
        document = label_studio({address: results, "/data/upload/1/other.jpg": []}, SIZE)
        np.testing.assert_array_equal(_read(document, tmp_path), _wall())
        np.testing.assert_array_equal(_read(document, tmp_path, mask_class="brushed"), _holed())
        assert _read(document, tmp_path, mask_class="box").sum() == 40 * 6
    minimal = [{"id": 1, "image": "/data/upload/1/room.jpg", "label": [
        {"points": percent, "polygonlabels": ["wall"], "original_width": 80, "original_height": 60}]}]  # fmt: skip
    np.testing.assert_array_equal(_read(minimal, tmp_path), _wall())
    cancelled = label_studio({"room.jpg": results}, SIZE)
    cancelled[0]["annotations"][0]["was_cancelled"] = True
    assert "no regions" in _refusal(cancelled, tmp_path)


def test_cvat(tmp_path: Path) -> None:
    document = cvat({"sub/room.jpg": [("wall", "polygon", BOX), ("brushed", "mask", _holed()), ("box", "box", BOX)],
                     "other.jpg": []}, SIZE)  # fmt: skip
    np.testing.assert_array_equal(_read(document, tmp_path, "ann.xml"), _wall())
    np.testing.assert_array_equal(_read(document, tmp_path, "ann.xml", mask_class="brushed"), _holed())
    np.testing.assert_array_equal(_read(document, tmp_path, "ann.xml", mask_class="box"), _wall())
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]><annotations><image name="&a;"/></annotations>'
    assert "document type" in _refusal(bomb, tmp_path)


def _box(top: int, bottom: int, left: int, right: int) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[top:bottom, left:right] = True
    return mask


def test_turned_boxes_and_ellipses_of_cvat(tmp_path: Path) -> None:
    document = cvat({"room.jpg": [
        ("wall", "turned box", 'xtl="20" ytl="20" xbr="60" ybr="40" rotation="90"'),
        ("small", "turned box", 'xtl="10" ytl="20" xbr="20" ybr="30" rotation="45"'),
        ("lamp", "ellipse", 'cx="40" cy="30" rx="20" ry="10"'),
        ("turned lamp", "ellipse", 'cx="40" cy="30" rx="10" ry="20" rotation="90.0"'),
        ("tilted lamp", "ellipse", 'cx="40" cy="30" rx="20" ry="1" rotation="45"'),
    ]}, SIZE)  # fmt: skip
    np.testing.assert_array_equal(_read(document, tmp_path, "ann.xml"), _box(10, 50, 30, 50))
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]] + 0.5
    diamond = np.abs(x - 15) + np.abs(y - 25) < np.sqrt(50)
    np.testing.assert_array_equal(_read(document, tmp_path, "ann.xml", mask_class="small"), diamond)
    ellipse = ((x - 40) / 20) ** 2 + ((y - 30) / 10) ** 2 <= 1
    for name in ("lamp", "turned lamp"):
        np.testing.assert_array_equal(_read(document, tmp_path, "ann.xml", mask_class=name), ellipse)
    tilted = np.argwhere(_read(document, tmp_path, "ann.xml", mask_class="tilted lamp"))
    assert np.abs((tilted[:, 0] - 30) - (tilted[:, 1] - 40)).max() <= 2  # clockwise: down to the right
    broken = document.replace('rx="20"', 'rx="wide"')
    assert "an ellipse is not given in numbers" in _refusal(broken, tmp_path, mask_class="lamp")


def test_cvat_for_video_has_frames_by_number(tmp_path: Path) -> None:
    points = 'outside="0" points="20,10;60,10;60,40;20,40"'
    other = 'outside="0" points="0,0;9,0;9,9;0,9"'
    gone = 'outside="1" points="0,0;80,0;80,60;0,60"'
    document = cvat_video({0: [("wall", other)], 7: [("wall", points), ("wall", gone)]}, SIZE)
    for name in ("frame_000007.PNG", "FRAME_000007.jpg"):
        np.testing.assert_array_equal(_read(document, tmp_path, "ann.xml", photo_name=name), _wall())
    assert "no photo of the name 'room.jpg': it has frame_000000.png, frame_000007.png" in _refusal(document, tmp_path)
    single = cvat_video({7: [("wall", points)]}, SIZE)
    np.testing.assert_array_equal(_read(single, tmp_path, "ann.xml"), _wall())


def test_coco_of_other_writers(tmp_path: Path) -> None:
    """Ids as text, one flat outline, outlines as pairs, run lengths in a list."""
    code = {"size": list(SIZE), "counts": coco_counts(_wall())}
    for segmentation in (BOX, [BOX], [np.reshape(BOX, (-1, 2)).tolist()], [code], [code, BOX]):
        document = coco({"room.jpg": [("wall", segmentation)]}, SIZE)
        document["annotations"][0].update(image_id="1", category_id="10", iscrowd=1)
        np.testing.assert_array_equal(_read(document, tmp_path), _wall())
    document["annotations"][0]["segments_info"] = []
    assert "a COCO panoptic file" in _refusal(document, tmp_path)


def test_shapes_of_other_writers_in_labelme_and_label_studio(tmp_path: Path) -> None:
    pairs = np.reshape(BOX, (-1, 2)).tolist()
    for kind in ("oriented_rectangle", "rotation", None):
        np.testing.assert_array_equal(_read(labelme("room.jpg", SIZE, [("wall", kind, pairs)]), tmp_path), _wall())
    results = [
        ("ellipselabels", {"x": 50, "y": 50, "radiusX": 25, "radiusY": 100 / 6, "rotation": 0, "ellipselabels": ["a"]}),
        ("rectanglelabels", {"x": 50, "y": 0, "width": 25, "height": 50, "rotation": 90, "rectanglelabels": ["b"]}),
    ]
    document = label_studio({"room.jpg": results}, SIZE)
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]] + 0.5
    ellipse = ((x - 40) / 20) ** 2 + ((y - 30) / 10) ** 2 <= 1
    np.testing.assert_array_equal(_read(document, tmp_path, mask_class="a"), ellipse)
    # 20 px wide and 30 px high, turned by 90 degrees about its top left corner
    np.testing.assert_array_equal(_read(document, tmp_path, mask_class="b"), _box(0, 20, 10, 40))


def test_two_annotators_are_united_with_a_note(tmp_path: Path) -> None:
    percent = [[25.0, 100 / 6], [75.0, 100 / 6], [75.0, 200 / 3], [25.0, 200 / 3]]
    first, second = (
        label_studio({"room.jpg": [("polygonlabels", {"points": points, "polygonlabels": ["wall"]})]}, SIZE)
        for points in (percent, [[0, 0], [10, 0], [10, 10], [0, 10]])
    )
    first[0]["annotations"] += second[0]["annotations"]
    np.testing.assert_array_equal(_read(first, tmp_path), _wall() | _box(0, 6, 0, 8))
    file = read_mask(json.dumps(first).encode(), photo_name="room.jpg")
    assert file.warnings == ("the mask: 2 annotations of this photo, each by one annotator, were united",)


def test_label_studio_predictions_and_rotated_photos_are_refused(tmp_path: Path) -> None:
    value = {"points": [[0, 0], [50, 0], [50, 50]], "polygonlabels": ["wall"]}
    document = label_studio({"room.jpg": [("polygonlabels", value)]}, SIZE)
    document[0]["annotations"][0]["result"][0]["image_rotation"] = 90
    assert "was rotated by 90 degrees in Label Studio" in _refusal(document, tmp_path)
    document[0].update(predictions=document[0]["annotations"], annotations=[])
    assert "has predictions only" in _refusal(document, tmp_path)


def test_inversion_and_byte_order_marks(tmp_path: Path) -> None:
    document = json.dumps(coco({"room.jpg": [("wall", [BOX])]}, SIZE))
    path = tmp_path / "ann.json"
    for encoding in ("utf-8-sig", "utf-16"):
        path.write_text(document, encoding=encoding)
        np.testing.assert_array_equal(read_mask(path, photo_name="room.jpg", invert=True).alpha, ~_wall())


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("{}", "none of COCO"),
        ([], "none of COCO"),
        ([1, 2], "none of COCO"),
        ([{"image_id": 1, "segmentation": {}}], "COCO results without their images"),
        ({"images": []}, "holds no photos"),
        ({"images": [{"file_name": "room.jpg", "id": 1, "height": 60, "width": 80}]}, "no regions"),
        (coco({"room.jpg": [("wall", [["a", "b"]])]}, SIZE), "not a list of points"),
        (coco({"room.jpg": [("wall", {"size": [60, 80], "counts": [5]})]}, SIZE), "does not cover 60x80"),
        (coco({"room.jpg": [("wall", {"size": [6, 8], "counts": [48]})]}, SIZE), "is 6x8, its photo 60x80"),
        (coco({"room.jpg": [("wall", [BOX])]}, (10**6, 10**6)), "over the limit"),
        (coco({"room.jpg": [("wall", [[90.0, 90, 99, 90, 99, 99]])]}, SIZE), "cover no pixel"),
        (label_studio({"room.jpg": [("b", {"rle": [0, 0, 1], "brushlabels": ["wall"]})]}, SIZE), "cut short"),
        ('<annotations><image width="80" height="60"><mask label="wall"/></image></annotations>', "no numbers"),
        ("<annotations><image", "XML is damaged"),
        ("<annotations/>", "no annotated images"),
    ],
)  # fmt: skip
def test_damaged_annotations_are_refused(document: object, reason: str, tmp_path: Path) -> None:
    assert reason in _refusal(document, tmp_path)
