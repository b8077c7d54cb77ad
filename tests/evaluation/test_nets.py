"""The nets that evaluation asks: what is shown to them, and what is done with their answers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.core.errors import UserError
from pipeline.evaluation import pair_nets
from pipeline.evaluation.feature_sets import FEATURES
from pipeline.evaluation.metrics import features, identity
from pipeline.evaluation.pair_nets import PAIRS, Lpips

CPU = torch.device("cpu")
RNG = np.random.default_rng(0)
PHOTOS, OTHERS = RNG.integers(0, 256, (2, 11, 64, 64, 3), dtype=np.uint8)
WEIGHTS = Path(__file__).parents[3] / "shared" / "weights"


class FirstLessSecond(nn.Module):
    """Mean red of the first less that of the second, (N,)."""

    def forward(self, photos: Tensor, others: Tensor) -> Tensor:
        return photos[:, 0].mean((1, 2)) - others[:, 0].mean((1, 2))


def test_lpips_gets_each_photo_beside_its_generation_in_units(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(pair_nets, "lpips", lambda trunk: asked.append(trunk) or FirstLessSecond())
    found = Lpips("squeezenet_caffe", CPU)(PHOTOS, OTHERS)
    expected = (PHOTOS[..., 0].mean((1, 2)) - OTHERS[..., 0].mean((1, 2))) / 255
    np.testing.assert_allclose(found, expected, atol=1e-5)
    for name in PAIRS:
        PAIRS[name](CPU)
    assert asked == ["squeezenet_caffe", "squeezenet", "squeezenet_caffe"], "the plain name is for torchvision's alone"


def test_scores_of_pairs_stand_by_face_and_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(device: torch.device) -> Lpips:
        raise UserError("no file")

    made = {"lpips": missing, "lpips_like": lambda device: lambda a, b: a.mean((1, 2, 3)) - b.mean((1, 2, 3))}
    monkeypatch.setattr(pair_nets, "PAIRS", made)
    nets = pair_nets.pair_nets(CPU)
    assert nets.missing == {"lpips": "no file"}
    found = nets.scores(PHOTOS, OTHERS)
    assert [list(row) for row in found] == [["lpips_like"]] * 11
    assert found[3]["lpips_like"] == pytest.approx(PHOTOS[3].mean() - OTHERS[3].mean())


@pytest.mark.skipif(not WEIGHTS.is_dir(), reason="needs ../shared/weights")
def test_real_lpips_like_orders_blur_and_strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    monkeypatch.setenv("CALI_SKETCH_WEIGHTS", str(WEIGHTS))
    net = PAIRS["lpips_like"](CPU)
    smooth = np.stack([cv2.GaussianBlur(photo, (0, 0), 2) for photo in PHOTOS])
    soft = np.stack([cv2.GaussianBlur(photo, (0, 0), 3) for photo in PHOTOS])
    same, near, far = net(smooth, smooth), net(smooth, soft), net(smooth, np.roll(smooth, 1, 0))
    assert (same < 1e-6).all()
    assert (same < near).all()
    assert (near < far).all()
    np.testing.assert_allclose(net(smooth[:5], soft[:5]), near[:5], atol=1e-5)


class Means(nn.Module):
    """Mean of each channel, (N, 3)."""

    def forward(self, photos: Tensor) -> Tensor:
        return photos.mean((2, 3))


def test_efficientnet_gets_rgb_in_units(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(features, "net", lambda name: asked.append(name) or Means())
    many = np.concatenate([PHOTOS, OTHERS])
    found = features.EfficientNet(CPU)(many)
    np.testing.assert_allclose(found, many.mean((1, 2)) / 255, atol=1e-5)
    assert asked == ["efficientnet_lite0"]


def test_each_score_is_named_for_its_net_and_with_or_without_hair() -> None:
    assert FEATURES["identity"].open is identity.Identity
    assert FEATURES["identity_face"].open is identity.IdentityFace
    assert FEATURES["efficientnet"].open is features.EfficientNet
    real, made = (RNG.normal(0, 1, (9, 3)).astype(np.float32) for _ in range(2))
    for row in FEATURES.values():
        assert tuple(row.scores(real, made)) == row.names
    names = [name for row in FEATURES.values() for name in row.names]
    assert len(set(names)) == len(names)
    assert FEATURES["efficientnet"].scores(real, made) == {"fd_efficientnet": features.frechet(real, made)}
    assert FEATURES["efficientnet"].scores(real[:1], made) == {"fd_efficientnet": None}
