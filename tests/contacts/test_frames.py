"""Frames: columns of one length that stages add to, and that travel between processes."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from a2pcli.frame import Frame


def people(count: int = 3) -> Frame:
    return Frame({"@line": pa.array(range(count)), "name": pa.array([f"N{n}" for n in range(count)])})


def test_a_column_of_another_length_is_refused():
    with pytest.raises(ValueError, match="column 'x' has 2 rows, the frame 3"):
        people()["x"] = pa.array([1, 2])


def test_a_frame_without_columns_knows_its_rows():
    assert len(people().select([])) == 3
    assert len(people().select([]).filter(np.array([True, False, True]))) == 2
    assert len(Frame({})) == 0


def test_what_is_added_to_a_part_is_not_added_to_the_whole():
    whole = people()
    for part in (whole.select(["name"]), whole.filter(np.ones(3, dtype=np.bool_)), whole.head(5)):
        part["new"] = pa.nulls(3)
        assert "new" not in whole


def test_rows_are_chosen_in_their_order():
    assert people(5).filter(np.array([True, False, False, True, True])).head(2).batch().to_pylist() == [
        {"@line": 0, "name": "N0"},
        {"@line": 3, "name": "N3"},
    ]


def test_a_record_batch_of_a_frame_shares_its_memory():
    frame = people()
    batch = frame.batch()
    assert batch.column("name").buffers()[2].address == frame["name"].buffers()[2].address
    assert Frame.of(batch).batch().equals(batch)
    assert frame.batch(["name"]).schema.names == ["name"]


def test_a_frame_comes_out_of_a_pickle_as_it_went_in():
    frame = people()
    frame["place"] = pa.array(["GB", None, "GB"]).dictionary_encode()
    frame["none"] = pa.nulls(3, pa.int16())
    frame["nowhere"] = pa.nulls(3, pa.dictionary(pa.int32(), pa.string()))
    frame["last"] = pa.array([1, None, 3])
    again = pickle.loads(pickle.dumps(frame, protocol=5))
    assert again.names == frame.names
    assert again.batch().equals(frame.batch())
    assert len(pickle.loads(pickle.dumps(people(0)))) == 0
    alone = pickle.loads(pickle.dumps(frame.select(["none"])))
    assert (alone.names, len(alone)) == (["none"], 3)


def test_columns_without_a_value_take_no_room_in_a_pickle():
    frame = people(10_000)
    before = len(pickle.dumps(frame, protocol=5))
    frame["none"] = pa.nulls(10_000, pa.string())
    assert len(pickle.dumps(frame, protocol=5)) < before + 500


def test_a_part_of_a_long_column_is_pickled_alone():
    """A chunk is a slice of a piece of the file: its neighbours do not travel with it."""
    assert len(pickle.dumps(people(100_000).head(10), protocol=5)) < 5_000


PANDAS = """
import sys
{first}
import a2pcli.frame, pyarrow as pa
pa.array(["a"])
assert ("pandas" in sys.modules) == {loaded}
import pandas
assert pa.table({{"a": [1, 2]}}).to_pandas()["a"].sum() == 3
assert pa.array(pandas.Series([1.0, None]), from_pandas=True).to_pylist() == [1.0, None]
"""


@pytest.mark.parametrize("first", ["", "import pandas"])
def test_arrays_do_not_load_pandas_and_who_loads_it_can_use_it(first: str):
    script = PANDAS.format(first=first, loaded=bool(first))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
