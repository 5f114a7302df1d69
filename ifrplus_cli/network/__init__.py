"""Networks at work: engines, devices, tiles, and frames made between two frames."""
