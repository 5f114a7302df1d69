from __future__ import annotations

import numpy as np

from ifrplus_cli.network.recent import Recent


def test_what_was_found_in_the_same_images_is_not_sought_again() -> None:
    left, right, sought = np.zeros((2, 2, 3), np.float32), np.zeros((2, 2, 3), np.float32), []
    recent: Recent[str] = Recent(2)

    def find(name: str) -> str:
        sought.append(name)
        return name

    assert recent.of(left, right, find=lambda: find("forward")) == "forward"
    assert recent.of(left, right, find=lambda: find("again")) == "forward"
    assert recent.of(right, left, find=lambda: find("backward")) == "backward"
    assert recent.of(left, right.copy(), find=lambda: find("equal, not the same")) == "equal, not the same"
    assert recent.of(left, right, find=lambda: find("forgotten")) == "forgotten"
    assert sought == ["forward", "backward", "equal, not the same", "forgotten"]
