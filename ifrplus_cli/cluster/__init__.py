"""A film on many machines: cut into sections, which the workers of a Dask scheduler make."""
