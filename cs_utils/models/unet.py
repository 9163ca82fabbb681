"""The U-Net: an encoder that sees more and more of the scene, a decoder that finds its way back to the pixels.

Source: Ronneberger, Fischer and Brox, MICCAI 2015 (arXiv 1505.04597), with three changes that became usual: padded
convolutions (the output is as large as the input), batch norm, and a choice of activation. And without its dropout at
the end of the contracting path (section 3.1).
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ACTIVATIONS: dict[str, type[nn.Module]] = {"silu": nn.SiLU, "relu": nn.ReLU}
LEVELS = 4
"""How often the encoder halves the image."""


class DoubleConv(nn.Sequential):
    """Twice: 3x3 convolution, batch norm, activation. (N, in, H, W) -> (N, out, H, W)."""

    def __init__(self, in_channels: int, out_channels: int, activation: str) -> None:
        layers: list[nn.Module] = []
        for channels in (in_channels, out_channels):
            layers += [
                # No bias: batch norm takes the mean away again.
                nn.Conv2d(channels, out_channels, kernel_size=3, padding=1, bias=False),
                nn.BatchNorm2d(out_channels),
                ACTIVATIONS[activation](),
            ]
        super().__init__(*layers)


class Up(nn.Module):
    """Double the size, put the encoder's features beside it (the skip), mix both."""

    def __init__(self, in_channels: int, out_channels: int, activation: str) -> None:
        super().__init__()
        self.upsample = nn.ConvTranspose2d(in_channels, out_channels, kernel_size=2, stride=2)
        self.mix = DoubleConv(2 * out_channels, out_channels, activation)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Join x (N, in, H, W) and skip (N, out, 2H, 2W) to (N, out, 2H, 2W)."""
        x = self.upsample(x)  # (N, out, 2H, 2W)
        return self.mix(torch.cat([skip, x], dim=1))


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column until height and width are multiples: (N, C, H, W) -> (N, C, H', W')."""
    height, width = x.shape[-2:]
    bottom, right = -height % multiple, -width % multiple
    return F.pad(x, (0, right, 0, bottom), mode="replicate")


class UNet(nn.Module):
    """The classic U-Net; base width 64 has 31.04 million parameters.

    Args:
        num_classes: channels of the logits.
        width: channels of the first block; they double at each of four levels.
        activation: ``"silu"`` or ``"relu"``.
    """

    def __init__(self, num_classes: int, width: int = 64, activation: str = "silu") -> None:
        super().__init__()
        widths = [width * 2**level for level in range(LEVELS + 1)]  # 64, 128, 256, 512, 1024
        self.stem = DoubleConv(3, widths[0], activation)
        steps = list(pairwise(widths))
        self.encoder = nn.ModuleList(DoubleConv(low, high, activation) for low, high in steps)
        self.decoder = nn.ModuleList(Up(high, low, activation) for low, high in reversed(steps))
        self.head = nn.Conv2d(widths[0], num_classes, kernel_size=1)

    def forward(self, image: Tensor) -> Tensor:
        """Give logits (N, num_classes, H, W) of images (N, 3, H, W); any height and width will do."""
        height, width = image.shape[-2:]
        x = self.stem(pad_to_multiple(image, 2**LEVELS))  # (N, 64, H, W)
        skips = []
        for block in self.encoder:
            skips.append(x)
            x = block(F.max_pool2d(x, 2))  # (N, 128, H/2, W/2), ..., (N, 1024, H/16, W/16)
        for block in self.decoder:
            x = block(x, skips.pop())  # (N, 512, H/8, W/8), ..., (N, 64, H, W)
        return self.head(x)[..., :height, :width]  # (N, num_classes, H, W)
