#!/bin/sh
cd "$(dirname "$0")" && . ../compile.sh
compile arm64 Contents/PlugIns/Reverb.bundle/Contents/MacOS/Reverb -dynamiclib -install_name @rpath/Reverb src/reverb.c
compile arm64 Contents/MacOS/Mixbench src/main.c
