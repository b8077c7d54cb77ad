"""The face of a photo that a visitor dropped, cut as the training photos are."""

from pipeline.apps.faces import like_photo, photo_crop
from pipeline.apps.look import Look
from pipeline.apps.studio.messages import Wrong
from pipeline.apps.studio.uploads import NAME, picture_of
from pipeline.apps.system import System
from pipeline.core.errors import UserError
from pipeline.core.polarity import Photo
from pipeline.drawing.face_prior import eyes_of_crops

REMEDY = "Give a photo of one upright face, seen from the front."


def face_of(data: bytes, side: int) -> Photo:
    """A photo's file -> (side, side, 3). Raises Wrong where it is none, or has no face."""
    picture = picture_of(data)
    try:
        return photo_crop(NAME, picture, side)
    except UserError as error:
        raise no_face(error) from error


def like_face(system: System, face: Photo) -> Look:
    """What a photo's face looks like. Raises Wrong where it has no colours."""
    try:
        return like_photo(system, NAME, face, eyes_of_crops())
    except UserError as error:
        raise no_face(error) from error


def no_face(error: UserError) -> Wrong:
    """What is said of a photo whose face cannot be used."""
    reason = str(error).partition(f"{NAME}: ")[2].partition("; ")[0]
    return Wrong(f"No face could be used: {reason}. {REMEDY}")
