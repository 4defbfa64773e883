"""Tables: who names them, and writes that have a condition."""

import pytest

from millrace.runtime import write_if
from millrace.runtime.stores import open_table, table_variable


def write(table):
    return write_if(table.put_item, Item={"cup": "blue"}, ConditionExpression="attribute_not_exists(cup)")


def test_a_write_whose_condition_holds_gives_dynamodbs_answer(table):
    assert write(table("cup"))["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_write_whose_condition_does_not_hold_gives_none(table):
    cups = table("cup")
    write(cups)
    assert write(cups) is None


def test_a_write_that_fails_otherwise_raises(table):
    with pytest.raises(Exception, match="ValidationException"):
        write_if(table("cup").put_item, Item={"saucer": "blue"})


def test_a_table_that_no_construct_names_says_what_to_give_it():
    assert table_variable("cups") == "MILLRACE_TABLE_CUPS"
    with pytest.raises(LookupError, match=r"MILLRACE_TABLE_CUPS is not set: give the construct tables=\{'cups'"):
        open_table("cups")
