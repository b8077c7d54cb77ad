"""LPIPS against its description on torchvision's own SqueezeNet, and the figures known of real photos."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from models.helpers.lpips import CHANNELS, Lpips, linear_layers, squeezenet_caffe, squeezenet_torchvision
from pipeline.weights import loaders

SHARED = Path(__file__).parents[3] / "shared"
FACES = SHARED / "data" / "faces" / "ffhq"


def linear_state() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {f"lin{i}.model.1.weight": torch.rand(1, n, 1, 1, generator=generator) for i, n in enumerate(CHANNELS)}


def test_it_is_the_weighted_difference_of_torchvisions_features() -> None:
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    published = torchvision.models.squeezenet1_1(weights=None).eval()
    photos, others = torch.rand(2, 3, 61, 70), torch.rand(2, 3, 61, 70)
    weights = linear_state()

    def maps(x: torch.Tensor) -> list[torch.Tensor]:
        shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
        x = (2 * x - 1 - shift[:, None, None]) / scale[:, None, None]
        found = []
        for start, end in ((0, 2), (2, 5), (5, 8), (8, 10), (10, 11), (11, 12), (12, 13)):  # lpips 0.1.4's slices
            x = published.features[start:end](x)
            found.append(x / x.norm(dim=1, keepdim=True).clamp_min(1e-10))
        return found

    expected = torch.zeros(2)
    for i, (a, b) in enumerate(zip(maps(photos), maps(others), strict=True)):
        weight = weights[f"lin{i}.model.1.weight"][0]
        expected += ((a - b) ** 2 * weight).sum(1).mean((1, 2))
    net = Lpips(squeezenet_torchvision(published.state_dict()), linear_layers(weights))
    with torch.no_grad():
        torch.testing.assert_close(net(photos, others), expected, atol=1e-4, rtol=1e-4)
        assert net(photos, photos).tolist() == [0, 0]


def test_caffes_weights_see_bgr_less_its_mean() -> None:
    torchvision = pytest.importorskip("torchvision")
    state = torchvision.models.squeezenet1_1(weights=None).state_dict()
    features = {key: value for key, value in state.items() if key.startswith("features.")}
    photo = torch.rand(1, 3, 40, 40)
    bgr = photo[:, [2, 1, 0]] * 255 - torch.tensor([104.0, 117.0, 123.0])[:, None, None]
    expected = torch.nn.functional.conv2d(bgr, state["features.0.weight"], state["features.0.bias"], stride=2).relu()
    with torch.no_grad():
        torch.testing.assert_close(squeezenet_caffe(features)(photo)[0], expected, atol=1e-3, rtol=1e-4)
    with pytest.raises(ValueError, match="it has a classifier"):
        squeezenet_caffe(state)
    with pytest.raises(ValueError, match="it has no classifier"):
        squeezenet_torchvision(features)
    with pytest.raises(ValueError, match=r"not what LPIPS needs: 0\.weight has shape none"):
        linear_layers(features)


@pytest.mark.skipif(not FACES.is_dir(), reason="needs ../shared/data/faces and ../shared/weights")
def test_distances_of_real_photos_are_as_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shared/FACTS: shift by 1 px .04, blur σ 1 .11, σ 4 .30, another person .48, on other photos than these."""
    monkeypatch.setenv("CALI_SKETCH_WEIGHTS", str(SHARED / "weights"))
    photos = [cv2.imread(str(path))[..., ::-1] for path in sorted(FACES.iterdir())[:12]]
    net = loaders.lpips("squeezenet_caffe")

    def distance(others: list[np.ndarray]) -> float:
        a, b = (torch.from_numpy(np.stack(p)).permute(0, 3, 1, 2).float() / 255 for p in (photos, others))
        with torch.inference_mode():
            return float(net(a, b).mean())

    shifted, other = distance([np.roll(p, 1, 1) for p in photos]), distance(photos[1:] + photos[:1])
    blurred = [distance([cv2.GaussianBlur(p, (0, 0), sigma) for p in photos]) for sigma in (1, 4)]
    assert shifted == pytest.approx(0.04, abs=0.015)
    assert blurred == pytest.approx([0.10, 0.29], abs=0.05)
    assert other == pytest.approx(0.53, abs=0.08)
