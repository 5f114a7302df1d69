"""Everything that talks to ffmpeg and ffprobe, and files of pictures."""
