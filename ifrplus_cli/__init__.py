"""Raise the frame rate of real video files with the IFR+ neural network."""

__version__ = "0.1.0"
