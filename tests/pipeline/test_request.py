"""What may be asked of a film, and what contradicts itself."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from ifrplus_cli.errors import UsageError
from ifrplus_cli.pipeline.request import UpsampleRequest

FILE = Path("file")


@pytest.mark.parametrize(
    ("fields", "option", "why"),
    [
        ({"factor": Fraction(1)}, "--factor", "must be above 1"),
        ({"factor": Fraction(65)}, "--factor", "from 1 to 64"),
        ({"fps": Fraction(0)}, "--fps", "from 1 to 1000"),
        ({"fps": Fraction(60), "factor": Fraction(2)}, "--fps", "can't be combined"),
        ({"fps": Fraction(60), "slow_motion": True}, "--fps", "--slow-motion keeps the rate"),
        ({"cuts": False, "cuts_in": FILE}, "--cuts-in", "can't be combined"),
        ({"cuts": False, "cut_threshold": 0.5}, "--cut-threshold", "--no-cuts detects none"),
        ({"cuts_in": FILE, "cut_threshold": 0.5}, "--cut-threshold", "--cuts-in detects none"),
        ({"audio": "drop"}, "--audio", "it is for --slow-motion"),
        ({"dry_run": True, "report": FILE}, "--report", "--dry-run writes no file"),
        ({"dry_run": True, "cuts_out": FILE}, "--cuts-out", "--dry-run writes no file"),
        ({"cut_threshold": 1.5}, "--cut-threshold", "from 0 to 1"),
        ({"crf": 64}, "--crf", "from 0 to 63"),
        ({"purpose": "fun"}, "--for", "not one of web, archive, edit, social"),
        ({"model": "nope"}, "--model", "not one of auto, lite"),
        ({"preview": 0.1}, "--preview", "from 0.5 to 60"),
        ({"preview": 5.0, "report": FILE}, "--preview", "can't be combined"),
        ({"preview": 5.0, "resume": True}, "--preview", "can't be combined"),
        ({"preview": 5.0, "dry_run": True}, "--preview", "can't be combined"),
        ({"cluster": "localhost"}, "--cluster", "localhost is not local, local:N or an address"),
        ({"cluster": "local:0"}, "--cluster", "is not local, local:N"),
        ({"ship": True}, "--ship", "it is for --cluster"),
    ],
)
def test_what_contradicts_itself_is_refused(fields: dict[str, Any], option: str, why: str) -> None:
    with pytest.raises(UsageError) as refused:
        UpsampleRequest(**fields)
    assert refused.value.option == option
    assert why in refused.value.why
    assert refused.value.message == f"Invalid value for {option}: {refused.value.why}"


def test_the_limits_themselves_are_possible() -> None:
    request = UpsampleRequest(factor=Fraction(64), crf=0, cut_threshold=1, tile_overlap=0)
    assert all(UpsampleRequest(cluster=text) for text in ("local", "local:8", "tcp://desk:8786", "tls://10.0.0.1:1"))
    assert (request.crf, UpsampleRequest(crf=63, preview=0.5).preview) == (0, 0.5)
