"""Files with parameters: which there are, reading, downloading, converting."""
