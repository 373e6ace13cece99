#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""promises - doc/PROMISES.md has the tests that there are, and each can be made to fail"""

import ast
import glob
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import mutants
import tap
from env import SRCDIR

IDS = [f"{group}{number}" for group, last in (("L", 8), ("H", 9), ("W", 7), ("R", 9), ("D", 10))
       for number in range(1, last + 1)]
TITLE = re.compile(r"((?:[LHWRD]\d+(?:, )?)+): ")


def text_of(path):
    with open(os.path.join(SRCDIR, path), encoding="utf-8") as f:
        return f.read()


def scripts():
    """{path: [(function, title of its promise)]} of all system tests."""
    found = {}
    for path in sorted(glob.glob(os.path.join(SRCDIR, "tests/system/*.py"))):
        name = os.path.relpath(path, SRCDIR)
        found[name] = [(node.name, (ast.get_docstring(node) or "").partition("\n")[0])
                       for node in ast.parse(text_of(name)).body
                       if isinstance(node, ast.FunctionDef)
                       and "tap.promise" in map(ast.unparse, node.decorator_list)]
    return found


def ids_of(title):
    named = TITLE.match(title)
    return named[1].split(", ") if named else []


def in_tests():
    """{(ID, script, function) or (ID, unit test)} by the titles."""
    found = set()
    for path, promises in scripts().items():
        script = os.path.basename(path).removesuffix(".py")
        found |= {(i, script, name) for name, title in promises for i in ids_of(title)}
    for path in glob.glob(os.path.join(SRCDIR, "tests/unit/test-*.c")):
        test = os.path.basename(path).removesuffix(".c")
        found |= {(i, test) for title in re.findall(r'"(.*)', text_of(path)) for i in ids_of(title)}
    return found


def in_tables():
    """The same by the tables."""
    found = set()
    for row in re.findall(r"^\| ([A-Z]\d+) \|.*\| (.*) \|$", text_of("doc/PROMISES.md"), re.M):
        for part in row[1].split("; "):
            script, colon, names = part.partition(": ")
            if colon:
                found |= {(row[0], script, name) for name in names.split(", ")}
            else:
                found |= {(row[0], name) for name in part.split(", ")}
    return found


@tap.promise
def all_rows():
    "the tables have all ids, in order"
    rows = re.findall(r"^\| ([A-Z]\d+) \|", text_of("doc/PROMISES.md"), re.M)
    assert rows == IDS, set(rows) ^ set(IDS)


@tap.promise
def tables_are_right():
    "each row names the tests whose titles begin with its id, and no other"
    tables, tests = in_tables(), in_tests()
    assert {row[0] for row in tests} == set(IDS), set(IDS) - {row[0] for row in tests}
    assert not tests - tables, f"not in doc/PROMISES.md: {sorted(tests - tables)}"
    assert not tables - tests, f"there are no such tests: {sorted(tables - tests)}"


@tap.promise
def all_have_mutants():
    "each id has a protection that can be removed, and a test of that id which then fails"
    known = {mutant.name.split()[0] for mutant in mutants.read()}
    assert set(IDS) <= known, set(IDS) - known
    wrong = [f"{mutant.name}: {mutant.fails}" for mutant in mutants.read()
             if mutant.name.split()[0] in IDS
             and mutant.name.split()[0] not in ids_of(mutant.fails + " ")]
    assert not wrong, wrong


@tap.promise
def mutants_fit():
    "what is to be removed is there, exactly once, and changes something"
    for mutant in mutants.read():
        for path, text in mutants.mutate(mutant).items():
            assert text != text_of(path), (mutant.name, path)


@tap.promise
def mutants_are_tested():
    "the test that a mutant names is there, with a promise that begins so"
    promises = scripts()
    for mutant in mutants.read():
        if mutant.test.startswith("tests/unit/"):
            # the rest of a title may be put together when the test runs
            found = f'"{mutant.fails.split()[0]}' in text_of(mutant.test + ".c")
        else:
            found = any(title.startswith(mutant.fails) for _, title in promises[mutant.test])
        assert found, f"{mutant.name}: no {mutant.fails!r} in {mutant.test}"


tap.main()
