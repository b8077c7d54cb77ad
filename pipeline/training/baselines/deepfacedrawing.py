"""DeepFaceDrawing (Chen et al. 2020): five components' codes, drawn towards those of true faces, then one synthesis.

Its training code was never released: what the paper does not say is pix2pixHD's. docs/baselines.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from models.baselines.cyclegan import CycleGenerator
from models.baselines.deepfacedrawing import ComponentDecoder, ComponentEncoder, FeatureDecoder, projected
from models.discriminators.patchgan import Activations, patch
from models.losses.adversarial import feature_matching
from models.losses.photo import PERCEPTUAL, l1
from models.losses.towards import squared
from pipeline.core.allowed import Range, Share, Weight
from pipeline.core.layout import Layout
from pipeline.core.params import build
from pipeline.drawing.face_prior import Eyes
from pipeline.training.checkpoint import below, load_tensors, prefixed
from pipeline.training.perceptual import VGGS, PerceptualParams
from pipeline.training.sides import AdamParams, Side
from pipeline.training.trainers import FRAMING, Framing, Needs, TrainingStage
from pipeline.training.translation import (
    SKETCH,
    BaselineParams,
    Opened,
    Translator,
    drawings,
    needs,
    photographed,
    signed,
    unsigned,
)

CANVAS_EYES = ((172, 220), (319, 220))  # px, of the published canvas of 512 px
WINDOWS = {  # middle x, y and side on it; later ones are laid over earlier ones
    "mouth": (265, 397, 192),
    "nose": (262, 312, 160),
    "left_eye": (172, 220, 128),
    "right_eye": (319, 220, 128),
}
REMAINDER = "remainder"
COMPONENTS = (REMAINDER, *WINDOWS)
NOSE_LEFT_OUT = 36 / 160  # of the nose's features, at its lower end: the mouth's show
PATCH_LAYERS = 3
Box = tuple[int, int, int]  # left, top, side


@dataclass(frozen=True)
class Refinement:
    """How far each component's code goes to its projection: 1 all the way, 0 not at all."""

    remainder: Share
    mouth: Share
    nose: Share
    left_eye: Share
    right_eye: Share


@dataclass(frozen=True)
class DeepFaceDrawingNet:
    """The published values at 512 px: code 512, 5 halvings, 32 maps, width 56, 9 blocks, 4 downs, 3 scales."""

    code: Annotated[int, Range(least=1, most=1024)]
    halvings: Annotated[int, Range(least=2, most=5)]  # of a component's window, whose side is a multiple of 2^halvings
    maps: Annotated[int, Range(least=1, most=256)]
    width: Annotated[int, Range(least=1, most=512)]
    blocks: Annotated[int, Range(least=0, most=64)]
    downs: Annotated[int, Range(least=1, most=5)]
    discriminator_width: Annotated[int, Range(least=1, most=512)]
    scales: Annotated[int, Range(least=1, most=3)]


@dataclass(frozen=True)
class DeepFaceDrawingWeights:
    """pix2pixHD's, as none were published: 1, 10, 10, and 1 for L1, which the paper names."""

    adversarial: Weight
    feature_matching: Weight
    perceptual: Weight
    l1: Weight


@dataclass(frozen=True)
class DeepFaceDrawingParams(BaselineParams):
    """Section `baselines.deepfacedrawing`."""

    net: DeepFaceDrawingNet
    components_share: Annotated[float, Range(above=0, below=1)]  # of the steps, that train the components alone
    manifold: Annotated[int, Range(least=1, most=100_000)]  # codes kept of each component, those seen last
    neighbours: Annotated[int, Range(least=1, most=1000)]  # K; the paper's 10
    refinement: Refinement
    perceptual: PerceptualParams
    weights: DeepFaceDrawingWeights
    optimizer: AdamParams

    @property
    def multiple(self) -> int:
        """What sides of pictures are multiples of."""
        return int(2 ** max(self.net.halvings, self.net.downs))


def boxes(side: int, eyes: Eyes, halvings: int) -> dict[str, Box]:
    """Where the components are in a crop: the canvas laid so that its eyes come to the crop's, sides made to fit."""
    (left_x, eye_y), (right_x, _) = CANVAS_EYES
    scale = eyes.eye_distance * side / (right_x - left_x)
    middle, step = (left_x + right_x) / 2, 2**halvings
    found = {REMAINDER: (0, 0, side)}
    for name, (x, y, size) in WINDOWS.items():
        whole = min(side, max(step, round(size * scale / step) * step))
        at = (side / 2 + (x - middle) * scale, eyes.eye_y * side + (y - eye_y) * scale)
        left, top = (min(side - whole, max(0, round(place - whole / 2))) for place in at)
        found[name] = (left, top, whole)
    return found


def cut(images: Tensor, box: Box) -> Tensor:
    """A window of (N, C, H, W)."""
    left, top, side = box
    return images[..., top : top + side, left : left + side]


def component(drawing: Tensor, name: str, places: Mapping[str, Box]) -> Tensor:
    """A component of drawings (N, 1, H, W), paper +1: its window; of the remainder all, the windows set to paper."""
    if name != REMAINDER:
        return cut(drawing, places[name])
    rest = drawing.clone()
    for other in WINDOWS:
        cut(rest, places[other]).fill_(1)
    return rest


def make_components(params: DeepFaceDrawingParams, places: Mapping[str, Box]) -> dict[str, nn.Module]:
    """Encoders and decoders, by "encoder_NAME" and "decoder_NAME"."""
    net, made = params.net, dict[str, nn.Module]()
    for name, (_, _, side) in places.items():
        made[f"encoder_{name}"] = ComponentEncoder(side, net.code, net.halvings)
        made[f"decoder_{name}"] = ComponentDecoder(side, net.code, net.halvings)
    return made


def make_synthesis(params: DeepFaceDrawingParams, places: Mapping[str, Box]) -> dict[str, nn.Module]:
    """What maps codes to features, by "features_NAME", and the generator."""
    net = params.net
    made: dict[str, nn.Module] = {
        f"features_{name}": FeatureDecoder(side, net.code, net.halvings, net.maps)
        for name, (_, _, side) in places.items()
    }
    return made | {"generator": CycleGenerator(net.maps, 3, net.width, net.blocks, net.downs)}


Codes = dict[str, Tensor]  # component -> (N, code)


def encode(nets: Any, drawing: Tensor, places: Mapping[str, Box]) -> Codes:
    """Codes of drawings (N, 1, H, W), paper +1."""
    return {name: nets[f"encoder_{name}"](component(drawing, name, places)) for name in COMPONENTS}


def feature_maps(nets: Any, codes: Codes, places: Mapping[str, Box]) -> Tensor:
    """(N, maps, H, W): the remainder's, the others' laid over it."""
    whole: Tensor = nets[f"features_{REMAINDER}"](codes[REMAINDER]).clone()
    for name in WINDOWS:
        left, top, side = places[name]
        kept = side - round(side * NOSE_LEFT_OUT) if name == "nose" else side
        part = nets[f"features_{name}"](codes[name])
        whole[..., top : top + kept, left : left + side] = part[..., :kept, :].to(whole)
    return whole


def refined(codes: Codes, manifold: Codes, params: DeepFaceDrawingParams) -> Codes:
    """Codes drawn towards those of true faces, each component as far as it is told."""
    return {
        name: torch.lerp(code, projected(code, manifold[name], params.neighbours), getattr(params.refinement, name))
        for name, code in codes.items()
    }


@torch.no_grad()
def photos(
    nets: nn.ModuleDict, manifold: Codes, strokes: Tensor, params: DeepFaceDrawingParams, places: Mapping[str, Box]
) -> Tensor:
    """Strokes (N, 1, H, W), 1 = ink -> photos (N, 3, H, W) in [0, 1]; nets in evaluation mode."""
    codes = refined(encode(nets, drawings(strokes, 1), places), manifold, params)
    return unsigned(nets["generator"](feature_maps(nets, codes, places)))


class DeepFaceDrawing(Translator):
    """First the components' auto-encoders alone; then, with those fixed, mapping and synthesis against D."""

    kept = ("components", "g")

    def __init__(self, fabric: Fabric, params: DeepFaceDrawingParams, framing: Framing) -> None:
        net = params.net
        self.params, self.places, self.progress = params, boxes(framing.size, framing.eyes, net.halvings), 0.0
        judge = patch(net.maps + 3, net.discriminator_width, net.scales, PATCH_LAYERS, "instance", False)
        sides = {
            "g": Side(fabric, make_synthesis(params, self.places), params.optimizer),
            "d": Side(fabric, {"judge": judge}, params.optimizer),
            "components": Side(fabric, make_components(params, self.places), params.optimizer),
        }
        chosen = params.perceptual
        self.vgg = fabric.to_device(VGGS[chosen.net](last=max(chosen.layers + chosen.style_layers)))
        nowhere = torch.zeros(0, net.code, device=fabric.device)
        self.manifold: Codes = dict.fromkeys(COMPONENTS, nowhere)
        super().__init__(fabric, params.seed, sides, SKETCH)

    def set_progress(self, share: float) -> float:
        self.progress = share
        return super().set_progress(share)

    def update(self, strokes: Tensor, photo: Tensor) -> dict[str, Tensor]:
        drawing = drawings(strokes, 1).contiguous()
        if self.progress < self.params.components_share:
            zero = drawing.new_zeros(())
            unused = dict.fromkeys((*vars(self.params.weights), "discriminator"), zero)
            return self._update_components(drawing) | unused
        return {f"component_{name}": drawing.new_zeros(()) for name in COMPONENTS} | self._update_photos(
            drawing, signed(photo)
        )

    def _update_components(self, drawing: Tensor) -> dict[str, Tensor]:
        """Each drawn again from its own code."""
        side = self.sides["components"]
        windows = {name: component(drawing, name, self.places) for name in COMPONENTS}
        terms = {
            f"component_{name}": F.mse_loss(
                side.nets[f"decoder_{name}"](side.nets[f"encoder_{name}"](window)).float(), window
            )
            for name, window in windows.items()
        }
        side.update(torch.stack(list(terms.values())).sum())
        return terms

    def _update_photos(self, drawing: Tensor, true: Tensor) -> dict[str, Tensor]:
        codes = self._codes(drawing)
        self._remember(codes)
        maps = feature_maps(self.sides["g"].nets, codes, self.places)
        made = self.sides["g"].nets["generator"](maps)
        judged = self._update_discriminator(maps.detach(), true, made.detach())
        self.sides["d"].frozen(True)
        terms = self._terms(maps, true, made)
        weights = self.params.weights
        self.sides["g"].update(torch.stack([getattr(weights, name) * term for name, term in terms.items()]).sum())
        return terms | {"discriminator": judged}

    @torch.no_grad()
    def _codes(self, drawing: Tensor) -> Codes:
        """By the encoders as they are handed on."""
        nets = self.sides["components"].nets.eval()
        codes = encode(nets, drawing, self.places)
        nets.train()
        return {name: code.float() for name, code in codes.items()}

    def _remember(self, codes: Codes) -> None:
        """Those seen last; of several processes all remember the whole batch, in its order."""
        kept = self.params.manifold
        if self.fabric.world_size > 1:
            codes = {name: self.fabric.all_gather(code).transpose(0, 1).flatten(0, 1) for name, code in codes.items()}  # type: ignore[union-attr]
        self.manifold = {name: torch.cat([self.manifold[name], code])[-kept:] for name, code in codes.items()}

    def _verdicts(self, maps: Tensor, images: Tensor) -> Activations:
        """`patch` takes [0, 1] to [-1, 1], which these maps and images are in already."""
        found: Activations = self.sides["d"].nets["judge"](unsigned(torch.cat([maps, images], 1)))
        return [[layer.float() for layer in scale] for scale in found]

    def _update_discriminator(self, maps: Tensor, true: Tensor, made: Tensor) -> Tensor:
        self.sides["d"].frozen(False)
        real, fake = (self._verdicts(maps, images) for images in (true, made))
        pairs = zip(real, fake, strict=True)
        loss = 0.5 * torch.stack([squared(a[-1], 1) + squared(b[-1], 0) for a, b in pairs]).sum()
        self.sides["d"].update(loss)
        return loss

    def _terms(self, maps: Tensor, true: Tensor, made: Tensor) -> dict[str, Tensor]:
        fake = self._verdicts(maps, made)
        with torch.no_grad():
            real, seen = self._verdicts(maps, true), self.vgg(unsigned(true))
        chosen = self.params.perceptual
        return {
            "adversarial": torch.stack([squared(scale[-1], 1) for scale in fake]).sum(),
            "feature_matching": feature_matching(real, fake),
            "perceptual": PERCEPTUAL[chosen.weighting](seen, self.vgg(unsigned(made)), chosen.layers),
            "l1": l1(true, made),
        }

    def made(self, strokes: Tensor) -> Tensor:
        nets = self.making().eval()
        known = len(self.manifold[REMAINDER]) > 0
        own = self.manifold if known else self._codes(drawings(strokes, 1).contiguous())
        photo = photos(nets, own, strokes, self.params, self.places)
        nets.train()
        return photo

    def state(self) -> dict[str, Tensor]:
        return super().state() | prefixed("manifold/", self.manifold)

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        super().load_state(tensors)
        self.manifold = {name: code.to(self.fabric.device) for name, code in below(tensors, "manifold/").items()}

    def weights(self) -> dict[str, Tensor]:
        return super().weights() | prefixed("manifold/", self.manifold)


def _needs(sections: Mapping[str, Any]) -> Needs:
    return needs(sections["baselines.deepfacedrawing"], SKETCH, paired=True)


def _build(fabric: Fabric, sections: Mapping[str, Any], _: object) -> DeepFaceDrawing:
    return DeepFaceDrawing(fabric, sections["baselines.deepfacedrawing"], sections[FRAMING])


def _weights(sections: Mapping[str, Any]) -> tuple[str, ...]:
    net = sections["baselines.deepfacedrawing"].perceptual.net
    return (net,) if net != "random" else ()


SECTIONS = {"baselines.deepfacedrawing": DeepFaceDrawingParams}
TRAINER = TrainingStage(SECTIONS, _needs, _build, weights=_weights, framed=True)


def open_system(layout: Layout, device: torch.device) -> Opened:
    """Sketches (N, S, S), 255 = paper -> photos (N, S, S, 3), and no calibrated strokes."""
    tensors, about = load_tensors(layout.trained("deepfacedrawing") / "weights.safetensors")
    params = build(DeepFaceDrawingParams, about["params"]["deepfacedrawing"], "deepfacedrawing weights header")
    framing = about["params"][FRAMING]
    places = boxes(framing["size"], Eyes(**framing["eyes"]), params.net.halvings)
    nets = nn.ModuleDict(make_components(params, places) | make_synthesis(params, places))
    nets.load_state_dict(below(tensors, "nets/"))
    nets.eval().to(device)
    manifold = {name: code.to(device) for name, code in below(tensors, "manifold/").items()}
    return photographed(lambda strokes: photos(nets, manifold, strokes, params, places), device)
