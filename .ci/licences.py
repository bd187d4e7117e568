#!/usr/bin/env python3
"""Checks the licence of every crate that is built, on Linux and on both kinds of Mac.

    .ci/licences.py [--list]

Asks `cargo tree`, which knows what is built: `cargo metadata` lists optional crates too that no feature turns on. A crate that ends in the program must offer a licence of ALLOWED; one that only tests use may also be under one of FOR_TESTS.
"""
import re
import subprocess
import sys

ALLOWED = {"MIT", "Apache-2.0", "Unlicense", "Zlib", "ISC", "BSL-1.0", "CC0-1.0", "Unicode-3.0", "BSD-2-Clause", "BSD-3-Clause"}
# MIT-0 (borrow-or-share, below jsonschema) is MIT without the duty to name the authors.
FOR_TESTS = {"MPL-2.0", "MIT-0"}
EXCEPTIONS = {"LLVM-exception"}  # may only widen what is permitted
PLATFORMS = ["x86_64-unknown-linux-gnu", "aarch64-apple-darwin", "x86_64-apple-darwin"]


def permits(expression, allowed):
    """Whether an SPDX expression (also the old form `MIT/Apache-2.0`) offers a licence of the set."""
    tokens = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))
    position = 0

    def take(word):
        nonlocal position
        if position < len(tokens) and tokens[position] == word:
            position += 1
            return True
        return False

    def either():
        result = both()
        while take("OR"):
            result = both() or result
        return result

    def both():
        result = one()
        while take("AND"):
            result = one() and result
        return result

    def one():
        nonlocal position
        if take("("):
            result = either()
            if not take(")"):
                raise ValueError(f"no ')' in {expression!r}")
            return result
        if position >= len(tokens):
            raise ValueError(f"{expression!r} ends early")
        result = tokens[position] in allowed
        position += 1
        if take("WITH"):
            result = result and position < len(tokens) and tokens[position] in EXCEPTIONS
            position += 1
        return result

    result = either()
    if position != len(tokens):
        raise ValueError(f"cannot read {expression!r}")
    return result


def self_test():
    yes = ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "(MIT OR GPL-2.0) AND ISC", "Apache-2.0 WITH LLVM-exception", "Unlicense OR MIT"]
    no = ["GPL-3.0", "MIT AND GPL-3.0", "MPL-2.0", "MIT WITH Some-exception", "(MIT AND GPL-2.0) OR GPL-3.0", "Apache-2.0-or-so"]
    wrong = [e for e in yes if not permits(e, ALLOWED)] + [e for e in no if permits(e, ALLOWED)]
    if wrong:
        sys.exit(f"licences: the check itself is wrong about {wrong}")


def built(edges):
    """{"name version": licence} of the crates reached by such edges, on every platform."""
    crates = {}
    for platform in PLATFORMS:
        command = ["cargo", "tree", "--locked", "--edges", edges, "--target", platform, "--prefix", "none", "--no-dedupe", "--format", "{p}\t{l}"]
        for line in subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines():
            package, _, licence = line.partition("\t")
            if package:
                crates[" ".join(package.split()[:2])] = licence
    return crates


def main():
    self_test()
    program, everything = built("normal,build"), built("normal,build,dev")
    faults = []
    for name, licence in sorted(everything.items()):
        if "--list" in sys.argv:
            print(f"{name:<40} {licence or 'none'}{'' if name in program else '   (tests only)'}")
        try:
            if not licence or not permits(licence, ALLOWED if name in program else ALLOWED | FOR_TESTS):
                faults.append(f"{name}: {licence or 'no licence given'}{'' if name in program else ' (tests only)'}")
        except ValueError as error:
            faults.append(f"{name}: {error}")
    if faults:
        sys.exit("licences: not allowed:\n  " + "\n  ".join(faults))
    print(f"licences: {len(program)} crates in the program, {len(everything.keys() - program.keys())} more in tests, all allowed")


if __name__ == "__main__":
    main()
