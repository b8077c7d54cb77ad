"""How a photo is to look: tones that a system's ISN is told, and the skin's colour, which any photo can be given."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.apps.skin import TONES, Colour, skin_of, with_skin
from pipeline.apps.system import Codes, System
from pipeline.core.polarity import Photo, unit
from pipeline.drawing.face_prior import Eyes
from pipeline.evaluation.metrics.places import USUAL


@dataclass(frozen=True, eq=False)
class Look:
    """A style's code (code,), and a skin's mean colour; without them the system's neutral ones."""

    code: Codes | None = None
    skin: Colour | None = None
    eyes: Eyes = USUAL  # where the photos have them

    def photos(self, system: System, strokes: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Calibrated strokes (N, S, S), 1 = ink -> photos (N, S, S, 3)."""
        made = system.photos(strokes, None if self.code is None else np.repeat(self.code[None], len(strokes), 0))
        return made if self.skin is None else np.stack([with_skin(photo, self.skin, self.eyes) for photo in made])


NEUTRAL = Look()


def tones(system: System) -> tuple[str, ...]:
    """Names of its tones: those that its file has; of a system without styles those of the skin."""
    return tuple(system.card.get("tones", {}) if system.takes_styles else TONES)


def tone(system: System, name: str, eyes: Eyes) -> Look:
    """One of `tones`. Raises KeyError."""
    if not system.takes_styles:
        return Look(None, unit(np.array(TONES[name], np.uint8)), eyes)
    return Look(np.asarray(system.card.get("tones", {})[name], np.float32))


def like(system: System, crop: Photo, eyes: Eyes) -> Look:
    """That of a photo's crop (S, S, 3), whose eyes are where those of the system's photos are."""
    return Look(system.style(crop[None])[0] if system.takes_styles else None, skin_of(crop, eyes), eyes)
