"""The image reader, on files as cameras, scanners and programs write them."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from pipeline.core.image_io import ImageError, import_photo, import_picture, import_sketch

RAMP = np.tile(np.linspace(0, 1, 64), (48, 1))
CASES = Path(__file__).parents[3] / "shared" / "cases"


def off(path: Path, expected: np.ndarray = RAMP) -> float:
    """Largest difference of the file's gray to values in [0, 1], in 255ths."""
    return float(np.abs(import_sketch(path) - expected).max() * 255)


def test_floats_are_in_0_to_1_by_their_sample_format(tmp_path: Path) -> None:
    for name, values in (("f32", RAMP.astype(np.float32)), ("f64", RAMP), ("dark", RAMP.astype(np.float32) / 4)):
        tifffile.imwrite(tmp_path / f"{name}.tiff", values)
    assert off(tmp_path / "f32.tiff") < 1
    assert off(tmp_path / "f64.tiff") < 1
    assert off(tmp_path / "dark.tiff", RAMP / 4) < 1  # the largest value found decides nothing
    rgb = np.dstack([RAMP, RAMP / 2, RAMP / 4]).astype(np.float32)
    tifffile.imwrite(tmp_path / "rgb.tiff", rgb, photometric="rgb")
    assert np.abs(import_photo(tmp_path / "rgb.tiff") / 255 - rgb).max() < 0.01
    tifffile.imwrite(tmp_path / "wide.tiff", (RAMP * 255).astype(np.float32), extratags=[(341, "f", 1, 255.0, True)])
    assert off(tmp_path / "wide.tiff") < 1


@pytest.mark.parametrize("bad", [RAMP * 255, RAMP - 5, np.where(RAMP < 0.5, np.nan, RAMP)])
def test_floats_of_another_range_are_refused_with_a_remedy(tmp_path: Path, bad: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tiff", bad.astype(np.float32))
    with pytest.raises(ImageError, match=r"a\.tiff: .*; .*save it with 8"):
        import_photo(tmp_path / "a.tiff")


def test_16_bits_are_16_bits_whatever_they_hold_and_fewer_where_tags_say_so(tmp_path: Path) -> None:
    for name, values in (("full", RAMP), ("dark", RAMP / 400)):
        Image.fromarray((values * 65535).round().astype(np.uint16)).save(tmp_path / f"{name}.png")
        assert off(tmp_path / f"{name}.png", values) < 1
    twelve = (RAMP * 4095).round().astype(np.uint16)
    tifffile.imwrite(tmp_path / "untold.tiff", twelve)
    assert off(tmp_path / "untold.tiff", RAMP / 16) < 1
    tifffile.imwrite(tmp_path / "told.tiff", twelve, extratags=[(281, "H", 1, 4095, True)])
    assert off(tmp_path / "told.tiff") < 1
    rgb = np.dstack([twelve] * 3)
    tags = [(281, "H", 3, (4095,) * 3, True)]
    tifffile.imwrite(tmp_path / "rgb.tiff", rgb, photometric="rgb", extratags=tags)
    assert off(tmp_path / "rgb.tiff") <= 1
    tifffile.imwrite(tmp_path / "inverted.tiff", (65535 * (1 - RAMP)).astype(np.uint16), photometric="miniswhite")
    assert off(tmp_path / "inverted.tiff") < 1


def test_packed_12_bits(tmp_path: Path) -> None:
    """Two samples in three bytes, written by hand."""
    values = (RAMP * 4095).round().astype(np.uint32).ravel()
    pairs = (values[::2] << 12) | values[1::2]
    data = b"".join(int(pair).to_bytes(3, "big") for pair in pairs)
    tags = [(256, 64), (257, 48), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, 48), (279, len(data))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    header = b"II*\0" + struct.pack("<I", 8 + len(data))
    (tmp_path / "a.tif").write_bytes(header + data + struct.pack("<H", len(tags)) + entries + bytes(4))
    assert off(tmp_path / "a.tif") < 1


def test_whole_numbers_of_32_bits_need_a_range(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tiff", (RAMP * 1000).astype(np.int32))
    with pytest.raises(ImageError, match="without a range"):
        import_photo(tmp_path / "a.tiff")
    tifffile.imwrite(tmp_path / "b.tiff", (RAMP * 1000).astype(np.int32), extratags=[(281, "H", 1, 1000, True)])
    assert off(tmp_path / "b.tiff") < 1


@pytest.mark.parametrize("kind", [np.int16, np.int8])
def test_whole_numbers_with_a_sign_need_a_range(tmp_path: Path, kind: type) -> None:
    """As CT pictures have them: nobody knows which value is black."""
    tifffile.imwrite(tmp_path / "a.tiff", (RAMP * 100 - 50).astype(kind))
    with pytest.raises(ImageError, match="with a sign without a range"):
        import_photo(tmp_path / "a.tiff")
    if kind is np.int16:
        tifffile.imwrite(tmp_path / "b.tiff", (RAMP * 1000).astype(kind), extratags=[(281, "H", 1, 1000, True)])
        assert off(tmp_path / "b.tiff") < 1


def fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def profile(space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile of version 2.1 of these tags."""
    tags = {b"desc": text(b"made for a test"), b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642, 1, 0.8249)} | tags
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", 128 + 4 + 12 * len(tags) + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = bytes(4) + bytes(4) + struct.pack(">I", 0x02100000) + (b"mntr" if space == b"RGB " else b"prtr")
    head += space + connection + bytes(12) + b"acsp" + bytes(28) + fixed(0.9642, 1, 0.8249) + bytes(48)
    whole = head + table + body
    return struct.pack(">I", len(whole)) + whole[4:]


def text(words: bytes) -> bytes:
    return b"desc" + bytes(4) + struct.pack(">I", len(words) + 1) + words + bytes(1 + 8 + 3 + 67)


def wide_gamut() -> bytes:
    """Display P3's primaries under D50, gamma 2.2."""
    primaries = {
        b"rXYZ": (0.51512, 0.2412, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.1571, 0.06657, 0.78407),
    }
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(2.2 * 256)) + bytes(2)
    tags = {name: b"XYZ " + bytes(4) + fixed(*values) for name, values in primaries.items()}
    return profile(b"RGB ", b"XYZ ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def yellow_ink() -> bytes:
    """A printer whose cyan is yellow and whose other inks are gray: nothing that could be guessed."""
    ramp = bytes(range(256))
    table = b""
    for cyan, *others in np.ndindex(2, 2, 2, 2):
        lightness = 255 - 60 * sum(others)
        table += bytes([lightness, 128, 255 if cyan else 128])
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + ramp * 4 + table + ramp * 3
    return profile(b"CMYK", b"Lab ", {b"A2B0": lut})


def plain(colour: tuple[int, ...], mode: str) -> Image.Image:
    return Image.new(mode, (16, 16), colour)


def test_wide_gamut_is_converted_by_its_profile(tmp_path: Path) -> None:
    plain((200, 100, 50), "RGB").save(tmp_path / "p3.jpg", icc_profile=wide_gamut(), quality=100)
    plain((200, 100, 50), "RGB").save(tmp_path / "p3.png", icc_profile=wide_gamut())
    for name in ("p3.jpg", "p3.png"):
        red, green, blue = import_photo(tmp_path / name)[8, 8].astype(int)
        assert red > 208  # P3's red is redder
        assert 90 < green < 100
        assert blue < 46


def test_cmyk_is_converted_by_its_profile_or_as_ink(tmp_path: Path) -> None:
    plain((255, 0, 0, 0), "CMYK").save(tmp_path / "ink.tiff")
    assert import_photo(tmp_path / "ink.tiff")[0, 0].tolist() == [0, 255, 255]
    plain((255, 0, 0, 0), "CMYK").save(tmp_path / "told.tiff", icc_profile=yellow_ink())
    red, green, blue = import_photo(tmp_path / "told.tiff")[0, 0].astype(int)
    assert min(red, green) > 200
    assert blue < 60


@pytest.mark.parametrize("broken", [b"no profile", wide_gamut()[:200], yellow_ink()])
def test_a_broken_or_foreign_profile_is_passed_over_with_a_word(tmp_path: Path, broken: bytes) -> None:
    plain((200, 100, 50), "RGB").save(tmp_path / "a.png", icc_profile=broken)
    picture = import_picture(tmp_path / "a.png")
    assert picture.rgb[0, 0].tolist() == [200, 100, 50]
    assert picture.notes == ("its colour profile is broken and was not used",)


def test_srgb_and_no_profile_keep_every_value(tmp_path: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name, options in (("none", {}), ("srgb", {"icc_profile": srgb})):
        noise.save(tmp_path / f"{name}.png", **options)
        assert (import_photo(tmp_path / f"{name}.png") == np.asarray(noise)).all()
        assert not import_picture(tmp_path / f"{name}.png").notes


@pytest.mark.parametrize("suffix", ["jpg", "jfif", "png", "webp", "bmp", "tif", "gif", "avif"])
def test_every_suffix_of_the_finder_is_read(tmp_path: Path, suffix: str) -> None:
    plain((200, 100, 50), "RGB").save(tmp_path / f"a.{suffix}", **({"quality": 100} if suffix == "avif" else {}))
    assert np.abs(import_photo(tmp_path / f"a.{suffix}").astype(int) - (200, 100, 50)).max() < 8


def test_the_first_picture_of_a_phones_jpeg(tmp_path: Path) -> None:
    first, second = plain((200, 100, 50), "RGB"), plain((0, 0, 0), "RGB")
    first.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[second])
    assert abs(int(import_photo(tmp_path / "a.jpg")[0, 0, 0]) - 200) < 4


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "avif"])
def test_animations_are_refused(tmp_path: Path, suffix: str) -> None:
    frames = [plain((value, 0, 0), "RGB") for value in (0, 200)]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="an animation, not a photo; save one frame"):
        import_photo(tmp_path / f"a.{suffix}")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_is_white(tmp_path: Path, mode: str) -> None:
    image = plain((255, 255, 255, 255), "RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 8, 16))
    image.paste((0, 0, 0, 255), (8, 0, 16, 8))
    image.convert(mode).save(tmp_path / "a.png")
    picture = import_picture(tmp_path / "a.png")
    assert picture.alpha is not None
    photo = picture.on_white()
    assert (photo[:, :8] == 255).all()
    assert (photo[:8, 8:] == 0).all()


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "avif"])
def test_photos_stand_upright_with_their_transparency(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGBA", (30, 20)).save(tmp_path / "b.png", exif=exif)
    plain((200, 100, 50), "RGB").resize((30, 20)).save(tmp_path / f"a.{suffix}", exif=exif)
    assert import_photo(tmp_path / f"a.{suffix}").shape == (30, 20, 3)
    alpha = import_picture(tmp_path / "b.png").alpha
    assert alpha is not None
    assert alpha.shape == (30, 20)


def test_broken_exif_is_passed_over(tmp_path: Path) -> None:
    plain((200, 100, 50), "RGB").save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert import_photo(tmp_path / "a.jpg").shape == (16, 16, 3)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.png", b"", r"unreadable \(empty\)"),
        ("a.jpg", b"\0\0\0\x18ftypheic" + bytes(40), r"unreadable \(HEIC\); convert it to JPEG or PNG first"),
        ("a.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", r"unreadable \(no picture of a known format\)"),
    ],
)
def test_what_is_no_picture_is_refused(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ImageError, match=reason):
        import_photo(tmp_path / name)


def test_cut_files_folders_and_missing_files_are_refused(tmp_path: Path) -> None:
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(whole, "JPEG")
    (tmp_path / "cut.jpg").write_bytes(whole.getvalue()[:900])
    for path, reason in ((tmp_path / "cut.jpg", "unreadable"), (tmp_path, "not a file"), (tmp_path / "x", "no such")):
        with pytest.raises(ImageError, match=reason):
            import_photo(path)


@pytest.mark.skipif(not CASES.is_dir(), reason="needs ../shared/cases")
def test_cases_that_failed_once() -> None:
    face = import_photo(CASES / "face.jpg")
    assert np.abs(import_photo(CASES / "float01.tiff").mean() - face.mean()) < 60
    assert import_photo(CASES / "mpo.jpg").mean() > 50
    assert import_photo(CASES / "unseen_types/face.avif").mean() > 50
