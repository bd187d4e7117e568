#!/bin/sh
cd "$(dirname "$0")" && . ../compile.sh
compile arm64 Contents/MacOS/Voicenote src/main.m -F ../stubs -framework AVFoundation -L ../stubs -lobjc
