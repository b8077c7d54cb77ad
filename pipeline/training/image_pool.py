"""CycleGAN's pool of images that were made before (Shrivastava et al. 2017), kept with the state of the run."""

import torch
from torch import Tensor


class ImagePool:
    """Until `size` images are in, each new one is kept and handed on; then with even chance one of the old instead.

    The old one handed on makes room for the new. Decided image by image, with torch's random numbers on the CPU.
    """

    def __init__(self, size: int) -> None:
        self.size, self.images = size, list[Tensor]()

    def __call__(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W), without a graph."""
        plain = images.detach().contiguous()  # one layout, in which images come back from a state as well
        return torch.cat([self._exchanged(image) for image in plain.split(1)])

    def _exchanged(self, image: Tensor) -> Tensor:
        if len(self.images) < self.size:
            self.images.append(image.clone())
            return image
        if not self.size or torch.rand(()) < 0.5:
            return image
        place = int(torch.randint(self.size, ()))
        old, self.images[place] = self.images[place], image.clone()
        return old

    def state(self) -> dict[str, Tensor]:
        return {"pool": torch.cat(self.images)} if self.images else {}

    def load_state(self, tensors: dict[str, Tensor], device: torch.device) -> None:
        """Inverse of `state`."""
        self.images = list(tensors["pool"].to(device).split(1)) if tensors else []
