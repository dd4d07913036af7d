"""What the three methods that explain an answer are called, and what they do, for visitors."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from core.attribution import Method

TITLES: Final[dict["Method", str]] = {
    "grad-cam": "Grad-CAM",
    "integrated-gradients": "Integrated gradients",
    "occlusion": "Occlusion",
}
ABOUT: Final[dict["Method", str]] = {
    "grad-cam": "The feature maps of a convolution, each weighted by how much the score rises with "
    "it, added up; what speaks against the score is cut off (ReLU), so there is no red. Coarse: it "
    "is as fine as those maps. Selvaraju et al., 2017.",
    "integrated-gradients": "The digit is faded in from a blank picture, and each pixel gets its "
    "share of all that the score changes on the way. Sundararajan, Taly and Yan, 2017.",
    "occlusion": "A square of blank paper is laid on every place of the digit; a pixel gets what "
    "the score loses, on average, when it is covered. Zeiler and Fergus, 2014.",
}
EMPTY_MAP: Final = (
    "The map is empty: averaged over their places, these feature maps do not speak for it. "
    "Choose another method."
)
