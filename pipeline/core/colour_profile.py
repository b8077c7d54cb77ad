"""Colours of any ICC profile -> sRGB."""

import io
from typing import Any

from PIL import Image, ImageCms

BROKEN = "its colour profile is broken and was not used"
SPACES = {"RGB": "RGB ", "CMYK": "CMYK", "L": "GRAY", "LAB": "LAB "}  # Pillow's mode -> the profile's colour space


def to_srgb(image: Image.Image) -> tuple[Image.Image, str]:
    """An image of mode RGB, CMYK, L or LAB, by the profile it bears -> RGB, and a word where that was broken.

    An image with no profile, or with sRGB's, keeps its values; so does gray in sRGB's curve. CMYK without a profile
    is converted as ink on white, LAB as under D50.
    """
    data = image.info.get("icc_profile")
    if not data:
        return _without_profile(image), ""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        if profile.profile.xcolor_space != SPACES[image.mode]:
            return _without_profile(image), BROKEN
        if "srgb" in ImageCms.getProfileDescription(profile).lower():
            return _without_profile(image), ""
        return _converted(image, profile), ""
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return _without_profile(image), BROKEN


def _without_profile(image: Image.Image) -> Image.Image:
    return _converted(image, ImageCms.createProfile("LAB")) if image.mode == "LAB" else image.convert("RGB")


def _converted(image: Image.Image, profile: Any) -> Image.Image:
    """By relative colorimetry with black point compensation, as image editors do."""
    intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
    done = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), intent, "RGB", flags=flags)
    assert done is not None  # not in place
    return done
