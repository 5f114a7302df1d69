"""What happens between two frames, in numpy: colour, pairs, timeline, flow, metrics."""
