#!/bin/sh
# Builds calls.c and memory.c for both architectures. ZIG: the compiler ("zig", or "python3 -m ziglang").
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
ways="map_jit map_jit_protect map_jit_shared map_jit_callback map_jit_flip map_jit_toggle map_jit_fixed flip rwx protect_rwx dual_shm dual_remap patch computed wrapper outside data or_jit"
mkdir -p memory
for arch in aarch64 x86_64; do
    for level in O0 O2; do
        for way in $ways; do
            $ZIG cc -target $arch-macos.11.0 -$level -DWAY="$way" -fno-sanitize=all -fno-stack-protector -w -Wl,-dead_strip -s memory.c \
                -o "memory/$way-$arch-$level"
        done
    done
done
rm -f ./*.o
