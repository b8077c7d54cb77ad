"""The net that draws: shapes, polarity, and what it refuses."""

import pytest
import torch

from models.helpers.edge_net import EdgeNet
from models.helpers.line_net import LineNet, drawer


@pytest.mark.parametrize("size", [(16, 16), (37, 50)])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_drawing_has_the_pictures_size(size: tuple[int, int], channels: int) -> None:
    assert LineNet(channels, (4, 6, 8), 4).eval()(torch.rand(2, channels, *size)).shape == (2, 1, *size)


def test_more_ink_is_darker_paper_and_half_precision_survives() -> None:
    net = LineNet(1, (4, 6, 8), 4).eval()
    drawn = drawer({k: v.half() if v.is_floating_point() else v for k, v in net.state_dict().items()}, 1).eval()
    picture = torch.rand(1, 1, 33, 40)
    torch.testing.assert_close(drawn(picture), 1 - torch.sigmoid(net(picture)), atol=0.01, rtol=0)


def test_with_batch_norms_folded_in_it_computes_the_same() -> None:
    net = LineNet(3, (4, 6, 8), 4)
    net(torch.rand(4, 3, 32, 32))  # moves the running statistics
    picture = torch.rand(1, 3, 20, 24)
    plain = 1 - torch.sigmoid(net.eval()(picture))
    folded = drawer(net.state_dict(), 3)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    torch.testing.assert_close(folded(picture), plain, atol=1e-5, rtol=0)


def test_other_nets_are_refused() -> None:
    with pytest.raises(ValueError, match="not a LineNet of 1 channels: it has 3"):
        drawer(LineNet(3, (4, 6), 4).state_dict(), 1)
    with pytest.raises(ValueError, match="not a LineNet of 3 channels"):
        drawer(EdgeNet((4, 6), 4).state_dict(), 3)
