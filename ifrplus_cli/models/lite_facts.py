"""Numbers of the lite network that all of its forms share: in MindSpore, in ONNX graphs, in OpenCV and in PyTorch."""

from __future__ import annotations

PICTURE, FEATURES, HIDDEN, CHOICE = 3, 4, 8, 16  # channels of frames, of what is warped with them, and of the stages
SEEN = 2 * (PICTURE + FEATURES) + 1  # what the first stage sees: both frames, and the timestep
REFINED = SEEN + 1 + HIDDEN + 4  # what the others see: also mask, hidden features and flow
SLOPE = 0.2  # of the leaky ReLU
LAYERS = 8  # residual layers of a stage
DIFFERENCE_SCALE = 4  # factor on differences of frames, as the layers see them
SHARPNESS = 200  # how fast a difference between the unwarped frames rules out that a pixel stays
SPREAD = 7  # points over which what stays is spread
AGAINST, FLATNESS, CROSSING, LONELINESS = 60, 50, 20, 20  # weights of objections to what stays
STEPS = 32  # positions between two pixels at which frames are sampled, as OpenCV does
BAND = 5  # side in pixels of the box that parts fine detail from the rest
STEEPER = 4  # how much steeper the fine share is half-way between both frames
