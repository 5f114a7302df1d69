"""What is said of made frames that are softer than their neighbours, or sharper."""

from __future__ import annotations

from ifrplus_cli.reports.softness import softness


def said(*shares: float) -> str:
    return " ".join(softness([(number / 2, share) for number, share in enumerate(shares)]))


def test_frames_that_are_as_sharp_are_said_to_be() -> None:
    text = said(0.98, 0.9, 1.0, 0.96)
    assert text.startswith("Made frames are about as sharp as their neighbours: 0.96 of their detail on average")
    assert text.endswith("least at 0:00:00.50 (0.90).")


def test_soft_films_shimmer() -> None:
    assert "will look soft beside their neighbours: 0.43 of their detail" in said(0.4, 0.5, 0.4)
    assert "which the eye sees as shimmer" in said(0.4, 0.5, 0.4)
    assert "are softer than their neighbours, which may be seen as shimmer" in said(0.7, 0.7, 0.8)


def test_invented_detail_shimmers_too() -> None:
    assert "details that their neighbours lack" in said(1.4, 1.3)


def test_moments_of_softness_in_a_sharp_film_are_named() -> None:
    text = said(0.95, 0.97, 0.95, 0.5, 0.95, 0.97)
    assert "about as sharp" in text
    assert text.endswith("Made frames will look soft at 0:00:01.50.")


def test_without_made_frames_nothing_is_said() -> None:
    assert said() == ""
