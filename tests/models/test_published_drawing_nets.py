"""The published drawing nets: key layouts, shapes, and equality with a direct evaluation of their descriptions."""

import pytest
import torch
from torch.nn import functional as F

from models.helpers.photosketch import photosketch_published
from models.helpers.simplification import LAYERS, MEAN, STD, simplifier_published

Tensors = dict[str, torch.Tensor]
RNG = torch.Generator().manual_seed(0)


def noise(*shape: int, scale: float = 0.2) -> torch.Tensor:
    return scale * torch.randn(shape, generator=RNG)


def photosketch_state(width: int) -> Tensors:
    """model.N as published: N counts padding, convolution, norm and ReLU of every layer."""
    state: Tensors = {}

    def norm(name: str, channels: int) -> None:
        state[f"{name}.weight"], state[f"{name}.bias"] = 1 + noise(channels), noise(channels)
        state[f"{name}.running_mean"], state[f"{name}.running_var"] = noise(channels), 1 + noise(channels).abs()
        state[f"{name}.num_batches_tracked"] = torch.tensor(7)

    state["model.1.weight"] = noise(width, 3, 7, 7)
    norm("model.2", width)
    state["model.4.weight"], state["model.7.weight"] = noise(2 * width, width, 3, 3), noise(4 * width, 2 * width, 3, 3)
    norm("model.5", 2 * width)
    norm("model.8", 4 * width)
    for i in range(10, 19):
        for index in (1, 6):
            state[f"model.{i}.conv_block.{index}.weight"] = noise(4 * width, 4 * width, 3, 3, scale=0.05)
            norm(f"model.{i}.conv_block.{index + 1}", 4 * width)
    state["model.19.weight"], state["model.22.weight"] = (
        noise(4 * width, 2 * width, 3, 3),
        noise(2 * width, width, 3, 3),
    )
    norm("model.20", 2 * width)
    norm("model.23", width)
    state["model.26.weight"], state["model.26.bias"] = noise(1, width, 7, 7), noise(1)
    return state


def direct_photosketch(s: Tensors, photo: torch.Tensor) -> torch.Tensor:
    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        mean, var, gain, bias = (s[f"{name}.{k}"] for k in ("running_mean", "running_var", "weight", "bias"))
        view = (1, -1, 1, 1)
        return (x - mean.view(view)) / (var.view(view) + 1e-5).sqrt() * gain.view(view) + bias.view(view)

    def reflect(x: torch.Tensor, by: int) -> torch.Tensor:
        return F.pad(x, (by,) * 4, mode="reflect")

    x = norm(F.conv2d(reflect((photo - 0.5) / 0.5, 3), s["model.1.weight"]), "model.2").relu()
    for i in (4, 7):
        x = norm(F.conv2d(x, s[f"model.{i}.weight"], stride=2, padding=1), f"model.{i + 1}").relu()
    for i in range(10, 19):
        name = f"model.{i}.conv_block"
        y = norm(F.conv2d(reflect(x, 1), s[f"{name}.1.weight"]), f"{name}.2").relu()
        x = x + norm(F.conv2d(reflect(y, 1), s[f"{name}.6.weight"]), f"{name}.7")
    for i in (19, 22):
        x = F.conv_transpose2d(x, s[f"model.{i}.weight"], stride=2, padding=1, output_padding=1)
        x = norm(x, f"model.{i + 1}").relu()
    return (torch.tanh(F.conv2d(reflect(x, 3), s["model.26.weight"], s["model.26.bias"])) + 1) / 2


def test_photosketch_equals_its_description() -> None:
    state, photo = photosketch_state(4), torch.rand((2, 3, 32, 40), generator=RNG)
    with torch.no_grad():
        ours = photosketch_published(state)(photo)
    assert ours.shape == (2, 1, 32, 40)
    torch.testing.assert_close(ours, direct_photosketch(state, photo), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("broken", ["model.12.conv_block.6.weight", "model.23.running_var", "model.1.weight"])
def test_photosketch_refuses_other_nets_by_name(broken: str) -> None:
    state = photosketch_state(4)
    state[broken] = state[broken][..., :1].repeat_interleave(5, -1)[:2]
    with pytest.raises(ValueError, match="not Photo-Sketching's generator: model"):
        photosketch_published(state)
    del state[broken]
    with pytest.raises(ValueError, match="not Photo-Sketching's generator"):
        photosketch_published(state)


def simplifier_state(prefix: str, share: int) -> Tensors:
    """Sequential layout: convolutions at even numbers, ReLU between."""
    state: Tensors = {}
    inputs = 1
    for i, (outputs, kernel, stride) in enumerate(LAYERS):
        width = max(1, outputs // share)
        shape = (width, inputs, kernel, kernel) if stride else (inputs, width, kernel, kernel)
        state[f"{prefix}{2 * i}.weight"] = noise(*shape, scale=(2 / (inputs * kernel**2)) ** 0.5)
        state[f"{prefix}{2 * i}.bias"] = noise(width, scale=0.01)
        inputs = width
    return state


def direct_simplifier(s: Tensors, sketch: torch.Tensor) -> torch.Tensor:
    """48 k5 s2, 128 128, s2 128 256 256, s2 256 512 1024x5 512 256, up 256 256 128, up 128 128 48, up 48 24 1."""
    h, w = sketch.shape[-2:]
    padded = torch.nn.ReplicationPad2d((0, (8 - w % 8) % 8, 0, (8 - h % 8) % 8))(sketch)
    x = (padded - MEAN) / STD
    halving, doubling = {0, 3, 6}, {15, 18, 21}
    for i in range(24):
        weight, bias = s[f"{2 * i}.weight"], s[f"{2 * i}.bias"]
        if i in doubling:
            x = F.conv_transpose2d(x, weight, bias, stride=2, padding=1)
        else:
            x = F.conv2d(x, weight, bias, stride=2 if i in halving else 1, padding=2 if i == 0 else 1)
        x = torch.sigmoid(x) if i == 23 else x.relu()
    return x[..., :h, :w]


@pytest.mark.parametrize("prefix", ["", "layers.", "module.model."])
@pytest.mark.parametrize("size", [(32, 48), (37, 51)])
def test_simplifier_equals_its_description(prefix: str, size: tuple[int, int]) -> None:
    state, sketch = simplifier_state(prefix, 16), torch.rand((2, 1, *size), generator=RNG)
    with torch.no_grad():
        ours = simplifier_published(state)(sketch)
    plain = {key.removeprefix(prefix): value for key, value in state.items()}
    assert ours.shape == sketch.shape
    torch.testing.assert_close(ours, direct_simplifier(plain, sketch), atol=1e-5, rtol=1e-4)


def test_simplifier_has_the_published_layers() -> None:
    state = simplifier_state("", 1)
    assert len(state) == 48
    assert state["24.weight"].shape == (1024, 1024, 3, 3)
    assert state["30.weight"].shape == (256, 256, 4, 4)
    assert state["46.weight"].shape == (1, 24, 3, 3)


def test_simplifier_refuses_other_nets() -> None:
    state = simplifier_state("", 16)
    with pytest.raises(ValueError, match="23 layers, expected 24"):
        simplifier_published({k: v for k, v in state.items() if not k.startswith("20.")})
    with pytest.raises(ValueError, match=r"4\.weight has shape"):
        simplifier_published(state | {"4.weight": noise(8, 8, 5, 5)})
