#!/bin/sh
cd "$(dirname "$0")" && . ../compile.sh
compile arm64 Contents/MacOS/Cardfile src/main.m -F ../stubs -framework Contacts -L ../stubs -lobjc
