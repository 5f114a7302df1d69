"""Films of kinds that went wrong in the wild: makes each, runs the program on it, judges what comes out.

    PYTHONPATH=. python tools/bug_cases.py [--only clock,opus] [--scte35 scte35.ts] [--keep FOLDER] [--list]

Needs ffmpeg, and mkvmerge and mkvinfo of mkvtoolnix. A case is right only when the least that must come out is there:
frames, times, what can be heard, streams, tags, dispositions, notes, exit code, sentence. Prints a table of
id | verdict | what was seen; the exit code is 1 if any case is wrong. `data-first` needs a transport stream with
SCTE-35 messages, whose path is given, and is skipped without it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from bug_desk import Desk
from bug_rows import ROWS, Row
from bug_rows_metadata import METADATA_ROWS

ALL: dict[str, Row] = {**ROWS, **METADATA_ROWS}
RIGHT, WRONG, SKIPPED = "right", "WRONG", "skipped"
NEEDS_SCTE35 = "data-first"


def try_row(name: str, desk: Desk) -> tuple[str, str]:
    """Verdict on a case, and what was seen: all of it where it is right, else what is wrong."""
    if name == NEEDS_SCTE35 and desk.scte35 is None:
        return SKIPPED, "give --scte35 a transport stream with SCTE-35 messages"
    try:
        seen = list(ALL[name](desk))
    except Exception as error:
        return WRONG, f"the case itself failed: {type(error).__name__}: {error}"
    wrong = [said for right, said in seen if not right]
    return (WRONG, "; ".join(wrong)) if wrong or not seen else (RIGHT, "; ".join(said for _, said in seen))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="ID,ID", help="these cases alone")
    parser.add_argument("--scte35", type=Path, help="a transport stream whose data stream begins before the picture")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep inputs and outputs here")
    parser.add_argument("--list", action="store_true", help="print the ids, and stop")
    given = parser.parse_args()
    wanted = given.only.split(",") if given.only else list(ALL)
    if unknown := sorted(set(wanted) - set(ALL)):
        parser.error(f"no case is called {', '.join(unknown)}: {', '.join(ALL)}")
    if given.list:
        print("\n".join(ALL))
        return 0
    if given.keep and given.keep.is_dir() and any(given.keep.iterdir()):
        parser.error(f"{given.keep} is not empty")
    scte35 = given.scte35.resolve() if given.scte35 and given.scte35.is_file() else None
    verdicts = []
    with tempfile.TemporaryDirectory(prefix="bug-cases-") as made:
        folder = (given.keep or Path(made)).resolve()
        print("| id | verdict | what was seen |\n|---|---|---|", flush=True)
        for name in wanted:
            (folder / name).mkdir(parents=True)
            started = time.monotonic()
            verdict, seen = try_row(name, Desk(folder / name, folder / "bikes-50fps.mp4", scte35))
            verdicts.append(verdict)
            told = " ".join(seen.replace("|", "/").split())
            print(f"| {name} | {verdict} | {told} ({time.monotonic() - started:.0f} s) |", flush=True)
    print(", ".join(f"{verdicts.count(kind)} {kind}" for kind in (RIGHT, WRONG, SKIPPED)))
    return int(WRONG in verdicts)


if __name__ == "__main__":
    sys.exit(main())
