"""The simple knobs of a network: one number for all filters, one for all kernels."""

import dataclasses
from collections.abc import Sequence

from core.architectures import Conv
from core.blocks import Block, ConvBlock
from core.bounds import bounds


def first_conv(blocks: Sequence[Block]) -> ConvBlock | None:
    """The first convolution, whose numbers the knobs show; None for a network without any."""
    return next((block for block in blocks if isinstance(block, ConvBlock)), None)


def with_filters(blocks: Sequence[Block], filters: int) -> tuple[Block, ...]:
    """The first convolution with that many filters, all others in proportion, within the bounds."""
    first = first_conv(blocks)
    if first is None:
        return tuple(blocks)
    low, high = bounds(Conv, "filters")
    factor = filters / first.filters

    def scaled(conv: ConvBlock) -> ConvBlock:
        wanted = min(max(round(conv.filters * factor), low), high)
        return dataclasses.replace(conv, filters=int(wanted))

    return tuple(scaled(block) if isinstance(block, ConvBlock) else block for block in blocks)


def with_kernel_size(blocks: Sequence[Block], size: int) -> tuple[Block, ...]:
    """All kernels size × size; unchanged if the first one is that already.

    So a network whose kernels differ keeps them while the knob stays where it was.
    """
    first = first_conv(blocks)
    if first is None or first.kernel_size == size:
        return tuple(blocks)
    return tuple(
        dataclasses.replace(block, kernel_size=size) if isinstance(block, ConvBlock) else block
        for block in blocks
    )
