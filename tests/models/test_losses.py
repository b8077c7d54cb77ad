"""Losses against values known without the code."""

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from models.losses import adversarial, photo, strokes


def test_lsgan_labels() -> None:
    real, fake = torch.ones(2, 3), torch.zeros(2, 3)
    assert adversarial.lsgan_discriminator(real, fake) == 0
    assert adversarial.lsgan_discriminator(fake, real) == 1
    assert adversarial.lsgan_generator(fake) == 0.5
    assert adversarial.lsgan_generator(real) == 0


def test_calibration_sums_over_targets_and_layers_of_means() -> None:
    fake = [torch.zeros(1, 2, 4, 4), torch.zeros(1, 3, 2, 2)]
    target = [torch.full((1, 2, 4, 4), 0.5), torch.full((1, 3, 2, 2), 2.0)]
    assert strokes.calibration([target], fake) == pytest.approx(2.5)
    assert strokes.calibration([target, fake], fake) == pytest.approx(2.5)
    assert strokes.calibration([target, target], fake) == pytest.approx(5.0)


def test_gram_of_constant_maps() -> None:
    features = torch.stack([torch.full((4, 5), 2.0), torch.full((4, 5), 3.0)])[None]
    expected = torch.tensor([[[4.0, 6.0], [6.0, 9.0]]]) * 20 / 40
    torch.testing.assert_close(photo.gram(features), expected)


def test_perceptual_counts_negative_activations_and_style_does_not() -> None:
    real, fake = {"a": torch.full((1, 1, 2, 2), -1.0)}, {"a": torch.full((1, 1, 2, 2), -3.0)}
    assert photo.perceptual(real, fake, ["a"]) == 2
    assert photo.style(real, fake, ["a"]) == 0


def test_tv_as_printed_ignores_diagonal_ramps_and_the_usual_one_does_not() -> None:
    y, x = torch.meshgrid(torch.arange(6.0), torch.arange(6.0), indexing="ij")
    ramp = ((x + y) / 10)[None, None]
    assert photo.tv_paper(ramp) == pytest.approx(0, abs=1e-6)
    assert photo.tv_anisotropic(ramp) == pytest.approx(0.2)
    assert photo.tv_paper((x / 10)[None, None]) == pytest.approx(0.1)


@pytest.mark.parametrize("tv", photo.TV.values())
def test_tv_of_a_constant_is_zero(tv) -> None:
    assert tv(torch.full((1, 3, 8, 8), 0.3)) == 0


@pytest.mark.parametrize("spread", [0.0, 0.02, 0.3])
def test_dissimilarity_is_one_minus_the_ssim_of_scikit_image(spread: float) -> None:
    rng = np.random.default_rng(0)
    a = rng.random((24, 30, 3)).astype(np.float32)
    b = np.clip(a + spread * rng.standard_normal(a.shape), 0, 1).astype(np.float32)
    expected = structural_similarity(
        a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1, channel_axis=2
    )
    x, y = (torch.from_numpy(image).permute(2, 0, 1)[None] for image in (a, b))
    assert photo.dissimilarity(x, y) == pytest.approx(1 - expected, abs=1e-5)


def test_dissimilarity_leads_to_the_photo() -> None:
    true = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    made = torch.full_like(true, 0.5).requires_grad_()
    optimizer = torch.optim.Adam([made], lr=0.02)
    first = photo.dissimilarity(true, made).item()
    for _ in range(100):
        optimizer.zero_grad()
        photo.dissimilarity(true, made).backward()
        optimizer.step()
    assert photo.dissimilarity(true, made) < 0.1 * first
