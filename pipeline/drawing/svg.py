"""Strokes -> an SVG drawing."""

from collections.abc import Sequence

from pipeline.drawing.stroke import Stroke


def to_svg(strokes: Sequence[Stroke], shape: tuple[int, ...]) -> str:
    """Strokes as an SVG drawing, one path each, of its mean width and darkness."""
    paths = "\n".join(_svg_path(stroke) for stroke in sorted(strokes, key=lambda s: float(s.pressures.mean())))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {shape[1]} {shape[0]}">'
    style = '<g fill="none" stroke-linecap="round" stroke-linejoin="round">'
    return f'{head}<rect width="100%" height="100%" fill="white"/>\n{style}\n{paths}\n</g></svg>\n'


def _svg_path(stroke: Stroke) -> str:
    points = " ".join(f"{x + 0.5:.2f},{y + 0.5:.2f}" for x, y in stroke.points)
    gray = round(255 * (1 - float(stroke.pressures.mean())))
    return f'<path d="M {points}" stroke="#{3 * f"{gray:02x}"}" stroke-width="{float(stroke.widths.mean()):.2f}"/>'
