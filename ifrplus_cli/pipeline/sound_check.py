"""Compare the sound of a finished film with its source: where it begins, how long it lasts, how much is heard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice, pairwise
from statistics import median

from ifrplus_cli.values import ClipInfo, StreamInfo
from ifrplus_cli.video.formats.containers import MILLISECOND
from ifrplus_cli.video.other_streams.retime import LONGEST_PACKET
from ifrplus_cli.video.other_streams.stream_mapping import Carried
from ifrplus_cli.video.packets import packet_span, packet_spans
from ifrplus_cli.video.writing.encode_plan import EncodePlan

# An audio encoder adds its delay and fills its last block: two blocks of 2048 samples at 44.1 kHz, or AAC's of 1024.
CONVERTED_SOUND_SLACK = Fraction(1, 10)
CONVERTED_SAMPLES = 2048  # that count where a second has few
COPIED_START_SLACK = 3 * MILLISECOND
COPIED_SOUND_SLACK = Fraction(1, 20)
NOTHING = (Fraction(0), Fraction(0))
SAMPLE = 1000  # packets that tell how long those of a stream usually last
HOLE = 1.5  # packets: a larger distance between two packets is a hole


def sound_faults(
    wanted: Carried, found: StreamInfo, result: ClipInfo, plan: EncodePlan, start: Fraction
) -> Iterator[str]:
    """Yield the differences from the promised sound, as parts of a sentence.

    Args:
        start: time of the first output frame in seconds, minus the origin.
    """
    section = plan.clip.section
    end_slack = LONGEST_PACKET if section is not None else Fraction(0)
    hides_lead = plan.begins_within_packet(wanted)
    slack = Fraction(0) if hides_lead else end_slack
    yield from _start_faults(wanted, found, result, plan, start, slack)
    length_slack = slack + end_slack + (COPIED_SOUND_SLACK if wanted.codec == "copy" else _converted_slack(wanted))
    length_slack += max(Fraction(0), _usual_length(plan.clip, wanted.stream) - LONGEST_PACKET)
    if plan.until is None:
        yield from _length_faults(wanted, found, result, plan, length_slack)
        if not _is_stretched(wanted, plan):
            yield from _heard_faults(wanted, found, result, plan, length_slack)


def _converted_slack(wanted: Carried) -> Fraction:
    return max(CONVERTED_SOUND_SLACK, Fraction(CONVERTED_SAMPLES, wanted.stream.sample_rate))


def _start_faults(
    wanted: Carried, found: StreamInfo, result: ClipInfo, plan: EncodePlan, start: Fraction, slack: Fraction
) -> Iterator[str]:
    if wanted.stream.start is None or found.start is None:
        return
    slack = max(slack, COPIED_START_SLACK if wanted.codec == "copy" else _converted_slack(wanted))
    hides_lead = plan.begins_within_packet(wanted)
    offset, now = _sound_start(wanted, wanted.stream.start, plan, start), found.start - result.start
    if abs(now - offset) > slack:
        # Containers differ in whether the header hides an encoder's delay; packets are reliable.
        heard = result.start if hides_lead else None
        wanted_span = used_span(plan, wanted.stream) or NOTHING
        found_span = packet_span(result, found.index, begin=heard) or NOTHING
        offset, now = _sound_start(wanted, wanted_span[0], plan, start), found_span[0] - result.start
    if abs(now - offset) > slack:
        yield f"its sound starts {float(now):.3f} s from the picture instead of {float(offset):.3f} s"


def _length_faults(
    wanted: Carried, found: StreamInfo, result: ClipInfo, plan: EncodePlan, slack: Fraction
) -> Iterator[str]:
    stated, after = wanted.stream.duration, found.duration
    if (stated is None or after is None) and not _is_stretched(wanted, plan):
        return  # what can be heard is compared
    before = None if stated is None else _sound_length(wanted, plan, stated)
    if before is None or after is None or abs(before - after) > slack:
        begin, end = used_span(plan, wanted.stream) or NOTHING
        announced, before = before, _sound_length(wanted, plan, end - begin)
        if announced is not None:  # the source's packets also have what its decoder leaves out
            slack += max(Fraction(0), before - announced)
        heard = result.start if plan.begins_within_packet(wanted) else None
        begin, end = packet_span(result, found.index, begin=heard) or NOTHING
        after = end - begin
    if abs(before - after) > slack:
        yield f"its sound lasts {float(after):.3f} s instead of {float(before):.3f} s"


def _heard_faults(
    wanted: Carried, found: StreamInfo, result: ClipInfo, plan: EncodePlan, slack: Fraction
) -> Iterator[str]:
    """Yield a fault if packets overlap, or have holes between them, where those of the source don't."""
    heard = result.start if plan.begins_within_packet(wanted) else None
    before, again_before = heard_seconds(_used_packets(plan, wanted.stream))
    after, again = heard_seconds(packet_spans(result, found.index, begin=heard))
    if abs(after - before) > slack:
        yield f"{after:.3f} s of its sound can be heard instead of {before:.3f} s"
    elif again - again_before > slack:
        yield f"{again:.3f} s of its sound overlap with earlier sound"


def heard_seconds(packets: Iterable[tuple[Fraction, Fraction]]) -> tuple[float, float]:
    """Return how many seconds of sound follow earlier sound, and how many overlap with it.

    Durations are ignored, except the last packet's: containers state them loosely.

    Args:
        packets: start and end of each packet in seconds, in the order of the file.
    """
    spans = [(float(start), float(end)) for start, end in packets]
    if not spans:
        return 0.0, 0.0
    steps = [after - before for (before, _), (after, _) in pairwise(spans)]
    usual = median(steps) if steps else 0.0
    most = max(float(LONGEST_PACKET), HOLE * usual)
    last = min(spans[-1][1] - spans[-1][0], most)
    return sum(min(max(step, 0.0), most) for step in steps) + last, sum(max(-step, 0.0) for step in steps)


def used_span(plan: EncodePlan, stream: StreamInfo) -> tuple[Fraction, Fraction] | None:
    """Return the first and last moment of a stream, from its packets in the section that is used."""
    spans = list(_used_packets(plan, stream))
    return (min(start for start, _ in spans), max(end for _, end in spans)) if spans else None


def _used_packets(plan: EncodePlan, stream: StreamInfo) -> Iterator[tuple[Fraction, Fraction]]:
    """Return the start and end of each packet of the source in the section that is used."""
    section, until = plan.clip.section, plan.until
    stop = None if until is None else plan.origin + until / plan.stretch
    if section is None:
        return packet_spans(plan.clip, stream.index, end=stop)
    begin = section.begin if section.cuts_start else None
    end = section.end if stop is None else min(stop, section.end)
    longest = max(LONGEST_PACKET, Fraction(HOLE) * _usual_length(plan.clip, stream)) if stream.kind == "audio" else None
    return packet_spans(plan.clip, stream.index, begin=begin, end=end, longest=longest)


def _usual_length(clip: ClipInfo, stream: StreamInfo) -> Fraction:
    """Return the median length of a stream's packets in seconds: those of some codecs last longer than others."""
    lengths = [end - start for start, end in islice(packet_spans(clip, stream.index), SAMPLE)]
    return median(lengths) if lengths else Fraction(0)


def _is_stretched(wanted: Carried, plan: EncodePlan) -> bool:
    return plan.stretches_sound and wanted.codec != "copy"


def _sound_start(wanted: Carried, moment: Fraction, plan: EncodePlan, start: Fraction) -> Fraction:
    """Return when sound that starts at ``moment`` in the source must start, in seconds from the first frame."""
    if _is_stretched(wanted, plan):  # it begins with silence if it is late in the source
        return -start
    return moment - plan.origin - start


def _sound_length(wanted: Carried, plan: EncodePlan, length: Fraction) -> Fraction:
    if not _is_stretched(wanted, plan):
        return length
    start = plan.origin if wanted.stream.start is None else wanted.stream.start
    section = plan.clip.section
    end = start + length if section is None else min(start + length, section.end)  # it may begin behind the section
    return (end - plan.origin) * plan.stretch
