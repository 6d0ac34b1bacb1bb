"""The rows of landing objects, for those who screen what has landed.

Parquet -> one record batch -> Parquet, as landing writes it, and its hash

Source: Apache Parquet format.
"""

import hashlib
import io

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["read_rows", "write_rows"]


def read_rows(data: bytes) -> pa.RecordBatch:
    """All rows of an object."""
    table = pq.read_table(io.BytesIO(data))
    columns = [column.combine_chunks() for column in table.columns]
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)


def write_rows(rows: pa.Table) -> tuple[bytes, str]:
    """Write an object: one row group, zstd. The same rows are always the same bytes.

    Returns:
        Parquet, and its SHA-256, hexadecimal.
    """
    sink = io.BytesIO()
    pq.write_table(rows, sink, compression="zstd")
    data = sink.getvalue()
    return data, hashlib.sha256(data).hexdigest()
