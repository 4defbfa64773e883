"""What `help()` and `inspect.signature` show of a construct."""

import inspect

from millrace.constructs import Bus, Processor


def test_signature_of_a_construct_shows_its_parameters():
    parameters = inspect.signature(Bus).parameters
    assert list(parameters)[:3] == ["scope", "id", "name"]
    assert parameters["max_hops"].default == 32


def test_signature_of_a_construct_lists_each_setting():
    parameters = inspect.signature(Processor).parameters
    assert {"function", "timeout", "memory_size", "environment"} <= parameters.keys()
    assert "settings" not in parameters


def test_subclass_of_a_construct_shows_its_own_parameters():
    class Named(Bus):
        def __init__(self, scope, title):
            super().__init__(scope, "Bus", name=title)

    assert list(inspect.signature(Named).parameters) == ["scope", "title"]
