#!/bin/sh
# Builds calls.c for both architectures. ZIG: the compiler ("zig", or "python3 -m ziglang").
set -eu
cd "$(dirname "$0")"
ZIG=${ZIG:-python3 -m ziglang}
for arch in aarch64 x86_64; do
    for level in O0 O2; do
        $ZIG cc -target $arch-macos.11.0 -$level -fno-sanitize=all -fno-stack-protector -Wl,-dead_strip -s calls.c -o calls-$arch-$level
    done
    # With its symbols.
    $ZIG cc -target $arch-macos.11.0 -O2 -fno-sanitize=all -fno-stack-protector -Wl,-dead_strip calls.c -o calls-$arch-symbols
done
rm -f ./*.o
