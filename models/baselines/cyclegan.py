"""CycleGAN's generator (Zhu et al. 2017; Johnson et al. 2016) as its authors' code has it.

Its discriminator is the PatchGAN of models/baselines/pix2pix.py with instance norm, of one image.
"""

from itertools import pairwise

from torch import Tensor, nn

from models.blocks import ResidualBlock, convolution, init_weights, normalised


class CycleGenerator(nn.Module):
    """Convolutions of stride 2, residual blocks, transposed ones; instance norm, reflected borders.

    `blocks`: 9 at 256 px, 6 at 128; `downs`: 2, in pix2pixHD's (Wang et al. 2018) 4.
    (N, in_channels, H, W) -> (N, out_channels, H, W) in [-1, 1]; H and W multiples of 2^downs.
    """

    def __init__(self, in_channels: int, out_channels: int, width: int, blocks: int, downs: int = 2) -> None:
        super().__init__()
        widths = [width * 2**i for i in range(downs + 1)]
        smaller = [(nn.Conv2d(a, b, 3, 2, 1), normalised(b, "instance")) for a, b in pairwise(widths)]
        larger = [(nn.ConvTranspose2d(a, b, 3, 2, 1, 1), normalised(b, "instance")) for a, b in pairwise(widths[::-1])]
        self.body = nn.Sequential(
            convolution(in_channels, width, 7, "reflect"),
            normalised(width, "instance"),
            *(part for pair in smaller for part in pair),
            *(ResidualBlock(widths[-1], 1, "instance", "reflect") for _ in range(blocks)),
            *(part for pair in larger for part in pair),
            convolution(width, out_channels, 7, "reflect"),
            nn.Tanh(),
        )
        self.apply(init_weights)

    def forward(self, x: Tensor) -> Tensor:
        image: Tensor = self.body(x)
        return image
