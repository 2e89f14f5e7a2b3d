"""Opens an embeddings folder of shards_test.cpp as a user would: h5py, pandas, xarray; nothing of Limner's."""

import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import xarray as xr

folder = Path(sys.argv[1])
with h5py.File(folder / "embeddings.h5") as file:
    vectors = file["embedding"][:]
    assert vectors.dtype == np.float16 and vectors.shape == (23, 5), (vectors.dtype, vectors.shape)
    np.testing.assert_array_equal(vectors, np.arange(23)[:, None] + 0.125 * np.arange(5))
    assert list(file["row"][:]) == list(range(23))
    assert np.isnan(file["embedding"].fillvalue)
    assert file["customer"].asstr()[5] == "客户-1"
    assert list(file["prediction/sentiment"].attrs["classes"]) == ["bad", "gut ✓"]
    assert file["embedding"].dims[0].keys() == ["row"] and file["embedding"].dims[1].keys() == ["dim"]
    assert len(file.attrs["fingerprint"]) == 64
    frame = pd.DataFrame(vectors, index=file["row"][:])
    assert frame.shape == (23, 5)

for path in [folder / "embeddings.h5", *sorted((folder / "shards").glob("rows-*.h5"))]:
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        assert dataset["embedding"].dims == ("row", "dim"), dataset
        assert dataset["tokens"].dims == ("row",)
    with xr.open_dataset(path, engine="h5netcdf", group="prediction") as dataset:
        assert dataset["sentiment"].dims == ("row", "class_sentiment"), dataset
        assert float(dataset["sentiment"][0, 1]) == 0.75
with xr.open_dataset(folder / "embeddings.h5", engine="h5netcdf") as dataset:
    row = dataset["embedding"].sel(row=21)
    assert float(row[4]) == 21.5
