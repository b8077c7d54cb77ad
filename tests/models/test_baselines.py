"""The baselines' nets against what was published: parameters to the unit, shapes, blank paper."""

from collections.abc import Callable, Iterable

import pytest
import torch
from torch import Tensor, nn

from models.baselines import deepfacedrawing as faces
from models.baselines import drit, munit
from models.baselines.cyclegan import CycleGenerator
from models.baselines.pix2pix import PatchDiscriminator, UnetGenerator
from models.discriminators.patchgan import patch
from models.losses.towards import cross_entropy, squared

SIDES = (128, 128, 160, 192, 512)  # of DeepFaceDrawing's windows, px


def both(nets: Iterable[nn.Module]) -> nn.ModuleList:
    return nn.ModuleList(nets)


PUBLISHED: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "pix2pix, batch norm, 3 -> 3": (lambda: UnetGenerator(3, 3, 64, 8, "batch", 0.5), 54_413_955),
    "pix2pix, batch norm, 1 -> 3": (lambda: UnetGenerator(1, 3, 64, 8, "batch", 0.5), 54_411_907),
    "pix2pix, instance norm": (lambda: UnetGenerator(3, 3, 64, 8, "instance", 0.5), 54_409_603),
    "PatchGAN, batch norm, of 6": (lambda: PatchDiscriminator(6, 64, 3, "batch"), 2_768_705),
    "PatchGAN, batch norm, of 4": (lambda: PatchDiscriminator(4, 64, 3, "batch"), 2_766_657),
    "PatchGAN, instance norm, of 6": (lambda: PatchDiscriminator(6, 64, 3, "instance"), 2_767_809),
    "PatchGAN, instance norm, of 3": (lambda: PatchDiscriminator(3, 64, 3, "instance"), 2_764_737),
    "PatchGAN, instance norm, of 1": (lambda: PatchDiscriminator(1, 64, 3, "instance"), 2_762_689),
    "CycleGAN, 3 -> 3": (lambda: CycleGenerator(3, 3, 64, 9), 11_378_179),
    "CycleGAN, 1 -> 3": (lambda: CycleGenerator(1, 3, 64, 9), 11_371_907),
    "CycleGAN, 3 -> 1": (lambda: CycleGenerator(3, 1, 64, 9), 11_371_905),
    "MUNIT, content": (lambda: munit.content_encoder(3, 64, 4), 5_385_856),
    "MUNIT, style": (lambda: munit.style_encoder(3, 64, 8), 2_764_936),
    "MUNIT, decoder": (lambda: munit.Decoder(3, 64, 4), 5_754_627),
    "MUNIT, what norms are told": (lambda: munit.MunitGenerator(3, 64, 4, 8).told, 1_120_768),
    "MUNIT, a generator": (lambda: munit.MunitGenerator(3, 64, 4, 8), 15_026_187),
    "MUNIT, a generator of 1": (lambda: munit.MunitGenerator(1, 64, 4, 8), 15_007_369),
    "MUNIT, a discriminator": (lambda: munit.ScaledDiscriminator(3, 64, 3, 0.2), 8_271_171),
    "MUNIT, a discriminator of 1": (lambda: munit.ScaledDiscriminator(1, 64, 3, 0.2), 8_265_027),
    "DRIT, contents": (lambda: drit.ContentEncoders((3, 3), 64), 9_018_112),
    "DRIT, contents of 1 and 3": (lambda: drit.ContentEncoders((1, 3), 64), 9_011_840),
    "DRIT, attributes": (lambda: both(drit.AttributeEncoder(channels, 64, 8) for channels in (3, 3)), 2_688_160),
    "DRIT, attributes of 1 and 3": (lambda: both(drit.AttributeEncoder(n, 64, 8) for n in (1, 3)), 2_686_112),
    "DRIT, generators": (lambda: drit.DritGenerators((3, 3), 64, 8), 9_564_710),
    "DRIT, generators of 1 and 3": (lambda: drit.DritGenerators((1, 3), 64, 8), 9_564_548),
    "DRIT, a discriminator": (lambda: munit.ScaledDiscriminator(3, 64, 3, drit.SLOPE), 8_271_171),
    "DRIT, the contents' discriminator": (lambda: drit.ContentDiscriminator(256, 3), 10_683_649),
    "DeepFaceDrawing, an eye": (lambda: faces.ComponentEncoder(128, 512, 5), 13_274_848),
    "DeepFaceDrawing, the nose": (lambda: faces.ComponentEncoder(160, 512, 5), 15_634_144),
    "DeepFaceDrawing, the mouth": (lambda: faces.ComponentEncoder(192, 512, 5), 18_517_728),
    "DeepFaceDrawing, the remainder": (lambda: faces.ComponentEncoder(512, 512, 5), 76_189_408),
    "DeepFaceDrawing, five auto-encoders": (
        lambda: both(net(side, 512, 5) for side in SIDES for net in (faces.ComponentEncoder, faces.ComponentDecoder)),
        274_127_365,
    ),
    "DeepFaceDrawing, five maps": (lambda: both(faces.FeatureDecoder(n, 512, 5, 32) for n in SIDES), 148_907_424),
    "DeepFaceDrawing, maps at 256 px": (lambda: faces.FeatureDecoder(64, 512, 5, 32), 12_498_720),
    "DeepFaceDrawing, synthesis": (lambda: CycleGenerator(32, 3, 56, 9, 4), 139_767_099),
    "DeepFaceDrawing, discriminators": (lambda: patch(35, 64, 3, 3, "instance", False), 8_392_515),
    "pix2pixHD, global": (lambda: CycleGenerator(1, 3, 64, 9, 4), 182_436_995),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_as_many_parameters_as_published(name: str) -> None:
    made, count = PUBLISHED[name]
    with torch.device("meta"):
        assert sum(value.numel() for value in made().parameters()) == count


def of_kind(net: nn.Module, kind: type) -> list[nn.Module]:
    return [part for part in net.modules() if isinstance(part, kind)]


def test_the_unets_layers() -> None:
    """Eight halvings and as many doublings, three dropouts, no norm at either end of the way down."""
    net = UnetGenerator(3, 3, 4, 8, "batch", 0.5)
    assert [conv.out_channels for conv in of_kind(net, nn.Conv2d)] == [4, 8, 16, 32, 32, 32, 32, 32]
    ups = [(conv.in_channels, conv.out_channels) for conv in of_kind(net, nn.ConvTranspose2d)]
    assert ups == [(32, 32), (64, 32), (64, 32), (64, 32), (64, 16), (32, 8), (16, 4), (8, 3)]
    assert len(of_kind(net, nn.Dropout)) == 3
    assert len(of_kind(net, nn.BatchNorm2d)) == 6 + 7
    assert net(torch.zeros(1, 3, 256, 256)).shape == (1, 3, 256, 256)


def test_each_verdict_of_the_patchgan_sees_70_px() -> None:
    net = PatchDiscriminator(3, 2, 3, "batch").eval()
    image = torch.zeros(1, 3, 256, 256, requires_grad=True)
    verdicts = net(image)
    assert verdicts.shape == (1, 1, 30, 30)
    (slope,) = torch.autograd.grad(verdicts[0, 0, 15, 15], image)
    seen = slope.abs().sum((0, 1)).nonzero()
    assert (seen.max(0).values - seen.min(0).values + 1).tolist() == [70, 70]


BLANK: dict[str, Callable[[], nn.Module]] = {
    "pix2pix": lambda: UnetGenerator(3, 3, 4, 6, "batch", 0.5),
    "pix2pix, instance norm": lambda: UnetGenerator(3, 3, 4, 6, "instance", 0.5),
    "CycleGAN": lambda: CycleGenerator(3, 3, 4, 2),
    "MUNIT": lambda: Coded(munit.MunitGenerator(3, 4, 2, 8)),
}


class Coded(nn.Module):
    """A picture taken apart and put together again."""

    def __init__(self, net: munit.MunitGenerator) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net.decode(*self.net.encode(x))


@pytest.mark.parametrize("name", BLANK)
def test_blank_paper_gives_a_photo_and_a_gradient(name: str) -> None:
    net = BLANK[name]()
    photo = net(torch.ones(1, 3, 64, 64))
    photo.square().sum().backward()
    assert photo.shape == (1, 3, 64, 64)
    assert photo.abs().max() <= 1
    assert all(value.grad is not None and value.grad.isfinite().all() for value in net.parameters())


@pytest.mark.parametrize(
    ("loss", "verdicts", "target", "expected"),
    [(squared, [0.0, 2.0], 1, 1.0), (squared, [3.0, 0.0], 0, 4.5), (cross_entropy, [0.0, 0.0], 1, 0.6931472)],
)
def test_losses_towards_a_target(
    loss: Callable[[Tensor, float], Tensor], verdicts: list[float], target: float, expected: float
) -> None:
    assert loss(torch.tensor(verdicts), target).item() == pytest.approx(expected)


def test_munits_layer_norm_is_of_the_whole_sample_and_a_blank_one_has_a_gradient() -> None:
    norm = munit.LayerNorm(2)
    with torch.no_grad():
        norm.gamma.fill_(2.0)
        norm.beta.fill_(1.0)
    x = torch.tensor([[[[0.0, 2.0]], [[4.0, 6.0]]]])
    torch.testing.assert_close(norm(x), 2 * (x - 3) / (x.std() + 1e-5) + 1)
    blank = torch.ones(1, 2, 4, 4, requires_grad=True)
    norm(blank).sum().backward()
    assert blank.grad is not None
    assert blank.grad.isfinite().all()


def test_adain_takes_the_shift_first_then_the_scale() -> None:
    block = munit.AdaptiveBlock(2)
    x = torch.randn(1, 2, 8, 8)
    shift, scale = torch.tensor([[3.0, -1.0]]), torch.tensor([[2.0, 0.5]])
    made = block._adapted(x, torch.cat([shift, scale], 1))
    torch.testing.assert_close(made.mean((2, 3)), shift, atol=1e-4, rtol=0)
    torch.testing.assert_close(made.std((2, 3), correction=0), scale, atol=1e-3, rtol=0)


def test_drits_contents_have_noise_in_training_alone() -> None:
    net, image = drit.ContentEncoders((3, 3), 2), torch.randn(1, 3, 64, 64)
    assert not torch.equal(net(image, 0), net(image, 0))
    net.eval()
    assert torch.equal(net(image, 0), net(image, 0))
    assert not torch.equal(net(image, 0), net(image, 1)), "each domain has layers of its own"


@pytest.mark.parametrize("size", [54, 64])
def test_drits_discriminator_of_published_contents(size: int) -> None:
    verdicts = drit.ContentDiscriminator(4, 3)(torch.randn(1, 4, size, size))
    assert verdicts.shape == ((1, 1, 1, 1) if size == 54 else (1, 1, 2, 2))


def test_a_known_face_is_its_own_projection() -> None:
    """To 1e-4; with fewer neighbours than the code has numbers, and with more; and among faces that are twice there."""
    torch.manual_seed(0)
    for dimensions in (64, 4):
        known = torch.randn(30, dimensions)
        torch.testing.assert_close(faces.projected(known[:5], known, 10), known[:5], atol=1e-4, rtol=0)
        twice = known.repeat(2, 1)
        torch.testing.assert_close(faces.projected(known[:5], twice, 10), known[:5], atol=1e-4, rtol=0)


def test_a_code_between_faces_is_their_combination_and_one_beside_them_comes_nearer() -> None:
    known = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    between, beside = torch.tensor([[0.25, 0.5, 0.0]]), torch.tensor([[0.25, 0.5, 0.7]])
    torch.testing.assert_close(faces.projected(between, known, 3), between, atol=1e-4, rtol=0)
    torch.testing.assert_close(faces.projected(beside, known, 3), between, atol=1e-4, rtol=0)


def test_component_nets_fit_their_windows() -> None:
    code = faces.ComponentEncoder(24, 8, 3)(torch.ones(2, 1, 24, 24))
    assert code.shape == (2, 8)
    assert faces.ComponentDecoder(24, 8, 3)(code).shape == (2, 1, 24, 24)
    assert faces.FeatureDecoder(24, 8, 3, 5)(code).shape == (2, 5, 24, 24)
