"""Masked residual units against their formula, and the U-Net made of them."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from models.blocks import NORMS, with_spectral_norm
from models.generators.unet_mru import MaskedResidualUnit, UnetMruGenerator, beside, halved


def generator(norm: str = "instance", in_channels: int = 1, width: int = 4) -> UnetMruGenerator:
    torch.manual_seed(0)
    return UnetMruGenerator(in_channels, 3, width, blocks=2, dilation=2, norm=norm)


def unit_with_gates(m: float, n: float, out_channels: int) -> MaskedResidualUnit:
    """A unit of 4 channels whose gates are constant: 0 for a large negative value, 1 for a large positive one."""
    torch.manual_seed(0)
    unit = MaskedResidualUnit(4, out_channels, 1, "instance")
    torch.nn.init.zeros_(unit.gates.weight)
    unit.gates.bias.data = torch.tensor([m] * 4 + [n] * out_channels)
    return unit


def test_an_open_residual_gate_gives_x() -> None:
    unit, x = unit_with_gates(0.0, 200.0, out_channels=4), torch.rand(2, 4, 8, 8)
    assert torch.equal(unit(x, torch.rand(2, 1, 8, 8)), x)


def test_an_open_residual_gate_gives_the_projection_where_the_depth_changes() -> None:
    unit, x = unit_with_gates(0.0, 200.0, out_channels=6), torch.rand(2, 4, 8, 8)
    expected = F.relu(F.instance_norm(F.conv2d(x, unit.project[0].weight)))
    torch.testing.assert_close(unit(x, torch.rand(2, 1, 8, 8)), expected)


def test_closed_gates_leave_the_image_alone() -> None:
    unit, image = unit_with_gates(-200.0, -200.0, out_channels=4), torch.rand(1, 1, 8, 8)
    first, second = (unit(torch.rand(1, 4, 8, 8), image) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, unit(torch.rand(1, 4, 8, 8), torch.rand(1, 1, 8, 8)))


def slow_convolution(layer: torch.nn.Conv2d, x: np.ndarray) -> np.ndarray:
    """(C, H, W) -> (D, H, W), pixel by pixel; outside the map all is 0."""
    weight, bias = layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy()
    (_, height, width), size, step = x.shape, weight.shape[-1], layer.dilation[0]
    out = np.zeros((len(weight), height, width))
    for row, column, i, j in np.ndindex(height, width, size, size):
        r, c = row + step * (i - size // 2), column + step * (j - size // 2)
        if 0 <= r < height and 0 <= c < width:
            out[:, row, column] += weight[:, :, i, j] @ x[:, r, c]
    return out + bias[:, None, None]


def slow_f(x: np.ndarray) -> np.ndarray:
    return np.maximum(x / np.sqrt((x**2).mean(0) + 1e-6), 0)


def slow_unit(unit: MaskedResidualUnit, x: np.ndarray, image: np.ndarray) -> np.ndarray:
    gates = 1 / (1 + np.exp(-slow_convolution(unit.gates, np.concatenate([x, image]))))
    m, n = gates[: len(x)], gates[len(x) :]
    z = slow_f(slow_convolution(unit.body[0][0], np.concatenate([m * x, image])))
    z = slow_f(slow_convolution(unit.body[1][0], z))
    same = isinstance(unit.project, torch.nn.Identity)
    return (1 - n) * z + n * (x if same else slow_f(slow_convolution(unit.project[0], x)))


@pytest.mark.parametrize("out_channels", [3, 5])
@pytest.mark.parametrize("dilation", [1, 2])
def test_a_unit_is_its_formula(out_channels: int, dilation: int) -> None:
    torch.manual_seed(0)
    unit = MaskedResidualUnit(3, out_channels, 2, "pixel", dilation)
    x, image = torch.rand(2, 3, 7, 6), torch.rand(2, 2, 7, 6)
    expected = [slow_unit(unit, a.double().numpy(), b.double().numpy()) for a, b in zip(x, image, strict=True)]
    torch.testing.assert_close(unit(x, image), torch.tensor(np.stack(expected)).float(), atol=1e-5, rtol=1e-4)


def test_a_pixel_is_averaged_down_and_repeated_up() -> None:
    x = torch.tensor([[[[0.0, 1.0], [2.0, 5.0]]]])
    assert halved(x).tolist() == [[[[2.0]]]]
    assert beside(halved(x), x).tolist() == [[[[2.0, 2.0], [2.0, 2.0]], [[0.0, 1.0], [2.0, 5.0]]]]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("in_channels", [1, 4])
@pytest.mark.parametrize("size", [(16, 16), (64, 48)])
def test_it_keeps_the_size_and_starts_near_one_half(norm: str, in_channels: int, size: tuple[int, int]) -> None:
    out = generator(norm, in_channels)(torch.rand(2, in_channels, *size))
    assert out.shape == (2, 3, *size)
    assert out.min() > 0.25
    assert out.max() < 0.75
    assert out.std() > 0


def test_the_range_holds_whatever_the_weights() -> None:
    net = generator()
    net.head.weight.data *= 1000
    out = net(torch.rand(1, 1, 32, 32))
    assert out.min() >= 0
    assert out.max() <= 1


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("spectral", [False, True])
def test_every_parameter_gets_a_gradient(norm: str, spectral: bool) -> None:
    net = generator(norm)
    net = with_spectral_norm(net) if spectral else net
    F.l1_loss(net(torch.rand(2, 1, 32, 32)), torch.rand(2, 3, 32, 32)).backward()
    gradients = {name: p.grad for name, p in net.named_parameters()}
    assert all(g is not None and g.isfinite().all() for g in gradients.values())
    assert not [name for name, g in gradients.items() if g.abs().max() < 1e-7]


def test_every_image_is_treated_alone() -> None:
    net, x = generator(), torch.rand(3, 1, 32, 32)
    torch.testing.assert_close(net(x), torch.cat([net(image[None]) for image in x]), atol=1e-5, rtol=0)


def test_every_decoder_unit_sees_its_skip() -> None:
    """With all that comes from below cut off, each unit's output still depends on every pixel of its skip."""
    for unit, below, beside_it in [("up4", 16, 16), ("up2", 8, 8), ("up1", 4, 4)]:
        net = generator()
        skip = torch.rand(1, beside_it, 16, 16, requires_grad=True)
        y = getattr(net, unit)(beside(torch.zeros(1, below, 8, 8), skip), torch.zeros(1, 1, 16, 16))
        y.square().sum().backward()
        assert (skip.grad.abs().sum(1) > 0).all()


@pytest.mark.parametrize("norm", NORMS)
def test_thirty_steps_learn_two_pictures(norm: str) -> None:
    net = generator(norm, width=8)
    rows = torch.linspace(0, 1, 32).expand(1, 3, 32, 32)
    photos = torch.cat([rows, rows.mT])
    sketches = (torch.rand(2, 1, 32, 32) > 0.8).float()
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    losses = []
    for _ in range(30):
        loss = F.l1_loss(net(sketches), photos)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
