"""An SVG drawing is a picture; nothing beside the file is read; what cannot be drawn gets one sentence."""

import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.core.image_io import ImageError, Picture, import_bytes
from pipeline.core.svg_picture import LONGER_PX

NAMES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
SQUARE = f'<svg {NAMES} viewBox="0 0 10 10">'


def drawn(text: str) -> Picture:
    return import_bytes(text.encode(), Path("x.svg"))


def test_shapes_lie_where_the_view_box_puts_them() -> None:
    picture = drawn(f'<svg {NAMES} viewBox="0 0 10 20" width="1e9"><rect x="5" width="5" height="10"/></svg>')
    white = picture.on_white()
    assert white.shape == (LONGER_PX, LONGER_PX // 2, 3)
    quarter = LONGER_PX // 2, LONGER_PX // 4
    assert white[: quarter[0], quarter[1] :].max() == 0
    assert white[quarter[0] :].min() == white[:, : quarter[1]].min() == 255


@pytest.mark.parametrize(
    "part",
    [
        '<image width="10" height="10" href="{}"/>',
        '<image width="10" height="10" xlink:href="{}"/>',
        '<g><image width="10" height="10" href="file://{}"/></g>',
        '<style>@import "{}"; rect {{fill: red}}</style><rect/>',
        '<use href="{}#a"/>',
        '<feImage href="{}"/>',
        '<filter id="a"><feImage href="{}"/></filter><rect width="10" height="10" fill="none" filter="url(#a)"/>',
    ],
)
def test_no_file_beside_it_is_read(part: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    cv2.imwrite(str(secret), np.zeros((10, 10, 3), np.uint8))
    assert drawn(SQUARE + part.format(secret) + "</svg>").on_white().min() == 255


def test_bytes_of_another_picture_that_read_svg_are_none() -> None:
    png = cv2.imencode(".png", np.zeros((9, 9, 3), np.uint8))[1].tobytes()
    chunk = b"<SvG"
    comment = len(chunk).to_bytes(4, "big") + b"teXt" + chunk + zlib.crc32(b"teXt" + chunk).to_bytes(4, "big")
    assert import_bytes(png[:33] + comment + png[33:], Path("x.png")).rgb.shape == (9, 9, 3)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_svg_may_have_any_mark_of_byte_order(encoding: str) -> None:
    text = f'\n{SQUARE}<rect width="10" height="10"/></svg>'
    assert import_bytes(text.encode(encoding), Path("x")).on_white().max() == 0


def test_what_is_left_out_is_told() -> None:
    picture = drawn(f'{SQUARE}<text y="5">a</text><image href="x"/><title>b</title></svg>')
    assert picture.notes == ("SVG: image, text left out",)


def test_a_document_type_without_entities_is_no_hindrance() -> None:
    doctype = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://127.0.0.1:9/svg11.dtd">'
    assert drawn(f'{doctype}{SQUARE}<rect width="10" height="10"/></svg>').on_white().max() == 0


USES = (
    "".join(f'<g id="a{i + 1}">{f"<use href=#a{i}/>" * 10}</g>' for i in range(8))
    .replace("=#", '="#')
    .replace("/>", '"/>')
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<svg", "no whole SVG"),
        ("<html><svg></svg></html>", "no SVG"),
        (f"<svg {NAMES}/>", "without a size"),
        (f'<svg {NAMES} width="-5" height="0"/>', "no sheet"),
        (f'<svg {NAMES} width="1e30" height="1"/>', "no sheet"),
        (SQUARE + " " * (9 << 20) + "</svg>", "9 MB"),
        (SQUARE + "<g>" * 100_000 + "</g>" * 100_000 + "</svg>", "nested"),
        (f'{SQUARE}<g id="a0"><rect/></g>{USES}<use href="#a8"/></svg>', "shapes, at most"),
        (f'{SQUARE}<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g></svg>', "use each other"),
        (f'<!DOCTYPE svg [<!ENTITY a "b">]>{SQUARE}</svg>', "entities"),
    ],
)
def test_what_cannot_be_drawn_gets_one_sentence(text: str, reason: str) -> None:
    with pytest.raises(ImageError, match=reason) as refused:
        drawn(text)
    assert "\n" not in str(refused.value)
    assert "; " in str(refused.value)
