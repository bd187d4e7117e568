#!/bin/sh
cd "$(dirname "$0")" && . ../compile.sh
for arch in arm64 x86_64; do
    compile $arch Contents/MacOS/Abacus src/main.c
done
