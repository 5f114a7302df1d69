"""Arrange frames of clips like the test set of Vimeo-90K's triplets, for ``ifrplus eval``."""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

SIZE = (448, 256)


def lay_out(clips: list[Path], folder: Path, count: int) -> list[str]:
    """Write the first ``count`` triplets of each clip, without overlap; return their names as in the list."""
    names = []
    for number, clip in enumerate(clips, 1):
        frames = folder / "frames"
        frames.mkdir(parents=True)
        scaled = f"scale={SIZE[0]}:{SIZE[1]}:flags=area"
        command = [
            "ffmpeg",
            "-v",
            "error",
            "-nostdin",
            "-i",
            str(clip),
            "-an",
            "-vf",
            scaled,
            "-frames:v",
            str(3 * count),
        ]
        subprocess.run([*command, "-fps_mode", "passthrough", str(frames / "%d.png")], check=True)
        for part in range(len(list(frames.iterdir())) // 3):
            name = f"{number:05}/{part + 1:04}"
            target = folder / "sequences" / name
            target.mkdir(parents=True)
            for place in (1, 2, 3):
                (frames / f"{3 * part + place}.png").replace(target / f"im{place}.png")
            names.append(name)
        for left_over in frames.iterdir():
            left_over.unlink()
        frames.rmdir()
    return names


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path, help="folder of .mp4 files")
    parser.add_argument("folder", type=Path, help="folder of the data set; must not exist yet")
    parser.add_argument("--triplets", type=int, default=5, help="triplets per clip")
    options = parser.parse_args()
    options.folder.mkdir(parents=True)
    names = lay_out(sorted(options.clips.glob("*.mp4")), options.folder, options.triplets)
    (options.folder / "tri_testlist.txt").write_text("".join(f"{name}\n" for name in names))


if __name__ == "__main__":
    main()
