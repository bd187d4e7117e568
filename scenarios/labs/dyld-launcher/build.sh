#!/bin/sh
cd "$(dirname "$0")" && . ../compile.sh
compile arm64 Contents/Frameworks/libtide.1.dylib -dynamiclib -install_name /usr/local/lib/libtide.1.dylib src/tide.c
compile arm64 Contents/MacOS/Tidewatch src/main.c "$OUT/arm64/Contents/Frameworks/libtide.1.dylib"
