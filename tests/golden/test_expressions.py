#!/usr/bin/env python3
"""Each example of docs/expressions.md gives what the document says.

    test_expressions.py EXPR_RUN
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from expr_doc import ask_sluice, documented, example_row  # noqa: E402
from sluice import Checks  # noqa: E402


def main():
    checks = Checks()
    columns, row = example_row()
    examples = documented()
    checks.check(len(examples) > 200, "the document has too few examples")
    for group in (1, 64):
        answers = ask_sluice(sys.argv[1], "UTC", columns, [row], [e for _, e, _ in examples], group)
        for (heading, e, result), (kind, a) in zip(examples, answers):
            refused = a is None
            got = "error" if refused or (a[0] and a[0][0] == "!") else "NULL" if a[0] is None else a[0]
            checks.equal(got, result, f"{heading}: {e}" + (f" ({kind})" if refused else ""))
    checks.done()


if __name__ == "__main__":
    main()
