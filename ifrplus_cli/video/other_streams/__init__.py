"""The streams beside the picture: which of them are taken along, and at which times."""
