"""Quantiles of rows with gaps are numpy's."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from ml.anomalies.quantiles import row_quantile
from ml.panel import Floats

figures = st.one_of(st.floats(-1e6, 1e6), st.just(np.nan))


@given(
    arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=figures),
    st.floats(0, 1),
)
def test_each_row_is_as_numpy_says(matrix: Floats, level: float) -> None:
    found = row_quantile(matrix, level)[:, 0]
    for row, quantile in zip(matrix, found, strict=True):
        known = row[np.isfinite(row)]
        if len(known):
            np.testing.assert_allclose(quantile, np.quantile(known, level), rtol=1e-9, atol=1e-6)
        else:
            assert np.isnan(quantile)
