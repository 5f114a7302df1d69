"""The finished file: decisions about it, ffmpeg's command lines, and the file itself."""
