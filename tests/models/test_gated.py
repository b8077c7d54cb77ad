"""The gated U-Net: shapes, what a gate does, and that what lies far away does not matter to a small net."""

import pytest
import torch

from models.generators.gated import GatedConv, GatedGenerator


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 96)])
def test_sides_are_kept_and_values_are_photos(height: int, width: int) -> None:
    made = GatedGenerator(9, 3, 4, 3, "pixel", False)(torch.rand(2, 9, height, width))
    assert made.shape == (2, 3, height, width)
    assert 0 <= made.min() < made.max() <= 1


def test_a_closed_gate_lets_nothing_through_and_an_open_one_the_features() -> None:
    layer, x = GatedConv(2, 3, 3), torch.rand(1, 2, 8, 8)
    with torch.no_grad():
        layer.conv.weight[3:] = 0
        layer.conv.bias[3:] = -100
        assert layer(x).abs().max() < 1e-6
        layer.conv.bias[3:] = 100
        features = torch.nn.functional.conv2d(x, layer.conv.weight[:3], layer.conv.bias[:3], padding=1)
        torch.testing.assert_close(layer(x), torch.nn.functional.leaky_relu(features, 0.2))


def test_strides_halve_and_every_input_reaches_the_output() -> None:
    assert GatedConv(2, 3, 5, 2)(torch.rand(1, 2, 16, 16)).shape == (1, 3, 8, 8)
    net, x = GatedGenerator(9, 3, 4, 1, "instance", False), torch.rand(1, 9, 32, 32, requires_grad=True)
    net(x).sum().backward()
    assert (x.grad.abs().amax((0, 2, 3)) > 0).all()
