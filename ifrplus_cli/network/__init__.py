"""Run networks: engines, devices, tiles, and frames made between two frames."""
