"""The tables of generators and discriminators: a kind takes its own options, and no others."""

from pathlib import Path

import pytest
import torch

from models.generators.compact import CompactGenerator, CompactStyledGenerator, RestoringGenerator
from models.generators.gated import GatedGenerator
from models.generators.modulated import ModulatedGenerator, Noise, NoisyGenerator, StyledGenerator
from models.generators.resnet import ResnetGenerator
from models.generators.unet_mru import UnetMruGenerator
from pipeline.core.params import ParamsError, build
from pipeline.training.adversarial import NetParams
from pipeline.training.nets import DISCRIMINATORS, GENERATORS, make_discriminator, make_generator

OPTIONS = {
    "resnet": {"width": 4, "blocks": 1, "dilation": 2, "norm": "pixel", "up": "resize", "padding": "zeros"},
    "unet_mru": {"width": 4, "blocks": 1, "dilation": 1, "norm": "pixel"},
}
OPTIONS["modulated"] = OPTIONS["resnet"] | {"code": 5}
OPTIONS["gated"] = {"width": 4, "blocks": 1, "norm": "pixel", "changes": False}
OPTIONS["compact"] = {"width": 4, "blocks": 1, "code": 5}
OPTIONS["compact_styled"] = OPTIONS["compact"] | {"dropped": 0.5}
OPTIONS["restoring"] = {"width": 4, "blocks": 1}
OPTIONS["styled"] = OPTIONS["noisy"] = OPTIONS["modulated"] | {"dropped": 0.5}
MADE = {
    "resnet": ResnetGenerator,
    "unet_mru": UnetMruGenerator,
    "modulated": ModulatedGenerator,
    "styled": StyledGenerator,
    "noisy": NoisyGenerator,
    "gated": GatedGenerator,
    "compact": CompactGenerator,
    "compact_styled": CompactStyledGenerator,
    "restoring": RestoringGenerator,
}
PATCH = {"kind": "sn_patch", "width": 4, "scales": 2}


def net(kind: str, **more: object) -> NetParams:
    generator = {"kind": kind, **OPTIONS.get(kind, {}), "spectral": False, **more}
    return build(NetParams, {"generator": generator, "discriminator": PATCH}, "net")


def test_every_kind_is_tried_here() -> None:
    assert set(OPTIONS) == set(GENERATORS)
    assert set(DISCRIMINATORS) == {"sn_patch", "patch", "unet"}


@pytest.mark.parametrize("kind", OPTIONS)
@pytest.mark.parametrize("spectral", [False, True])
def test_a_kind_is_made_of_its_options(kind: str, spectral: bool) -> None:
    params = net(kind, spectral=spectral)
    assert isinstance(params.generator, GENERATORS[kind].params)
    made = make_generator(params.generator, (1, 3))
    assert type(made) is MADE[kind]
    assert made(torch.rand(1, 1, 32, 32)).shape == (1, 3, 32, 32)
    assert any(torch.nn.utils.parametrize.is_parametrized(m) for m in made.modules()) is spectral


def test_a_discriminator_of_two_scales_judges_twice() -> None:
    judge = make_discriminator(net("resnet").discriminator, 3)
    assert len(judge(torch.rand(1, 3, 128, 128))) == 2


def test_pix2pixhd_sees_70_px_and_its_norm_takes_an_image_s_own_statistics() -> None:
    options = {"kind": "patch", "width": 4, "scales": 2, "layers": 3, "norm": "instance", "spectral": True}
    params = build(
        NetParams,
        {"generator": {"kind": "resnet", **OPTIONS["resnet"], "spectral": False}, "discriminator": options},
        "net",
    )
    judge = make_discriminator(params.discriminator, 4).eval()
    images = torch.rand(2, 4, 64, 64)
    whole, half = judge(images)
    assert [tuple(maps.shape[1:]) for maps in whole] == [
        (4, 33, 33),
        (8, 17, 17),
        (16, 9, 9),
        (32, 10, 10),
        (1, 11, 11),
    ]
    assert half[-1].shape == (2, 1, 7, 7)
    normalised = whole[1] / torch.where(whole[1] > 0, 1.0, 0.2)
    torch.testing.assert_close(normalised.mean((2, 3)), torch.zeros(2, 8), atol=1e-4, rtol=0)


UNET = {"kind": "unet", "width": 8, "layers": 3, "norm": "none", "spectral": True}


def unet(channels: int, **more: object) -> torch.nn.Module:
    generator = {"kind": "resnet", **OPTIONS["resnet"], "spectral": False}
    params = build(NetParams, {"generator": generator, "discriminator": UNET | more}, "net")
    return make_discriminator(params.discriminator, channels)


def test_a_u_net_judges_every_pixel_of_sides_that_do_not_halve_evenly() -> None:
    (maps,) = unet(4).eval()(torch.rand(2, 4, 36, 44))
    assert maps[-1].shape == (2, 1, 36, 44)
    assert [tuple(x.shape[1:]) for x in maps[:3]] == [(8, 36, 44), (16, 18, 22), (32, 9, 11)]
    assert [tuple(x.shape[1:]) for x in maps[3:-1]] == [(16, 9, 11), (8, 18, 22), (8, 36, 44)]
    judge = unet(4, layers=5, norm="instance")
    judge.eval()
    assert judge(torch.rand(1, 4, 32, 32))[0][-1].isfinite().all()


def test_its_convolutions_lengthen_nothing() -> None:
    judge = unet(3).eval()
    for _ in range(20):
        judge.train()(torch.rand(1, 3, 16, 16))
    weights = [m.weight.flatten(1) for m in judge.eval().modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(weights) == 6 * 3 + 1
    assert max(torch.linalg.matrix_norm(w, 2).item() for w in weights) < 1.1


def test_it_learns_which_half_of_a_picture_is_generated() -> None:
    """What a discriminator of whole pictures cannot say."""
    torch.manual_seed(0)
    judge = unet(1, spectral=False).train()
    adam = torch.optim.Adam(judge.parameters(), 2e-3)
    for _ in range(60):
        real = torch.rand(4, 1, 32, 32)
        flip = torch.rand(4, 1, 1, 1) < 0.5
        side = torch.where(flip, torch.arange(32) < 16, torch.arange(32) >= 16).expand(4, 1, 32, 32)
        verdict = judge(torch.where(side, real, 0.5))[0][-1]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(verdict, side.float())
        adam.zero_grad()
        loss.backward()
        adam.step()
    assert ((verdict > 0) == side).float().mean() > 0.9


def test_what_is_painted_onto_is_left_at_first() -> None:
    made = make_generator(net("gated", changes=True).generator, (5, 3))
    torch.nn.init.zeros_(made.head.weight)
    given = 0.1 + 0.8 * torch.rand(2, 5, 32, 32)
    torch.testing.assert_close(made(given), given[:, 2:])


def test_noise_changes_nothing_until_it_is_learnt_and_then_follows_its_place() -> None:
    torch.manual_seed(0)
    made = make_generator(net("noisy").generator, (1, 3)).eval()
    plain = make_generator(net("styled").generator, (1, 3)).eval()
    plain.load_state_dict({k: v for k, v in made.state_dict().items() if not k.startswith("noise.")})
    strokes = torch.rand(2, 1, 36, 36)
    assert torch.equal(made(strokes), plain(strokes))
    for noise in made.noise.values():
        torch.nn.init.constant_(noise.loudness, 0.5)
    assert torch.equal(made(strokes), made(strokes, None, torch.zeros(2, 2)))
    assert not torch.equal(made(strokes), plain(strokes))
    other = made(strokes, None, torch.tensor([[0.0, 0.0], [0.25, 0.0]]))
    assert torch.equal(other[0], made(strokes)[0])
    assert not torch.equal(other[1], made(strokes)[1])


def test_noise_goes_round_at_its_border() -> None:
    noise = Noise(1, 3)
    torch.nn.init.ones_(noise.loudness)
    zeros = torch.zeros(1, 1, 4, 600)
    wide = noise(zeros, torch.tensor([[511 / 512, 0.5]]))[0, 0]
    assert torch.equal(wide[1:], noise(zeros, torch.tensor([[0, 0.5]]))[0, 0, :3])
    assert torch.equal(wide[:, :88], wide[:, 512:])
    assert wide.std().item() == pytest.approx(1, abs=0.1)


def test_a_code_changes_the_photo_only_once_it_is_learnt_and_the_neutral_one_is_the_code_zero() -> None:
    made = make_generator(net("styled").generator, (1, 3)).eval()
    strokes, codes = torch.rand(2, 1, 32, 32), torch.rand(2, 5)
    torch.testing.assert_close(made(strokes, codes), made(strokes))
    for modulation in made.by_code.values():
        torch.nn.init.normal_(modulation.linear.weight, 0, 0.5)
    assert (made(strokes, codes) - made(strokes)).abs().max() > 1e-3
    torch.testing.assert_close(made(strokes, torch.zeros(2, 5)), made(strokes))


def test_a_share_of_the_codes_is_dropped_in_training_alone() -> None:
    made = make_generator(net("styled").generator, (1, 3))
    photos = torch.rand(4, 3, 64, 64)
    assert [bool(code.any()) for code in made.train().style(photos)] == [False, False, True, True]
    assert made.eval().style(photos).any(1).all()


@pytest.mark.parametrize("option", ["up", "padding"])
def test_an_option_that_a_kind_does_not_use_is_refused(option: str) -> None:
    with pytest.raises(ParamsError, match=rf"net\.generator\.{option}"):
        net("unet_mru", **{option: "zeros"})


def test_a_kind_that_is_none_is_refused() -> None:
    with pytest.raises(ParamsError, match=r"resnett.*resnet, unet_mru"):
        net("resnett", **OPTIONS["resnet"])


def test_a_trainer_is_a_row_by_its_file(tmp_path: Path) -> None:
    from pipeline.core.lazy_table import UnknownName
    from pipeline.training.trainers import TRAINERS

    assert list(TRAINERS)[:3] == ["scn", "isn", "joint"]
    with pytest.raises(UnknownName, match="no trainer 'pix3pix'; there are scn, isn, joint"):
        TRAINERS["pix3pix"]
