"""Cut and slow down the streams beside the picture to match it: ffmpeg filters, subtitles and chapters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ifrplus_cli.values import Chapter, StreamInfo
from ifrplus_cli.video.other_streams.sound_stretch import TAIL, StretchFilter

if TYPE_CHECKING:
    from pysubs2 import SSAEvent, SSAFile

# Sound that can be decoded and encoded again without loss: it is cut between samples.
LOSSLESS_SOUND = {"flac", "alac", "tta", "wavpack"}
LEAD = Fraction(1, 5)  # seconds that decoders may need before what is heard: Opus 80 ms, others a few packets
LONGEST_PACKET = Fraction(1, 8)  # seconds of sound; mp4 states a longer one before a gap
HOLE = Fraction(1, 500)  # seconds: longest gap between two packets that can be rounding


@dataclass(frozen=True)
class Retiming:
    """Maps moments of the source to moments of the output.

    Attributes:
        origin: moment of the source that becomes zero, in seconds.
        cuts_start: whether everything before it is left out.
        end: moment of the source after which everything is left out; None to keep everything.
        stretch: factor by which everything lasts longer.
    """

    origin: Fraction
    cuts_start: bool = False
    end: Fraction | None = None
    stretch: Fraction = Fraction(1)

    @property
    def changes(self) -> bool:
        """Whether it does more than shift times."""
        return self.cuts_start or self.end is not None or self.stretch != 1

    @property
    def length(self) -> Fraction | None:
        """Seconds of the source from the origin to the end."""
        return None if self.end is None else self.end - self.origin


def is_lossless(codec: str) -> bool:
    """Return whether sound of this codec can be encoded again without loss, by an encoder of the same name."""
    return codec.startswith("pcm_") or codec in LOSSLESS_SOUND


def sound_filter(stream: StreamInfo, timing: Retiming, stretch: StretchFilter | None = None) -> str | None:
    """Return the filter for sound that is encoded again; its times are counted from the origin.

    Args:
        stream: the sound.
        timing: how it is cut and stretched.
        stretch: the filter that stretches it; None if it is only cut.
    """
    cut = _span("atrim", timing)
    if stretch is None:
        return cut
    known = None if stream.start is None or stream.duration is None else stream.start + stream.duration - timing.origin
    lengths = [length for length in (timing.length, known) if length is not None]
    # Silence in place of what is missing at the start and inside keeps everything that follows at its time.
    steps = [cut, "aresample=async=1:first_pts=0", f"adelay={1000 * stretch.early:.3f}:all=1", f"apad=pad_dur={TAIL}"]
    steps.append(stretch.filter)
    if lengths:
        steps.append(f"atrim=end={_seconds(min(lengths) * timing.stretch)}")
    return ",".join(step for step in steps if step)


def kept_packets(spans: Sequence[tuple[Fraction, Fraction]], length: Fraction, *, leads: bool) -> range:
    """Return which packets of a copied stream belong to a section.

    Args:
        spans: begin and end of each packet, in seconds from the section's start.
        length: of the section.
        leads: whether sound may begin within a packet: then that packet belongs to it, and those before it that its
            decoder needs.
    """
    behind = sum(start < length for start, _ in spans)
    if not leads:
        return range(behind)
    ends = [min(end, start + LONGEST_PACKET) for start, end in spans]
    first = next((n for n, end in enumerate(ends) if end > 0), behind)
    while 0 < first < behind and spans[first][0] > -LEAD and spans[first][0] - ends[first - 1] < HOLE:
        first -= 1
    return range(first, behind)


def retimed_text(text: str, timing: Retiming) -> str:
    """Return SubRip or ASS subtitles at their times in the output, without those outside the section.

    ``text`` is as ffmpeg writes it. Words, tags and effects stay; in ASS also styles, comments, sections and line ends.
    """
    return _retimed_ass(text, timing) if "[Events]" in text else _retimed_srt(text, timing)


def _retimed_ass(text: str, timing: Retiming) -> str:
    lines = (_retimed_event(line, timing) if line.startswith("Dialogue:") else line for line in text.split("\n"))
    return "\n".join(line for line in lines if line is not None)


def _retimed_event(line: str, timing: Retiming) -> str | None:
    # pysubs2 reads the times only: it would drop comments and unknown sections from a file that it writes.
    layer, start, end, rest = line.split(",", 3)
    (event,) = _events(f"Dialogue: 0,{start},{end}", format_="ass")
    span = _retimed_span(event, timing)
    return span and f"{layer},{_clock(span[0], 2, '.')},{_clock(span[1], 2, '.')},{rest}"


def _retimed_srt(text: str, timing: Retiming) -> str:
    # pysubs2 drops a number in the last line of the last cue as that of a next cue: this 0 is dropped instead.
    cues = _events(text.replace("\r\n", "\n") + "\n\n0\n", format_="srt", keep_html_tags=True)
    kept = [(span, cue.text.replace("\\N", "\n")) for cue in cues if (span := _retimed_span(cue, timing))]
    blocks = (
        f"{number}\n{_clock(start, 3, ',')} --> {_clock(end, 3, ',')}\n{words}"
        for number, ((start, end), words) in enumerate(kept, 1)
    )
    return "\n\n".join(blocks) + "\n"


def _events(text: str, **how: Any) -> SSAFile:
    from pysubs2 import SSAFile  # only here, for few films need it

    return SSAFile.from_string(text, **how)


def _retimed_span(event: SSAEvent, timing: Retiming) -> tuple[Fraction, Fraction] | None:
    """Return when an event begins and ends, in seconds of the output; None if it is outside the section."""
    begin, finish = (Fraction(moment, 1000) - timing.origin for moment in (event.start, event.end))
    if timing.cuts_start:
        begin, finish = max(begin, Fraction(0)), max(finish, Fraction(0))
    if timing.length is not None:
        begin, finish = min(begin, timing.length), min(finish, timing.length)
    return (begin * timing.stretch, finish * timing.stretch) if begin < finish else None


def _clock(moment: Fraction, places: int, mark: str) -> str:
    """Return a time as hours, minutes and seconds."""
    units = 10 ** (3 - places)  # milliseconds in the last place
    whole, rest = divmod(max(0, round(moment * 1000 / units)) * units, 1000)
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{rest // units:0{places}}"


def chapter_list(chapters: tuple[Chapter, ...], timing: Retiming) -> str:
    """Return chapters as ffmpeg's metadata file, at their times in the output."""
    lines = [";FFMETADATA1"]
    for chapter in chapters:
        start, end = (
            round((moment - timing.origin) * timing.stretch * 1000) for moment in (chapter.start, chapter.end)
        )
        lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={max(start, 0)}", f"END={end}"]
        lines += [f"{_escaped(name)}={_escaped(text)}" for name, text in chapter.tags]
    return "\n".join([*lines, ""])


def _span(name: str, timing: Retiming) -> str | None:
    parts = []
    if timing.cuts_start:
        parts.append("start=0")
    if timing.length is not None:
        parts.append(f"end={_seconds(timing.length)}")
    return f"{name}={':'.join(parts)}" if parts else None


def _seconds(moment: Fraction) -> str:
    return f"{float(moment):.6f}"


def _escaped(text: str) -> str:
    return "".join(f"\\{letter}" if letter in "=;#\\\n" else letter for letter in text)
