"""Leased workers for programs that use Parsl, joblib or dask."""
