"""Everything computed between two frames, in numpy: colour, pairs, timeline, flow and metrics."""
