"""Coherent lines: difference of Gaussians along an edge tangent flow (Kang, Lee, Chui 2007)."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from pipeline.core.allowed import Range
from pipeline.core.polarity import Gray, Sketch, luminance
from pipeline.drawing.dog import dog_profile, gaussian_profile
from pipeline.drawing.scale import face_scale, on_canvas
from pipeline.styles import Style

K = 1.6  # sigma_s / sigma_c, Eq. 8
WHITE = np.float32(255)  # the paper's responses are in 8-bit gray levels
LARGEST_PX = 512  # ours: a larger face is drawn at this size and enlarged, as the cost grows with the fourth power

Field = NDArray[np.float32]


@dataclass(frozen=True)
class FdogParams:
    flow_radius: Annotated[
        float, Range(above=0, most=16)
    ]  # of the neighbourhood that smooths the flow, px at a 256-px face
    flow_iterations: Annotated[int, Range(least=0, most=16)]
    sigma_c: Annotated[float, Range(above=0, most=16)]  # line width, px at a 256-px face
    sigma_m: Annotated[float, Range(above=0, most=64)]  # length along which a line is gathered, px at a 256-px face
    rho: Annotated[
        float, Range(least=0, most=2)
    ]  # weight of the surroundings: how much darker than them a line must be
    tau: Annotated[float, Range(above=0, most=1)]  # lines are where 1 + tanh(H) is below
    line_iterations: Annotated[int, Range(least=1, most=16)]


def fdog(gray: Gray, params: FdogParams) -> Sketch:
    """Gray (H, W) in [0, 1] -> Sketch (H, W) in [0, 1], 0 = ink."""
    return Sketch(on_canvas(gray, partial(_draw, params=params), LARGEST_PX))


def tangent_flow(gray: Gray, params: FdogParams) -> Field:
    """Unit tangents along the edges, (2, H, W) as x and y; zero where nothing is near (Eq. 1)."""
    tangent, magnitude = _tangents(gray)
    radius = max(1, round(params.flow_radius * face_scale(gray.shape)))
    weight = np.exp(2 * magnitude / max(float(magnitude.max()), 1e-6)).astype(np.float32)
    for _ in range(params.flow_iterations):
        tangent = _unit(_smooth(_padded(tangent, radius), np.pad(weight, radius), radius))
    return tangent


def _tangents(gray: Gray) -> tuple[Field, Gray]:
    """Sobel gradient turned by 90 degrees, as unit vectors (2, H, W), and its magnitude."""
    dx = cv2.Sobel(gray, cv2.CV_32F, 1, 0, borderType=cv2.BORDER_REFLECT_101)
    dy = cv2.Sobel(gray, cv2.CV_32F, 0, 1, borderType=cv2.BORDER_REFLECT_101)
    return _unit(np.stack([-dy, dx])), np.hypot(dx, dy)


def _unit(field: Field) -> Field:
    return np.asarray(field / np.maximum(cv2.magnitude(field[0], field[1]), np.float32(1e-6)))


def _padded(field: Field, radius: int) -> Field:
    return np.pad(field, ((0, 0), (radius, radius), (radius, radius)))


@njit(cache=True)
def _smooth(tangent, weight, radius):  # type: ignore[no-untyped-def]
    """Eq. 1 at every pixel: t'(x) = sum over |y - x| <= radius of (t(x) . t(y)) t(y) w_m.

    (t(x) . t(y)) t(y) is the paper's phi w_d t(y); w_m = (1 + tanh(g(y) - g(x))) / 2 = E(y) / (E(x) + E(y))
    with E = exp(2 g). Inputs are padded by `radius` with zeros, which therefore weigh nothing.
    """
    height, width = weight.shape[0] - 2 * radius, weight.shape[1] - 2 * radius
    out = np.zeros((2, height, width), np.float32)
    for row in range(height):
        y = row + radius
        here_x, here_y = tangent[0, y, radius : radius + width], tangent[1, y, radius : radius + width]
        here_weight = weight[y, radius : radius + width]
        for dy in range(-radius, radius + 1):
            reach = int(np.sqrt(radius * radius - dy * dy))
            for dx in range(radius - reach, radius + reach + 1):
                there_x, there_y = tangent[0, y + dy, dx : dx + width], tangent[1, y + dy, dx : dx + width]
                there_weight = weight[y + dy, dx : dx + width]
                for i in range(width):
                    along = here_x[i] * there_x[i] + here_y[i] * there_y[i]
                    along *= there_weight[i] / (here_weight[i] + there_weight[i])
                    out[0, row, i] += along * there_x[i]
                    out[1, row, i] += along * there_y[i]
    return out


def _draw(gray: Gray, params: FdogParams) -> Sketch:
    """Lines of the flow-based DoG; each further pass sees the picture with the lines painted in."""
    scale = face_scale(gray.shape)
    flow = tangent_flow(gray, params)
    across = dog_profile(params.sigma_c * scale, K, params.rho)
    along = gaussian_profile(params.sigma_m * scale, int(np.ceil(2 * params.sigma_m * scale)))
    painted = gray
    for _ in range(params.line_iterations):
        response = _gather(_cross(_mirrored(painted * WHITE, across.size // 2 + 1), flow, across), flow, along)
        lines = _lines(response, params.tau)
        painted = np.minimum(gray, lines)
    return lines


def _lines(response: Gray, tau: float) -> Sketch:
    """0 where H < 0 and 1 + tanh(H) < tau (Eq. 10), sampled twice as densely, so that borders are smooth."""
    height, width = response.shape
    dense = cv2.resize(response, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR)
    paper = (dense >= np.float32(np.arctanh(tau - 1))).astype(np.float32)
    return Sketch(np.asarray(cv2.resize(paper, (width, height), interpolation=cv2.INTER_AREA), np.float32))


def _mirrored(gray: Gray, margin: int) -> Gray:
    return np.pad(gray, margin, mode="reflect")


@njit(cache=True)
def _cross(gray, flow, profile):  # type: ignore[no-untyped-def]
    """F(x): the profile laid across the flow, bilinear (Eq. 6); gray is padded by radius + 1."""
    radius = profile.size // 2
    margin = radius + 1
    height, width = flow.shape[1:]
    out = np.empty((height, width), np.float32)
    for row in range(height):
        for column in range(width):
            step_x, step_y = -flow[1, row, column], flow[0, row, column]
            total = np.float32(0)
            for i in range(-radius, radius + 1):
                x = np.float32(column + margin) + i * step_x
                y = np.float32(row + margin) + i * step_y
                left, top = int(x), int(y)
                u, v = x - np.float32(left), y - np.float32(top)
                upper = gray[top, left] + u * (gray[top, left + 1] - gray[top, left])
                lower = gray[top + 1, left] + u * (gray[top + 1, left + 1] - gray[top + 1, left])
                total += profile[i + radius] * (upper + v * (lower - upper))
            out[row, column] = total
    return out


@njit(cache=True)
def _gather(response, flow, profile):  # type: ignore[no-untyped-def]
    """H(x): Gaussian mean of F along the streamline through x (Eq. 9), as far as it runs inside."""
    height, width = response.shape
    radius = profile.size // 2
    out = np.empty((height, width), np.float32)
    for row in range(height):
        for column in range(width):
            total = profile[radius] * response[row, column]
            weight = profile[radius]
            for way in (-1, 1):
                x, y = np.float32(column), np.float32(row)
                step_x, step_y = way * flow[0, row, column], way * flow[1, row, column]
                for i in range(1, radius + 1):
                    x += step_x
                    y += step_y
                    near_x, near_y = int(np.rint(x)), int(np.rint(y))
                    if near_x < 0 or near_y < 0 or near_x >= width or near_y >= height:
                        break
                    total += profile[radius + i] * response[near_y, near_x]
                    weight += profile[radius + i]
                    next_x, next_y = flow[0, near_y, near_x], flow[1, near_y, near_x]
                    same = next_x * step_x + next_y * step_y >= 0
                    step_x, step_y = (next_x, next_y) if same else (-next_x, -next_y)
            out[row, column] = total / weight
    return out


STYLE = Style(FdogParams, lambda photo, params: fdog(luminance(photo), params))
