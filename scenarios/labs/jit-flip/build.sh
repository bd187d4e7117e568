#!/bin/sh
cd "$(dirname "$0")" && . ../compile.sh
for arch in arm64 x86_64; do
    compile $arch Contents/Frameworks/libbrush.dylib -dynamiclib -install_name @rpath/libbrush.dylib src/brush.c
    compile $arch Contents/MacOS/Sketchbook src/main.c "$OUT/$arch/Contents/Frameworks/libbrush.dylib" -Wl,-rpath,@executable_path/../Frameworks
done
