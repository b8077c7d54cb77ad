"""EfficientNet-Lite0 against a direct evaluation of its description, in the published key layout."""

import pytest
import torch
from torch.nn import functional as F

from models.helpers.efficientnet_lite import efficientnet_lite0, same_padding

Tensors = dict[str, torch.Tensor]
# kernel, stride, expansion, channels of every block, as the published net has them
BLOCKS = [(3, 1, 1, 16), (3, 2, 6, 24), (3, 1, 6, 24), (5, 2, 6, 40), (5, 1, 6, 40), (3, 2, 6, 80), (3, 1, 6, 80)]
BLOCKS += [(3, 1, 6, 80), (5, 1, 6, 112), (5, 1, 6, 112), (5, 1, 6, 112), (5, 2, 6, 192), (5, 1, 6, 192)]
BLOCKS += [(5, 1, 6, 192), (5, 1, 6, 192), (3, 1, 6, 320)]


def state() -> Tensors:
    """Random, of the published names and shapes."""
    made, generator = Tensors(), torch.Generator().manual_seed(0)

    def add(convolution: str, norm: str, outputs: int, inputs: int, kernel: int) -> None:
        scale = (2 / (inputs * kernel**2)) ** 0.5
        made[f"{convolution}.weight"] = scale * torch.randn(outputs, inputs, kernel, kernel, generator=generator)
        for part, least in (("weight", 0.8), ("bias", -0.2), ("running_mean", -0.2), ("running_var", 0.8)):
            made[f"{norm}.{part}"] = least + 0.4 * torch.rand(outputs, generator=generator)
        made[f"{norm}.num_batches_tracked"] = torch.tensor(7)

    add("_conv_stem", "_bn0", 32, 3, 3)
    inputs = 32
    for i, (kernel, _, expand, outputs) in enumerate(BLOCKS):
        if expand > 1:
            add(f"_blocks.{i}._expand_conv", f"_blocks.{i}._bn0", inputs * expand, inputs, 1)
        add(f"_blocks.{i}._depthwise_conv", f"_blocks.{i}._bn1", inputs * expand, 1, kernel)
        add(f"_blocks.{i}._project_conv", f"_blocks.{i}._bn2", outputs, inputs * expand, 1)
        inputs = outputs
    add("_conv_head", "_bn1", 1280, 320, 1)
    return made | {"_fc.weight": torch.zeros(1000, 1280), "_fc.bias": torch.zeros(1000)}


def direct(s: Tensors, photos: torch.Tensor) -> torch.Tensor:
    def layer(x: torch.Tensor, convolution: str, norm: str, stride: int = 1) -> torch.Tensor:
        weight = s[f"{convolution}.weight"]
        kernel, groups = weight.shape[-1], x.shape[1] // weight.shape[1]
        before = (kernel - 1) // 2 if stride == 1 else (kernel - 2) // 2  # even sides: one less before than after
        x = F.pad(x, (before, kernel - 1 - before - (stride > 1)) * 2)
        x = F.conv2d(x, weight, stride=stride, groups=groups)
        shape = (1, -1, 1, 1)
        mean, var, gain, bias = (
            s[f"{norm}.{k}"].view(shape) for k in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-3).sqrt() * gain + bias

    x = layer((photos * 255 - 127) / 128, "_conv_stem", "_bn0", 2).clamp(0, 6)
    for i, (_, stride, expand, _) in enumerate(BLOCKS):
        name, y = f"_blocks.{i}.", x
        if expand > 1:
            y = layer(y, f"{name}_expand_conv", f"{name}_bn0").clamp(0, 6)
        y = layer(y, f"{name}_depthwise_conv", f"{name}_bn1", stride).clamp(0, 6)
        y = layer(y, f"{name}_project_conv", f"{name}_bn2")
        x = x + y if y.shape == x.shape else y
    return layer(x, "_conv_head", "_bn1").clamp(0, 6).mean((2, 3))


def test_it_equals_its_description() -> None:
    photos, tensors = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(1)), state()
    with torch.no_grad():
        ours = efficientnet_lite0(tensors)(photos)
        expected = direct(tensors, photos)
    assert ours.shape == (2, 1280)
    assert expected.std() > 0.01
    torch.testing.assert_close(ours, expected, atol=1e-4, rtol=1e-3)


def test_photos_of_any_size_are_seen_at_224_px_without_aliasing() -> None:
    net = efficientnet_lite0(state())
    stripes = torch.zeros(1, 3, 448, 448)
    stripes[..., ::2] = 1
    with torch.no_grad():
        gray, white = (net(torch.full((1, 3, 224, 224), tone)) for tone in (0.5, 1.0))
        seen = net(stripes)
    assert (seen - gray).abs().mean() < 0.1 * (white - gray).abs().mean()


@pytest.mark.parametrize(("size", "kernel", "stride"), [(7, 3, 2), (8, 3, 2), (9, 5, 2), (8, 5, 1), (5, 1, 2)])
def test_same_padding_gives_every_stride_its_pixel(size: int, kernel: int, stride: int) -> None:
    before, after = same_padding(size, kernel, stride)
    assert (before + size + after - kernel) // stride + 1 == -(-size // stride)
    assert after - before in (0, 1)


def test_other_tensors_are_refused_by_name() -> None:
    tensors = state()
    with pytest.raises(ValueError, match=r"not EfficientNet-Lite0: _conv_stem\.weight has shape none"):
        efficientnet_lite0({})
    tensors["_blocks.5._project_conv.weight"] = torch.ones(1)
    with pytest.raises(ValueError, match=r"_blocks\.5\._project_conv\.weight has shape \(1,\)"):
        efficientnet_lite0(tensors)
