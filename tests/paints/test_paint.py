"""Colours as people write them, and palettes as makers hand them out."""

import json
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallpaint.errors import InputError
from wallpaint.imaging import color
from wallpaint.paints.measured_lab import WHITES, adapt_lab
from wallpaint.paints.paint import Paint
from wallpaint.paints.palette import MAX_BYTES, Palette, read_palette

SAGE = (125, 155, 132)


def _palette(tmp_path: Path, text: str, name: str = "shop.csv", **options: object) -> Palette:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_palette(path, **options)  # type: ignore[arg-type]


def _refusal(tmp_path: Path, text: str, name: str = "shop.csv", **options: object) -> str:
    with pytest.raises(InputError) as caught:
        _palette(tmp_path, text, name, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


# -- colours -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "#7d9b84",
        "#7D9B84",
        " 7d9b84 ",
        "#7d9b84ff",
        "rgb(125, 155, 132)",
        "rgb(125 155 132 / 100%)",
        SAGE,
        np.array(SAGE),
    ],
)
def test_one_colour_written_many_ways(text) -> None:
    paint = Paint.parse(text)
    assert paint.rgb == SAGE
    assert paint.hex == "#7d9b84"
    np.testing.assert_allclose(paint.albedo_linear, color.srgb_to_linear(np.array(SAGE) / 255))


@pytest.mark.parametrize(
    ("text", "rgb"),
    [
        ("#abc", (170, 187, 204)),
        ("rgb(49% 61% 52%)", (125, 156, 133)),
        ("hsl(120 50% 50%)", (64, 191, 64)),
        ("hwb(0 100% 0%)", (255, 255, 255)),
        ("CornflowerBlue", (100, 149, 237)),
        ("oklch(100% 0 0)", (255, 255, 255)),
        ("lab(0 0 0)", (0, 0, 0)),
        ("color(srgb 1 0.5 0)", (255, 128, 0)),
        ("color(xyz-d65 0.18 0.1893 0.2061)", (120, 120, 120)),
    ],
)
def test_css_colours(text: str, rgb: tuple[int, int, int]) -> None:
    np.testing.assert_allclose(Paint.parse(text).rgb, rgb, atol=1)


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_hex_comes_back(rgb: tuple[int, int, int]) -> None:
    paint = Paint.parse("#" + bytes(rgb).hex())
    assert paint.rgb == rgb
    assert not paint.out_of_srgb
    assert Paint.parse(paint.hex) == Paint.parse(rgb) == paint
    assert hash(Paint.parse(rgb)) == hash(paint)


def test_css_lab_is_under_d50() -> None:
    expected = adapt_lab((60, 20, 30), "D50", 2)
    np.testing.assert_allclose(Paint.parse("lab(60 20 30)").albedo_linear, expected, atol=2e-4)


@pytest.mark.parametrize("text", ["color(display-p3 1 0 0)", "oklch(0.7 0.25 145)", "color(rec2020 0 1 0)"])
def test_wide_gamut_colours_stay_unbounded(text: str) -> None:
    paint = Paint.parse(text)
    assert paint.out_of_srgb
    albedo = np.array(paint.albedo_linear)
    assert albedo.min() < 0 or albedo.max() > 1
    assert all(0 <= channel <= 255 for channel in paint.rgb)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("x" * 5000, "too long"),
        ("cornflwerblue", "cornflowerblue"),
        ("SW 7008", "codes of paint makers come from a palette: pass `palette`"),
        ("RAL 7016", "pass `palette`"),
        ("NCS S 1005-Y20R", "pass `palette`"),
        ("2124-70", "pass `palette`"),
        ("HC-172", "pass `palette`"),
        ("navy2", "navy? (codes of paint makers come from a palette: pass `palette`)"),
        ("12345", "not a colour"),
        ("#12345", "not a colour"),
        ("red\nblue", "not a colour"),
        ("currentcolor", "not a colour"),
        ("rgb(1,2,3", "not a colour"),
        ("rgba(1, 2, 3, 0.5)", "opaque"),
        ("#11223344", "opaque"),
        ("#1234", "opaque"),
        ("transparent", "opaque"),
        ("rgb(none 0 0)", "every channel"),
        ("lab(nan 0 0)", "not a colour"),
        ("rgb(1e999 0 0)", "channel"),
        ("rgb(300 0 0)", "range"),
        ("color(srgb 2 0 0)", "more light"),
        ("color(xyz 1.2 1.2 1.2)", "more light"),
        ("oklch(0.9 0.4 150)", "more light"),
        ("color(xyz 0.5 0.1 0.5)", "more vivid"),
        ((1, 2), "three integers"),
        ((1, 2, 256), "three integers"),
        ((0.1, 0.2, 0.3), "three integers"),
        ((True, False, True), "three integers"),
        (7, "three integers"),
        (None, "three integers"),
    ],
)
def test_refused_colours_get_one_clear_line(text, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        Paint.parse(text)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@given(st.text(max_size=40))
def test_any_text_is_a_paint_or_an_input_error(text: str) -> None:
    message = ""
    try:
        assert np.isfinite(Paint.parse(text).albedo_linear).all()
    except InputError as error:
        message = str(error)
    assert "\n" not in message


def test_a_paint_passes_through() -> None:
    paint = Paint.parse("#abc")
    assert Paint.parse(paint) is paint


@pytest.mark.parametrize("albedo", [(np.nan, 0, 0), (np.inf, 0, 0), (0.5, 0.5), (1.2, 1.2, 1.2), (-1, 0, 0)])
def test_impossible_albedo_is_refused(albedo) -> None:
    with pytest.raises(InputError):
        Paint(albedo)


def test_lrv_out_of_range_is_refused() -> None:
    with pytest.raises(InputError, match="LRV"):
        Paint((0.5, 0.5, 0.5), lrv=101)


def test_report_is_plain_json() -> None:
    texture = np.zeros((4, 6, 3), np.uint8)
    paint = Paint((0.2, 0.3, 0.25), name="Sage", code="S 1", sheen="matt", lrv=27.0).with_reference(texture)
    report = json.loads(json.dumps(paint.to_dict()))
    assert report["name"] == "Sage"
    assert report["reference"] == "array 4x6"
    assert report["hex"] == paint.hex
    assert report["out_of_srgb"] is False
    assert paint.with_reference("brick.jpg").to_dict()["reference"] == "brick.jpg"
    assert paint.with_reference("brick.jpg") == paint.with_reference(Path("brick.jpg"))
    assert paint.with_reference(texture) == paint != paint.with_reference(texture.copy())


def test_lab_of_a_paint() -> None:
    np.testing.assert_allclose(Paint.parse("white").lab, [100, 0, 0], atol=1e-9)


def test_importing_paints_leaves_the_colour_library_alone() -> None:
    code = "import sys, wallpaint.paints.paint, wallpaint.paints.palette; sys.exit('coloraide' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- palettes ------------------------------------------------------------------------------------------------

CSV = "code,name,hex,LRV,finish\nS-100,Morning Sage,#7d9b84,30,matt\nS-200,Deep Sea,#1f3a4d,,\n"


def test_csv_palette(tmp_path: Path) -> None:
    palette = _palette(tmp_path, CSV)
    assert len(palette) == 2
    assert [paint.code for paint in palette] == ["S-100", "S-200"]
    first = palette.find("s-100")
    assert (first.name, first.rgb, first.lrv, first.sheen) == ("Morning Sage", SAGE, 30, "matt")
    assert palette.find("MORNING  sage") is first
    assert palette.find("S100") is first
    assert palette.find("Deep Sea").lrv is None
    assert palette.warnings == ()
    assert Paint.parse("deep sea", palette) is palette.paints[1]
    assert Paint.parse("#abc", palette).rgb == (170, 187, 204)


def test_bare_hex_is_a_colour() -> None:
    assert [Paint.parse(text).hex for text in ("314659", "000000", "7D9B84", "0x314659")] == [
        "#314659",
        "#000000",
        "#7d9b84",
        "#314659",
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("mark", [";", ",", "|", "\t"])
def test_separator_line_is_skipped_and_names_the_delimiter(tmp_path: Path, mark: str, start: str, end: str) -> None:
    rows = [f"sep={mark}", *(line.replace(",", mark) for line in ("code,name,hex", "A1,Sage,7d9b84", "A2,Ink,000000"))]
    path = tmp_path / "shop.csv"
    path.write_bytes((start + end.join(rows) + end).encode())
    assert [(paint.code, paint.name, paint.hex) for paint in read_palette(path)] == [
        ("A1", "Sage", "#7d9b84"),
        ("A2", "Ink", "#000000"),
    ]
    path.write_bytes((start + end.join([*rows, f"A3{mark}{mark}#zz"])).encode())
    with pytest.raises(InputError, match="line 5, column hex: '#zz'"):
        read_palette(path)


def test_hex_column_without_marks(tmp_path: Path) -> None:
    palette = _palette(tmp_path, "code,hexColor\nA,7d9b84\nB,314659\nC,000000\nD,abc\nE,#fff\n")
    assert [paint.hex for paint in palette] == ["#7d9b84", "#314659", "#000000", "#aabbcc", "#ffffff"]
    assert [paint.hex for paint in _palette(tmp_path, '{"A": "314659", "B": 314659}', "p.json")] == ["#314659"] * 2
    assert "leading zeros" in _refusal(tmp_path, "code,hex\nA,4659\n")


def test_names_in_either_unicode_form(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "Xanh rêu")
    palette = _palette(tmp_path, f"{unicodedata.normalize('NFD', 'Mã')},{unicodedata.normalize('NFD', 'Tên')},hex\n"
                       f"S1,{decomposed},#7d9b84\n")  # fmt: skip
    assert palette.find("Xanh rêu").rgb == SAGE
    assert palette.find(decomposed) is palette.paints[0]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffMã;Tên;Màu;Độ phản xạ;Độ bóng\nS1;Xanh rêu;#7d9b84;30,5;mờ\n",
        "MÃ MÀU\tTÊN MÀU\tMÃ HEX\tLRV\tĐỘ BÓNG\nS1\tXanh rêu\t#7d9b84\t30,5\tmờ\n",
        "ma,ten,R,G,B,LRV (%),do bong\r\nS1,Xanh rêu,125,155,132,30.5 %,mờ\r\n",
        "code|name|rgb|lrv|sheen\n\nS1|Xanh rêu|125 155 132|30.5|mờ\n",
    ],
    ids=["semicolon", "tab", "comma", "bar"],
)
def test_delimiters_and_headers(tmp_path: Path, text: str) -> None:
    (paint,) = _palette(tmp_path, text)
    assert (paint.code, paint.name, paint.rgb, paint.lrv, paint.sheen) == ("S1", "Xanh rêu", SAGE, 30.5, "mờ")


def test_utf16_from_a_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "shop.txt"
    path.write_text("code\thex\nĐ1\t#7d9b84\n", encoding="utf-16")
    assert read_palette(path).find("đ1").rgb == SAGE


def test_lab_columns_beside_rgb(tmp_path: Path) -> None:
    text = "Code,R,G,B,L,a,b\nX,0,0,0,61.1926,-15.1996,8.6454\n"
    assert _palette(tmp_path, text).find("X").rgb == SAGE
    semicolon = "Code;L*;a*;b*\nX;61,1926;-15,1996;8,6454\n"
    assert _palette(tmp_path, semicolon).find("X").rgb == SAGE


def test_lab_under_another_light(tmp_path: Path) -> None:
    text = "code,L,a,b,illuminant,observer\nX,61.2,-15.2,8.6,D50,10°\nY,61.2,-15.2,8.6,,\n"
    palette = _palette(tmp_path, text)
    np.testing.assert_allclose(palette.find("X").albedo_linear, adapt_lab((61.2, -15.2, 8.6), "D50", 10))
    np.testing.assert_allclose(palette.find("Y").albedo_linear, adapt_lab((61.2, -15.2, 8.6)))
    other = _palette(tmp_path, text, illuminant="A", observer=10)
    np.testing.assert_allclose(other.find("Y").albedo_linear, adapt_lab((61.2, -15.2, 8.6), "A", 10))


@pytest.mark.parametrize("light", WHITES)
def test_greys_stay_grey_under_every_light(light: tuple[str, int]) -> None:
    for lightness in (0, 20, 50, 80, 100):
        lab = color.linear_to_lab(adapt_lab((lightness, 0, 0), *light))
        np.testing.assert_allclose(lab, [lightness, 0, 0], atol=1e-3)


def test_adaptation_matches_the_icc_matrix() -> None:
    # Source: the Bradford D65 to D50 matrix of CSS Color 4; here from D50 back to D65.
    d65_to_d50 = np.array(
        [
            [1.0479298, 0.0229468, -0.0501922],
            [0.0296278, 0.9904345, -0.0170738],
            [-0.0092430, 0.0150552, 0.7518743],
        ]
    )
    lab, white = np.array([60.0, 20.0, -30.0]), np.array([0.96422, 1.0, 0.82521])
    expected = color.xyz_to_linear(np.linalg.inv(d65_to_d50) @ color.lab_to_xyz(lab, white))
    np.testing.assert_allclose(adapt_lab(lab, "D50", 2), expected, atol=3e-4)


def test_unknown_light_is_refused() -> None:
    with pytest.raises(InputError, match="D65"):
        adapt_lab((50, 0, 0), "D93", 2)


@pytest.mark.parametrize(
    "data",
    [
        [{"code": "S1", "name": "Sage", "hex": "#7d9b84"}],
        {"colors": [{"code": "S1", "name": "Sage", "rgb": [125, 155, 132]}]},
        {"paints": [{"code": "S1", "name": "Sage", "r": 125, "g": 155, "b": 132}]},
        {"palette": [{"id": "S1", "title": "Sage", "lab": [61.1926, -15.1996, 8.6454]}]},
        {"S1": "#7d9b84"},
        {"S1": [125, 155, 132]},
        {"S1": {"name": "Sage", "hex": "#7d9b84"}},
    ],
)
def test_json_palettes(tmp_path: Path, data: object) -> None:
    assert _palette(tmp_path, json.dumps(data), "shop.json").find("s1").rgb == SAGE


def test_columns_can_be_named(tmp_path: Path) -> None:
    palette = _palette(tmp_path, "Shade,Screen\nA,#7d9b84\n", columns={"code": "Shade", "color": "Screen"})
    assert palette.find("a").rgb == SAGE
    assert "no column 'Tone'" in _refusal(tmp_path, CSV, columns={"code": "Tone"})
    assert "not a field" in _refusal(tmp_path, CSV, columns={"shade": "code"})


def test_lrv_that_disagrees_is_a_warning(tmp_path: Path) -> None:
    (warning,) = _palette(tmp_path, "code,hex,lrv\nA,#7d9b84,30\nB,#7d9b84,60\n").warnings
    assert "line 3" in warning
    assert "B has LRV 60" in warning


def test_ambiguous_name_lists_the_codes(tmp_path: Path) -> None:
    palette = _palette(tmp_path, "code,name,hex\nA1,Sand,#aabbcc\nA2,Sand,#bbccdd\n")
    with pytest.raises(InputError, match="A1, A2"):
        Paint.parse("sand", palette)


def test_unknown_code_suggests_the_nearest(tmp_path: Path) -> None:
    palette = _palette(tmp_path, CSV)
    with pytest.raises(InputError, match="S-100"):
        palette.find("S-101")
    with pytest.raises(InputError, match=r"Morning Sage.*|shop\.csv"):
        Paint.parse("morning sagge", palette)


def test_bad_rows_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    text = "code,hex,lrv\nA,#aabbcc,\nB,#zzz,\nC,#aabbcc,ten\nD,,\n"
    message = _refusal(tmp_path, text)
    assert message.startswith("shop.csv: line 3, column hex: '#zzz'")
    assert "3 bad of 4 rows" in message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("  \n\n", "empty"),
        ("code,hex\n", "no paint"),
        ("apples,pears\n1,2\n", "no colour column"),
        ("name,lrv\nA,50\n", "no colour column"),
        ("code,hex\nA,#112233\na,#445566\n", "given 2 times"),
        ("code,r,g,b\nA,1,2,300\n", "column r g b"),
        ("code,r,g,b\nA,1,2,0.5\n", "three integers"),
        ("code,L,a,b\nA,150,0,0\n", "L lies in 0..100"),
        ("code,L,a,b\nA,nan,0,0\n", "expected a number"),
        ("code,L,a,b,illuminant\nA,50,0,0,D99\n", "unknown"),
        ("code,hex,lrv\nA,#112233,120\n", "column lrv"),
        ("code,hex\nA,#11223344\n", "opaque"),
        ("code,hex\nA," + "9" * 200_000 + "\n", "field larger"),
        ("[", "not JSON"),
        ("[1, 2]", "list of objects"),
        ('[{"code": "A", "hex": NaN}]', "not a number"),
        ("[" * 100_000, "nested"),
        ("{}", "no paint"),
        ('{"A": null}', "no colour"),
        ('[{"code": "A", "rgb": [1, 2]}]', "3 numbers"),
    ],
)
def test_bad_palettes_get_one_clear_line(tmp_path: Path, text: str, reason: str) -> None:
    assert reason in _refusal(tmp_path, text)


def test_files_that_are_no_palette(tmp_path: Path) -> None:
    picture = tmp_path / "wall.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\x00\xff\xfe" * 20)
    with pytest.raises(InputError, match="not UTF-8"):
        read_palette(picture)
    picture.write_bytes(b"code,hex\n\0\0\0")
    with pytest.raises(InputError, match="not text"):
        read_palette(picture)
    with pytest.raises(InputError, match="not a file"):
        read_palette(tmp_path)
    with pytest.raises(InputError, match="not a file"):
        read_palette(tmp_path / "absent.csv")
    with picture.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(InputError, match="20 MB"):
        read_palette(picture)
