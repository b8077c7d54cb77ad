"""SVG drawings as pixels: shapes alone, and nothing outside the file is ever asked for.

The renderer (resvg) would read files that an image names, and nested parts without end end the process. So a file is
read here first, and only what draws lines and areas is handed on.
"""

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from pipeline.core.errors import UserError

LONGER_PX = 1024  # longer side of the picture
MOST_BYTES = 8 << 20
MOST_DEPTH = 100  # of nested parts
MOST_SHAPES = 50_000  # those that are used several times counted each time
MOST_ASPECT = 16.0
SVG = "{http://www.w3.org/2000/svg}"
HREFS = ("href", "{http://www.w3.org/1999/xlink}href")
SHAPES = frozenset(
    f"{SVG}{name}"
    for name in (
        *("svg", "g", "a", "defs", "symbol", "use", "switch", "style"),
        *("path", "rect", "circle", "ellipse", "line", "polyline", "polygon"),
        *("clipPath", "mask", "linearGradient", "radialGradient", "stop"),
    )
)
SILENT = frozenset(f"{SVG}{name}" for name in ("title", "desc", "metadata"))  # draw nothing: no word about them
ELSEWHERE = re.compile(r"@import|url\(\s*['\"]?\s*[^#'\"\s]", re.IGNORECASE)
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", re.IGNORECASE)


class SvgError(UserError):
    """An SVG that cannot be drawn: "reason; remedy"."""


def is_svg(data: bytes) -> bool:
    """Whether a file's beginning is an SVG's."""
    text = data[:4096].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")  # marks of byte order, UTF-16's zeros
    return text.startswith(b"<") and b"<svg" in text.lower()


def svg_to_png(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """An SVG file -> a PNG file with alpha, LONGER_PX long, and what was left out. Raises SvgError."""
    root = _parsed(data)
    left_out = sorted({child.tag.rsplit("}")[-1] for child in _cleaned(root)})
    size = _size(root)
    _check_shapes(root)
    import resvg_py  # where an SVG is drawn: no other picture needs it

    ElementTree.register_namespace("", SVG[1:-1])
    text = ElementTree.tostring(root, "unicode")
    width, height = (LONGER_PX, None) if size[0] >= size[1] else (None, LONGER_PX)
    try:
        png = resvg_py.svg_to_bytes(svg_string=text, skip_system_fonts=True, width=width, height=height)
    except ValueError as error:
        raise SvgError(f"no SVG that can be drawn ({error}); save it as PNG") from error
    return png, (f"SVG: {', '.join(left_out)} left out",) if left_out else ()


def _parsed(data: bytes) -> ElementTree.Element:
    if len(data) > MOST_BYTES:
        raise SvgError(f"an SVG of {len(data) >> 20} MB, at most {MOST_BYTES >> 20}; save it as PNG")
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
        if "<!ENTITY" in text:
            raise SvgError("an SVG with entities; save it as plain SVG, or as PNG")
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, UnicodeDecodeError, ValueError) as error:
        raise SvgError(f"no whole SVG ({error}); save it anew, or as PNG") from error
    if root.tag != f"{SVG}svg":
        raise SvgError("no SVG: its root is another; save it as plain SVG, or as PNG")
    return root


def _cleaned(root: ElementTree.Element) -> list[ElementTree.Element]:
    """Takes out of the tree, in place, what is no shape or leads elsewhere; returns what draws and was taken out.

    Raises SvgError for parts nested deeper than MOST_DEPTH.
    """
    out, waiting = [], [(root, 1)]
    while waiting:
        parent, depth = waiting.pop()
        if depth > MOST_DEPTH:
            raise SvgError(f"an SVG with more than {MOST_DEPTH} nested groups; ungroup them, or save it as PNG")
        for name in [name for name, value in parent.attrib.items() if _leads_elsewhere(name, value)]:
            del parent.attrib[name]
        for child in list(parent):
            if child.tag not in SHAPES or (child.tag == f"{SVG}style" and ELSEWHERE.search(child.text or "")):
                parent.remove(child)
                if isinstance(child.tag, str) and child.tag.startswith(SVG) and child.tag not in SILENT:
                    out.append(child)
            else:
                waiting.append((child, depth + 1))
    return out


def _leads_elsewhere(name: str, value: str) -> bool:
    return (name in HREFS and not value.strip().startswith("#")) or bool(ELSEWHERE.search(value))


def _size(root: ElementTree.Element) -> tuple[float, float]:
    """Width and height in any unit, of the view box where there is one. Raises SvgError for what is no sheet."""
    box = [float(number) for number in NUMBER.findall(root.get("viewBox", ""))]
    sides = box[2:4] if len(box) == 4 else [float(n) for n in _lengths(root)]
    if len(sides) < 2:
        raise SvgError("an SVG without a size; give it a width and a height, or save it as PNG")
    width, height = sides
    if not (width > 0 and height > 0 and max(width, height) <= MOST_ASPECT * min(width, height)):
        raise SvgError(f"an SVG of {width:g} by {height:g} is no sheet; give it a size, or save it as PNG")
    if len(box) == 4:  # what else it says could be any size: the picture's follows from the box alone
        root.attrib.pop("width", None)
        root.attrib.pop("height", None)
    return width, height


def _lengths(root: ElementTree.Element) -> Iterator[str]:
    for name in ("width", "height"):
        found = NUMBER.match(root.get(name, "").strip())
        if found and not root.get(name, "").strip().endswith("%"):
            yield found.group()


def _check_shapes(root: ElementTree.Element) -> None:
    """Raises SvgError for more than MOST_SHAPES, those behind every `use` counted again, and for uses in a ring."""
    named = {part.get("id"): part for part in root.iter() if part.get("id")}
    counts: dict[int, int] = {}

    def count(part: ElementTree.Element, within: frozenset[int]) -> int:
        if id(part) in within or len(within) > 2 * MOST_DEPTH:
            raise SvgError("an SVG whose parts use each other without end; save it as PNG")
        if id(part) not in counts:
            inside = within | {id(part)}
            target = next((named.get(part.get(name, "")[1:]) for name in HREFS if part.get(name)), None)
            used = [target] if target is not None and part.tag == f"{SVG}use" else []
            counts[id(part)] = 1 + sum(count(child, inside) for child in (*part, *used))
        return counts[id(part)]

    shapes = count(root, frozenset())
    if shapes > MOST_SHAPES:
        raise SvgError(f"an SVG of {shapes:,} shapes, at most {MOST_SHAPES:,}; save it as PNG")
