"""All that is to be measured on a GPU, by one command: ``python -m benchmarks.gpu [PART …]``, or ``make gpu``.

Each row is written as soon as it is measured, so that being cut off costs one row. Each part gets a share of the
minutes, and what it does not use goes to the parts after it. On a CPU ``--small`` tries all of it at a small size.

What it needs is listed in `needs`: the packages of ``pyproject.toml`` and torchmetrics. It runs from PyTorch 2.11 on,
without a network: MiniCity is made, and CamVid is used where it lies in ``data/camvid``.
"""
