"""Files of network parameters: the manifest, reading, downloading and converting."""
