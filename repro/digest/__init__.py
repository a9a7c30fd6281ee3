"""What a digest is: one algorithm, and the canonical bytes of everything that is digested.

A digest names its algorithm (`blake3:9f2c...`). Rows are hashed one by one (xxh3, 128 bits), so
that the same rows in another order, or cut into other splits, can be recognised as the same rows.

Canonical form
--------------
Equal content has equal rows, whatever library holds it (numpy, torch, scipy sparse, pandas with
any backend, polars, pyarrow). Names and dtypes belong to the schema digest, not to the row: there
the label 0 is not "0", a column of nothing is one of text, and byte order does not count.

=====================  ===========================================================================
value                  a cell is
=====================  ===========================================================================
boolean, integer       an int64 word: True is 1, whatever the width; from 2**63 on it is marked
float                  a float64 word, -0.0 as 0.0; 1.0 is not 1; long doubles and complex numbers
                       are two words
missing                None, NaN, NA, NaT and a masked cell are one and the same: NaN in a column of
                       floats, NaT in one of times, a mark in one of integers or booleans. So
                       integers with a missing one equal no floats with NaN: 1 is not 1.0
time                   nanoseconds UTC, an int64 word; beyond the years 1677 to 2262 microseconds,
                       marked. A time without zone is as if UTC, a date is its midnight. The zone
                       belongs to the schema
duration, time of day  nanoseconds, in the same way
category               the value of its category. The order of ordered categories, as those of an
                       Enum of polars are, belongs to the schema
text, bytes            128 bits of a hash, two words; "1" is not b"1" and not 1; a missing one is
                       not "missing" and not ""
decimal                the same, by value: 1.0 is 1.00
list, struct, set      the same, by their cells; fields of a struct in the order of their names. An
                       array of two or more dimensions in a cell is not a list of lists
python objects         if all cells are of one kind, a column of that kind; else each by kind and
                       content, so that True, 1, 1.0 and "1" differ. Those of other libraries by
                       the parts that pickle would take them into, never by their text; what
                       tells no parts is refused
index of pandas        not content: a model does not see it. `reset_index()` makes it count
=====================  ===========================================================================

No two values of one dtype share their bytes. Values of two dtypes may, as the integer 2**62 - 2**52
and the float 1.0 or a time and its nanoseconds do: the schema digest tells them apart.
"""

from repro.digest.block import Block
from repro.digest.named import (
    canonical_json,
    digest_bytes,
    digest_file,
    digest_json,
    digest_set,
    short,
)
from repro.digest.rows import RowHashes, multiset_digest, ordered_digest, row_hashes, shared_rows
from repro.digest.table import Table, table

__all__ = [
    "Block",
    "RowHashes",
    "Table",
    "canonical_json",
    "digest_bytes",
    "digest_file",
    "digest_json",
    "digest_set",
    "multiset_digest",
    "ordered_digest",
    "row_hashes",
    "shared_rows",
    "short",
    "table",
]
