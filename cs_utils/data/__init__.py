"""From files to batches: the Cityscapes layout, transforms, loaders, cache, statistics, and where data comes from."""
