"""Building blocks shared by the generators and discriminators."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

Padding = Literal["reflect", "zeros"]


def init_weights(module: nn.Module) -> None:
    """N(0, 0.02) for convolutions, zero biases (as the nearest public system, EdgeConnect)."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def with_spectral_norm(module: nn.Module) -> nn.Module:
    """Spectral normalisation (Miyato et al. 2018) on every convolution below `module`, in place."""
    for child in module.modules():
        if isinstance(child, (nn.Conv2d, nn.ConvTranspose2d)):
            spectral_norm(child)
    return module


def without_parametrizations(module: nn.Module) -> nn.Module:
    """Fold spectral normalisation into plain weights, in place: what is shipped and exported."""
    for child in module.modules():
        if nn.utils.parametrize.is_parametrized(child, "weight"):
            nn.utils.parametrize.remove_parametrizations(child, "weight")
    return module


class _Standardised(torch.autograd.Function):
    """(N, C, H, W) -> the same, (x - mean) / root of the mean square, over `dim` 1 or 2 of (N, H·W, C).

    One memory layout and one precision throughout, few passes back. Along dim 2 no mean is taken off.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, dim: int, eps: float) -> Tensor:
        rows = _rows(x)
        centred = rows - _mean(rows, 1) if dim == 1 else rows
        scale = torch.rsqrt(_mean(centred.square(), dim) + eps).to(x.dtype)
        y = centred * scale
        ctx.save_for_backward(y, scale)
        ctx.dim = dim
        return _maps(y, x.shape)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (y, scale), dim, grad = ctx.saved_tensors, ctx.dim, _rows(grads[0])
        centred = grad - _mean(grad, 1) if dim == 1 else grad
        slope = torch.addcmul(centred, y, _mean(grad * y, dim), value=-1).mul_(scale)
        return _maps(slope, grads[0].shape), None, None


def _rows(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, H·W, C), no copy where x is channels-last."""
    return x.permute(0, 2, 3, 1).flatten(1, 2)


def _maps(rows: Tensor, shape: torch.Size) -> Tensor:
    """Inverse of `_rows`."""
    n, c, h, w = shape
    return rows.reshape(n, h, w, c).permute(0, 3, 1, 2)


def _mean(rows: Tensor, dim: int) -> Tensor:
    """Mean of (N, M, C) along a dimension, kept: on the CPU as a matrix product, which is faster there."""
    if rows.device.type != "cpu":
        return rows.mean(dim, keepdim=True)
    count = rows.shape[0]  # not len(), which would fix the batch of an ONNX export
    one = rows.new_full((1, rows.shape[dim]), 1 / rows.shape[dim]).expand(count, 1, -1)
    return torch.bmm(one, rows) if dim == 1 else torch.bmm(rows, one.mT)


class InstanceNorm(nn.Module):
    """Every map of every image to mean 0 and variance 1 (Ulyanov et al. 2016), no affine: (N, C, H, W) -> the same."""

    EPS = 1e-5

    def forward(self, x: Tensor) -> Tensor:
        return _Standardised.apply(x, 1, self.EPS)  # type: ignore[no-untyped-call, no-any-return]


class PixelNorm(nn.Module):
    """Every pixel's feature vector divided by its root mean square (Karras et al. 2018): (N, C, H, W) -> the same.

    Instance norm lets a net shift the statistics of a flat map by one bright spot, which shows in the photo as a
    droplet (Karras et al. 2020); here no pixel can touch another.
    """

    EPS = 1e-6

    def forward(self, x: Tensor) -> Tensor:
        return _Standardised.apply(x, 2, self.EPS)  # type: ignore[no-untyped-call, no-any-return]


class PlainPixelNorm(nn.Module):
    """`PixelNorm` in operations that every runtime knows."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + PixelNorm.EPS)


def with_plain_norms(module: nn.Module) -> nn.Module:
    """The norms below `module` as operations that ONNX has, in place; the same values to rounding."""
    for name, child in module.named_children():
        if isinstance(child, InstanceNorm):
            setattr(module, name, nn.InstanceNorm2d(1, eps=InstanceNorm.EPS))
        elif isinstance(child, PixelNorm):
            setattr(module, name, PlainPixelNorm())
        else:
            with_plain_norms(child)
    return module


NORMS: dict[str, Callable[[int], nn.Module]] = {
    "instance": lambda channels: InstanceNorm(),
    "pixel": lambda channels: PixelNorm(),
}


def normalised(channels: int, norm: str) -> nn.Sequential:
    """A normalisation of the table, then ReLU."""
    return nn.Sequential(NORMS[norm](channels), nn.ReLU())


UPSAMPLINGS: dict[str, Callable[[int, int], nn.Module]] = {  # (in, out channels): resolution doubled
    "transposed": lambda a, b: nn.ConvTranspose2d(a, b, 4, 2, 1),
    # no pixel of the doubled grid differs from the next by construction, hence no dots in lines (Odena et al. 2016)
    "resize": lambda a, b: nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(a, b, 3, padding=1)),
}


def convolution(in_channels: int, out_channels: int, kernel: int, padding: Padding, dilation: int = 1) -> nn.Conv2d:
    """One that keeps H and W; the kernel is odd."""
    reach = dilation * (kernel // 2)
    return nn.Conv2d(in_channels, out_channels, kernel, padding=reach, dilation=dilation, padding_mode=padding)


class ResidualBlock(nn.Module):
    """Dilated 3x3, then plain 3x3; no ReLU after the sum.

    (N, C, H, W) -> (N, C, H, W). H and W must exceed the dilation.
    """

    def __init__(self, channels: int, dilation: int, norm: str, padding: Padding) -> None:
        super().__init__()
        self.body = nn.Sequential(
            convolution(channels, channels, 3, padding, dilation),
            normalised(channels, norm),
            convolution(channels, channels, 3, padding),
            NORMS[norm](channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.body(x)
        return x + changed
