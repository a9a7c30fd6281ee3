import functools
import importlib.util
import linecache
import math
import os
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score

from repro.observe.definition import (
    constants_of,
    digest_of,
    held_by,
    helpers_digest,
    is_own,
    kept_digest,
    plain,
)
from repro.observe.modules import source_digest

NOTHING = helpers_digest([])
FIRST, SECOND = (lambda t, p: 1.0), (lambda t, p: 2.0)


@pytest.fixture
def module_of(tmp_path):
    """Imports a text as a module; the same path each time, as after an edit."""

    def imported(text):
        path = tmp_path / "metrics.py"
        path.write_text(text)
        linecache.clearcache()
        spec = importlib.util.spec_from_file_location("metrics_under_test", path)
        module = importlib.util.module_from_spec(spec)
        sys.modules["metrics_under_test"] = module
        exec(compile(path.read_text(), path, "exec"), module.__dict__)
        return module

    yield imported
    sys.modules.pop("metrics_under_test", None)


def typed(text):
    """A function that was typed: there is no file to read it from."""
    space = {"__name__": "__main__"}
    exec(text, space)
    return space["metric"]


class Model(torch.nn.Module):
    def forward(self, x):
        return x


def over(function):
    def inner(y_true, y_pred):
        return function(y_true, y_pred)

    return inner


def test_comments_layout_and_docstrings_of_functions_do_not_count():
    plain_text = "def f(a):\n    return a"
    assert source_digest(plain_text) == source_digest('def f( a ):\n    "Why."\n    return a  # b')
    assert source_digest(plain_text) != source_digest("def f(a):\n    return -a")


def test_the_docstring_of_a_module_counts_because_command_lines_are_parsed_by_it():
    assert source_digest('"--lr=0.1"\nx = 1') != source_digest('"--lr=0.2"\nx = 1')


def test_a_docstring_alone_is_not_lost_with_its_function():
    assert source_digest('def f():\n    "a"') == source_digest('def f():\n    "b"')


def test_two_lambdas_on_one_line_are_two_and_what_stands_around_one_does_not_count():
    alone = lambda t, p: 1.0  # noqa: E731
    assert digest_of(FIRST) != digest_of(SECOND)
    assert digest_of(FIRST) == digest_of(alone)


def test_a_lambda_inside_a_lambda_is_its_own():
    outer = lambda a: lambda b: a + b  # noqa: E731
    digests = {digest_of(outer), digest_of(outer(1)), digest_of(lambda b: b)}
    assert len(digests) == 3


def test_a_typed_function_is_told_by_its_bytecode_and_the_digest_says_so():
    one, two = (typed(f"def metric(t, p):\n    return {n}.0") for n in (1, 2))
    again = typed("# moved\n\ndef metric(t, p):\n    return 1.0")
    assert digest_of(one).startswith(f"{sys.implementation.cache_tag}:blake3:")
    assert digest_of(one) == digest_of(again) != digest_of(two)


@pytest.mark.slow
def test_bytecode_is_digested_alike_in_every_process_whatever_the_order_of_a_set():
    program = (
        "from repro.observe.definition import digest_of\n"
        "def metric(t, p):\n    return t in {'a', 'b', 'c', 'd', 'e', 'f'}\n"
        "print(digest_of(metric))"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(digests) == 1
    assert digests.pop().startswith(sys.implementation.cache_tag)


def test_a_typed_class_is_told_by_its_methods():
    one, two = (
        typed(f"class metric:\n    def __call__(self, t, p):\n        return {n}.0") for n in (1, 2)
    )
    assert digest_of(one) is not None
    assert digest_of(one) != digest_of(two)


def test_what_has_neither_source_nor_bytecode_has_no_digest():
    assert digest_of(math.dist) is None


def test_own_is_what_is_no_package_and_not_of_python():
    assert is_own(over)
    assert is_own(typed("def metric(t, p):\n    return 1.0"))
    assert not any(map(is_own, (accuracy_score, statistics.mean, torch.nn.Linear, dict, Path)))


@pytest.mark.parametrize(
    "text",
    [
        "def metric(t, p):\n    return helper(t)",
        "def metric(t, p):\n    return [helper(x) for x in t]",
        "def metric(t, p, by=helper):\n    return by(t)",
        "def metric(t, p, *, by=helper):\n    return by(t)",
        "def over(f):\n    return lambda t, p: f(t)\nmetric = over(helper)",
        "def over(f):\n    return lambda t, p: f[0](t)\nmetric = over([helper])",
        "class metric:\n    def __call__(self, t, p):\n        return helper(t)",
        "class Base:\n    def go(self, t):\n        return helper(t)\nclass metric(Base): ...",
        "class Some:\n    def __call__(self, t, p):\n        return helper(t)\nmetric = Some()",
        "class Some:\n    def go(self, t, p):\n        return self.on(t)\n"
        "    def on(self, t):\n        return helper(t)\nmetric = Some().go",
        "import functools\nmetric = functools.partial(helper, p=1)",
        "import functools\nf = functools.cache(helper)\ndef metric(t, p):\n    return f(t)",
        "def middle(t):\n    return helper(t)\ndef metric(t, p):\n    return middle(t)",
    ],
    ids=[
        *("global", "nested", "default", "keyword default", "closure", "list", "method", "base"),
        *("object", "bound method", "partial", "cached", "two steps"),
    ],
)
def test_a_change_of_any_function_that_is_reached_is_seen(module_of, text):
    def digest(value):
        module = module_of(f"def helper(t, p=0):\n    return {value}\n{text}\n")
        return helpers_digest([module.metric])

    assert digest(1) == digest(1) != digest(2)


def test_local_names_of_what_is_reached_do_not_count_where_refactoring_is_kept(module_of):
    text = "def helper(t):\n    {0} = {1}\n    return {0}\ndef metric(t, p):\n    return helper(t)"

    def digest(*words):
        return kept_digest([module_of(text.format(*words)).metric])

    assert digest("a", 1) == digest("b", 1) != digest("a", 2)
    assert kept_digest([accuracy_score]) is None


@pytest.mark.parametrize(
    "text",
    [
        "from sklearn.metrics import {0} as m\ndef metric(t, p):\n    return m(t, p)",
        "from sklearn.metrics import {0} as m\ndef metric(t, p, how=m):\n    return how(t, p)",
        "from sklearn.metrics import {0} as m\ndef make(m):\n    return lambda t, p: m(t, p)\n"
        "metric = make(m)",
        "from functools import partial\nfrom sklearn.metrics import {0} as m\n"
        "of = partial(m, sample_weight=None)\ndef metric(t, p):\n    return of(t, p)",
        "from sklearn.metrics import {0} as m\n"
        "class metric:\n    def go(self, t, p):\n        return m(t, p)",
        "import sklearn.metrics\nm = sklearn.metrics.make_scorer(sklearn.metrics.{0})\n"
        "def metric(t, p):\n    return m._score_func(t, p)",
    ],
    ids=["global", "default", "closure", "partial", "method", "object"],
)
def test_what_an_import_calls_by_another_name_counts(module_of, text):
    one, other = (
        kept_digest([module_of(text.format(name)).metric])
        for name in ("f1_score", "accuracy_score")
    )
    assert (one == other) is text.endswith("_score_func(t, p)")  # of an object its class is known
    assert one == kept_digest([module_of(text.format("f1_score")).metric])


def test_ufuncs_and_modules_of_libraries_are_told_apart(module_of):
    text = "from numpy import {} as m\nimport {} as n\ndef metric(t, p):\n    return n.f(m(t, p))"
    words = (("add", "math"), ("subtract", "math"), ("add", "cmath"))
    assert len({kept_digest([module_of(text.format(*two)).metric]) for two in words}) == 3


def test_a_function_in_another_module_of_the_user_is_reached_by_its_name(module_of):
    digests = set()
    for value in (1, 2):
        module = module_of(f"def helper(t):\n    return {value}\ndef other():\n    return 0")
        metric = typed("def metric(t, p):\n    return module.helper(t)")
        metric.__globals__["module"] = module
        digests.add(helpers_digest([metric]))
    assert len(digests) == 2


def test_the_values_that_a_helper_names_or_closes_over_are_part_of_it(module_of):
    text = "CUT = {0}\ndef helper(t):\n    return t > CUT\ndef metric(t, p):\n    return helper(t)"
    one, two = (helpers_digest([module_of(text.format(cut)).metric]) for cut in (0.5, 0.6))
    assert one != two


def test_functions_that_call_each_other_are_walked_once(module_of):
    text = (
        "def a(t):\n    return b(t)\ndef b(t):\n    return a(t)\ndef metric(t, p):\n    return a(t)"
    )
    assert helpers_digest([module_of(text).metric]) != NOTHING


def test_libraries_and_models_are_not_reached():
    model = Model()

    def metric(y_true, y_pred):
        return accuracy_score(y_true, model(y_pred)) + np.mean(y_true)

    assert helpers_digest([metric]) == NOTHING


def test_plain_values_of_the_module_are_constants(module_of):
    module = module_of(
        "CUT = 0.5\nNAMES = {'b', 'a'}\ndef metric(t, p):\n    return t > CUT, NAMES"
    )
    assert constants_of(module.metric) == {"CUT": 0.5, "NAMES": "['a', 'b']"}
    assert constants_of(accuracy_score) == {}


def test_values_that_can_be_written_down_are_held_private_names_and_objects_are_not():
    values = {"a": 1, "b": (1, 2), "c": np.arange(3), "d": {"k": [1]}, "_e": 1, "f": object()}
    assert plain(values) == {"a": 1, "b": "(1, 2)", "c": "[0, 1, 2]", "d": "{'k': [1]}"}


def test_a_closure_variable_that_is_not_assigned_yet_is_left_out():
    def make():
        def inner(y_true, y_pred):
            return later

        held = dict(held_by(inner))
        later = 1
        return held, dict(held_by(inner))

    assert make() == ({}, {"later": 1})


def test_a_decorator_of_a_library_is_seen_through():
    @functools.cache
    def helper(value):
        return value

    def metric(y_true, y_pred):
        return helper(1)

    assert helpers_digest([metric]) != NOTHING
