"""The networks against what is known of them from the paper and its sources."""

import pytest
import torch
from torch.nn import functional as F

from models.blocks import NORMS, UPSAMPLINGS, Padding, ResidualBlock, with_spectral_norm, without_parametrizations
from models.discriminators.patchgan import SnPatchDiscriminator
from models.generators.resnet import ResnetGenerator
from models.perceptual import NAMES, Vgg19, vgg19_compressed, vgg19_normalised, vgg19_random, vgg19_torchvision


def generator(spectral: bool = False, up: str = "transposed", padding: Padding = "reflect") -> torch.nn.Module:
    torch.manual_seed(0)
    net = ResnetGenerator(1, 3, width=4, blocks=2, dilation=2, norm="instance", up=up, padding=padding)
    return with_spectral_norm(net) if spectral else net


@pytest.mark.parametrize("up", UPSAMPLINGS)
@pytest.mark.parametrize("padding", ["reflect", "zeros"])
@pytest.mark.parametrize("size", [(16, 16), (64, 48)])
def test_generator_keeps_size_and_range(up: str, padding: Padding, size: tuple[int, int]) -> None:
    out = generator(up=up, padding=padding)(torch.rand(2, 1, *size))
    assert out.shape == (2, 3, *size)
    assert out.min() >= 0
    assert out.max() <= 1


def test_paper_size_generator_has_the_published_number_of_parameters() -> None:
    net = ResnetGenerator(1, 3, width=64, blocks=8, dilation=2, norm="instance", up="transposed", padding="reflect")
    assert 11.3e6 < sum(p.numel() for p in net.parameters()) < 11.6e6


def test_generator_treats_every_image_alone() -> None:
    net, x = generator().eval(), torch.rand(3, 1, 32, 32)
    torch.testing.assert_close(net(x), torch.cat([net(image[None]) for image in x]), atol=1e-5, rtol=0)


def dots(up: str) -> float:
    """How much an untrained up-sampling of a constant map varies away from its border, relative to its mean."""
    torch.manual_seed(0)
    with torch.no_grad():
        made = UPSAMPLINGS[up](8, 8)(torch.ones(1, 8, 16, 16))[..., 4:-4, 4:-4]
    return float((made.std((2, 3)) / made.mean((2, 3)).abs()).max())


def test_only_transposed_convolution_draws_dots_on_a_constant_map() -> None:
    assert dots("resize") < 1e-5
    assert dots("transposed") > 0.1


def test_skips_carry_the_input_to_the_output() -> None:
    """With the middle cut off, the output still depends on every input pixel."""
    net, x = generator(), torch.rand(1, 1, 32, 32, requires_grad=True)
    net.middle.register_forward_hook(lambda module, inputs, output: output * 0)
    net(x).sum().backward()
    assert (x.grad.abs() > 0).float().mean() > 0.9


def test_residual_block_sees_as_far_as_its_dilation() -> None:
    """3x3 of dilation 2, then 3x3: 7 px; instance norms are left out since they see everything."""
    block = ResidualBlock(1, dilation=2, norm="instance", padding="zeros")
    convolutions = [block.body[0], block.body[2]]
    x = torch.zeros(1, 1, 17, 17, requires_grad=True)
    y = x
    for layer in convolutions:
        y = layer(y)
    y[0, 0, 8, 8].backward()
    seen = x.grad[0, 0].abs().sum(0).nonzero()
    assert (int(seen.min()), int(seen.max())) == (5, 11)


def test_spectral_norm_bounds_every_layer_and_folds_away_unchanged() -> None:
    net = generator(spectral=True)
    for _ in range(30):
        net(torch.rand(1, 1, 32, 32))
    net.eval()
    norms = [torch.linalg.matrix_norm(m.weight.flatten(1), 2) for m in net.modules() if isinstance(m, torch.nn.Conv2d)]
    assert all(norm < 1.1 for norm in norms)
    x = torch.rand(1, 1, 32, 32)
    before = net(x)
    torch.testing.assert_close(without_parametrizations(net)(x), before)
    assert not any("parametrizations" in key for key in net.state_dict())


def test_discriminator_is_sn_patchgan() -> None:
    maps = SnPatchDiscriminator(3, 64)(torch.rand(2, 3, 256, 256))
    assert [tuple(m.shape[1:]) for m in maps] == [
        (64, 128, 128),
        (128, 64, 64),
        (256, 32, 32),
        (256, 16, 16),
        (256, 8, 8),
        (256, 4, 4),
    ]
    assert maps[-1].min() < 0, "leaky ReLU, not ReLU, after the last layer"


def fake_vgg(widths: tuple[int, ...]) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {key: torch.randn_like(value) * 0.1 for key, value in Vgg19(widths, "conv5_1", "zeros").state_dict().items()}


def test_vgg_torchvision_layout_is_the_published_net_before_activation() -> None:
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    published = torchvision.models.vgg19(weights=None).eval()
    net = vgg19_torchvision(published.state_dict(), "conv5_1")
    x = torch.rand(1, 3, 40, 40)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    y = (x - mean[:, None, None]) / std[:, None, None]
    maps = net(x)
    for index, layer in enumerate(published.features[:29]):
        y = F.relu(y) if isinstance(layer, torch.nn.ReLU) else layer(y)
        for name, at in {"conv1_1": 0, "conv2_1": 5, "conv3_1": 10, "conv4_1": 19, "conv5_1": 28}.items():
            if index == at:
                torch.testing.assert_close(maps[name], y, atol=1e-4, rtol=1e-4)
    assert maps["conv1_1"].min() < 0


def test_vgg_layouts_load_and_refuse_foreign_tensors() -> None:
    assert (
        tuple(vgg19_compressed(fake_vgg((16, 32, 64, 128, 128)), "conv5_1").names)
        == NAMES[: NAMES.index("conv5_1") + 1]
    )
    tensors = fake_vgg((64, 128, 256, 512, 512))
    assert vgg19_normalised(tensors, "conv3_1")(torch.rand(1, 3, 32, 32))["conv3_1"].shape == (1, 256, 8, 8)
    with pytest.raises(ValueError, match="shape"):
        vgg19_compressed(tensors, "conv5_1")
    with pytest.raises(ValueError, match="no tensor"):
        vgg19_normalised({}, "conv3_1")


def test_random_vgg_depends_on_its_seed_alone() -> None:
    a, b, c = vgg19_random(0, "conv2_1"), vgg19_random(0, "conv2_1"), vgg19_random(1, "conv2_1")
    torch.testing.assert_close(a.conv1_1.weight, b.conv1_1.weight)
    assert not torch.equal(a.conv1_1.weight, c.conv1_1.weight)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_norms_equal_their_formula_forward_and_back(norm: str, layout: torch.memory_format) -> None:
    x = (3 * torch.randn(2, 5, 7, 6, dtype=torch.float64) + 1).to(memory_format=layout)
    assert torch.autograd.gradcheck(NORMS[norm](5), x[:, :3, :4, :4].clone().requires_grad_())
    formula = {
        "instance": lambda x: (
            (x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
        ),
        "pixel": lambda x: x / (x.square().mean(1, keepdim=True) + 1e-6).sqrt(),
    }
    torch.testing.assert_close(NORMS[norm](5)(x), formula[norm](x))


def test_discriminator_pads_a_map_of_one_pixel_without_effect() -> None:
    """32 px: the last convolution sees one pixel; as a convolution of it in float64 says."""
    d = SnPatchDiscriminator(1, 2).eval()
    maps = d(torch.rand(2, 1, 32, 32))
    layer = without_parametrizations(d.layers[5]).double()[0]
    expected = F.leaky_relu(F.conv2d(maps[4].double(), layer.weight, layer.bias, 2, 2), 0.2)
    torch.testing.assert_close(maps[5].double(), expected, rtol=1e-5, atol=1e-7)
