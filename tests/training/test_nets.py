"""The tables of generators and discriminators: a kind takes its own options, and no others."""

from pathlib import Path

import pytest
import torch

from pipeline.core.params import ParamsError, build
from pipeline.training.adversarial import NetParams
from pipeline.training.nets import DISCRIMINATORS, GENERATORS, make_discriminator, make_generator

OPTIONS = {
    "resnet": {"width": 4, "blocks": 1, "dilation": 2, "norm": "pixel", "up": "resize", "padding": "zeros"},
    "unet_mru": {"width": 4, "blocks": 1, "dilation": 1, "norm": "pixel"},
}
PATCH = {"kind": "sn_patch", "width": 4, "scales": 2}


def net(kind: str, **more: object) -> NetParams:
    generator = {"kind": kind, **OPTIONS.get(kind, {}), "spectral": False, **more}
    return build(NetParams, {"generator": generator, "discriminator": PATCH}, "net")


def test_every_kind_is_tried_here() -> None:
    assert set(OPTIONS) == set(GENERATORS)
    assert set(DISCRIMINATORS) == {"sn_patch"}


@pytest.mark.parametrize("kind", OPTIONS)
@pytest.mark.parametrize("spectral", [False, True])
def test_a_kind_is_made_of_its_options(kind: str, spectral: bool) -> None:
    params = net(kind, spectral=spectral)
    assert isinstance(params.generator, GENERATORS[kind].params)
    made = make_generator(params.generator, (1, 3))
    assert isinstance(made, GENERATORS[kind].module)
    assert made(torch.rand(1, 1, 32, 32)).shape == (1, 3, 32, 32)
    assert any(torch.nn.utils.parametrize.is_parametrized(m) for m in made.modules()) is spectral


def test_a_discriminator_of_two_scales_judges_twice() -> None:
    judge = make_discriminator(net("resnet").discriminator, 3)
    assert len(judge(torch.rand(1, 3, 128, 128))) == 2


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
