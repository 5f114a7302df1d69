"""Present the results of a check: as a report, as plain data, and in a few lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ifrplus_cli.files import check_place
from ifrplus_cli.measure.check import CheckedClip, CheckRequest, CheckResult, SeenMoment, check_file
from ifrplus_cli.measure.vmaf import MODEL as VMAF_MODEL
from ifrplus_cli.reports.advice import verdict
from ifrplus_cli.reports.facts import describe_clip, describe_model, versions
from ifrplus_cli.reports.format import clock, readable
from ifrplus_cli.reports.html import Chart, Line, PictureRow, Report, write_report

SSIM_KIND = "Wang et al. 2004, mean of R, G and B"
HAARPSI_KIND = "Reisenhofer et al. 2018, colour"


def check_and_report(
    source: Path, request: CheckRequest, progress: Callable[[int, int], None], note: Callable[[str], None]
) -> CheckedClip:
    """Check a clip, and write the report that the request asks for.

    Args:
        progress, note: as for ``check_file``.

    Raises:
        IfrplusError: if the clip can't be checked, or the report can't be written.
    """
    if request.report is not None:
        check_place(request.report, "--report", (source, request.weights))
    checked = check_file(source, request, progress, note)
    if request.report is not None:
        facts = {
            "Clip": readable(describe_clip(checked.result.clip)),
            "Network": readable(describe_model(checked.model)),
            "Versions": versions(checked.model.plan),
        }
        write_report(build_report(checked.result, facts), request.report)
    return checked


def build_report(result: CheckResult, facts: Mapping[str, Mapping[str, str]]) -> Report:
    """Build the report on a check.

    Args:
        result: the result of the check.
        facts: about the clip, the network and the versions; shown below everything else.
    """
    return Report(
        title=f"Check of {result.clip.path.name}",
        subtitle=_subtitle(result),
        headline=headline(result),
        sentences=verdict(result),
        charts=_charts(result),
        rows=[_row(sight) for sight in result.worst],
        facts={"Measures": measures(result), **facts},
    )


def headline(result: CheckResult) -> dict[str, str]:
    """Return the most important figures."""
    vmaf = {} if result.no_vmaf else {"VMAF of made frames": f"{result.mean('vmaf'):.1f}"}
    return {
        "PSNR of made frames": f"{result.mean('psnr'):.2f} dB",
        "PSNR of a blend": f"{result.mean('blend_psnr'):.2f} dB",
        "SSIM of made frames": f"{result.mean('ssim'):.4f}",
        "HaarPSI of made frames": f"{result.mean('haarpsi'):.4f}",
        "detail, made / true": f"{result.mean('detail'):.2f}",
        **vmaf,
        "frames compared": str(len(result.moments)),
    }


def measures(result: CheckResult) -> dict[str, str]:
    """Return definitions of the figures."""
    vmaf = f"not measured: {result.no_vmaf}" if result.no_vmaf else f"{VMAF_MODEL}, among the kept frames"
    return {
        "PSNR": "R, G and B together, of made frames in 8 bits, at most 100 dB",
        "SSIM": SSIM_KIND,
        "HaarPSI": HAARPSI_KIND,
        "detail": "variance of the Laplacian of luma, made / true, and made / mean of both neighbours: 1 is as sharp",
        "VMAF": vmaf,
    }


def describe_check(checked: CheckedClip) -> dict[str, object]:
    """Return all figures, and what they were measured on, as plain data."""
    result = checked.result
    return {
        "versions": versions(checked.model.plan),
        "source": describe_clip(result.clip),
        "network": describe_model(checked.model),
        "psnr": round(result.mean("psnr"), 4),
        "ssim": round(result.mean("ssim"), 6),
        "haarpsi": round(result.mean("haarpsi"), 6),
        "detail": round(result.mean("detail"), 4),
        "chroma_detail": round(result.mean("chroma_detail"), 4),
        "neighbour_detail": round(result.mean("neighbour_detail"), 4),
        "vmaf": None if result.no_vmaf else round(result.mean("vmaf"), 4),
        "measures": measures(result),
        "blend_psnr": round(result.mean("blend_psnr"), 4),
        "compared_frames": len(result.moments),
        "compared_seconds": round(result.compared_seconds, 3),
        "cuts": len(result.cuts),
        "cut_seconds": [round(seconds, 6) for seconds in result.cuts],
        "repeats": len(result.repeats),
        "flicker": round(result.flicker, 3),
        "verdict": list(verdict(result)),
        "moments": [
            {
                "frame": moment.index,
                "seconds": round(moment.seconds, 6),
                "psnr": round(moment.psnr, 4),
                "ssim": round(moment.ssim, 6),
                "haarpsi": round(moment.haarpsi, 6),
                "detail": round(moment.detail, 4),
                "chroma_detail": round(moment.chroma_detail, 4),
                "neighbour_detail": round(moment.neighbour_detail, 4),
                "vmaf": None if moment.vmaf is None else round(moment.vmaf, 4),
                "blend_psnr": round(moment.blend_psnr, 4),
                "motion": round(moment.motion, 2),
                "doubt": None if moment.doubt is None else round(moment.doubt, 5),
            }
            for moment in result.moments
        ],
        "worst_frames": [sight.moment.index for sight in result.worst],
    }


def _subtitle(result: CheckResult) -> str:
    share = f"{result.compared_seconds:.1f} of {float(result.clip.duration):.1f} seconds"
    return f"Every second frame of {share} was dropped, made again from its neighbours, and compared with the true one."


def _charts(result: CheckResult) -> list[Chart]:
    moments = result.moments
    seconds = [round(moment.seconds, 4) for moment in moments]
    psnr = Line("made", [round(moment.psnr, 3) for moment in moments])
    blend = Line("blend", [round(moment.blend_psnr, 3) for moment in moments])
    beside = Line("made, beside both neighbours", [round(moment.neighbour_detail, 4) for moment in moments])
    against_true = Line("made, beside the true frame", [round(moment.detail, 4) for moment in moments])
    vmaf = [moment.vmaf for moment in moments if moment.vmaf is not None]
    doubts = [(moment.seconds, moment.doubt) for moment in moments if moment.doubt is not None]
    return [
        Chart("PSNR", "dB", seconds, [psnr, blend]),
        Chart("SSIM", "", seconds, [Line("made", [round(moment.ssim, 5) for moment in moments])]),
        Chart("HaarPSI", "", seconds, [Line("made", [round(moment.haarpsi, 5) for moment in moments])]),
        Chart("Detail", "of theirs", seconds, [beside, against_true]),
        *([] if result.no_vmaf else [Chart("VMAF", "", seconds, [Line("made", [round(score, 2) for score in vmaf])])]),
        Chart("Motion", "pixels", seconds, [Line("between kept frames", [round(m.motion, 2) for m in moments])]),
        *([_doubt_chart(doubts)] if doubts else []),
    ]


def _doubt_chart(doubts: Sequence[tuple[float, float]]) -> Chart:
    seconds, shares = zip(*doubts, strict=True)
    line = Line("made frames", [round(100 * share, 3) for share in shares])
    return Chart("Doubt", "% of the picture", [round(moment, 4) for moment in seconds], [line])


def _row(sight: SeenMoment) -> PictureRow:
    moment = sight.moment
    vmaf = "" if moment.vmaf is None else f"VMAF {moment.vmaf:.0f}, "
    title = (
        f"{clock(moment.seconds)} (frame {moment.index}): {moment.psnr:.2f} dB, blend {moment.blend_psnr:.2f} dB, "
        f"{vmaf}detail {moment.detail:.2f}, motion up to {moment.motion:.0f} pixels"
    )
    pictures = {"true": sight.true, "made": sight.made, "difference, four times": sight.difference}
    doubt = {} if sight.doubt is None else {"doubt, in red": sight.doubt}
    return PictureRow(title, {**pictures, "motion: hue is its direction": sight.flow, **doubt})
