#!/bin/sh
# Fuzzes the readers: tests/fuzz/run.sh TARGET|all [RUNS [SEED]]. RUNS is 1000000, SEED 1 when not given. Needs nothing but a stable compiler.
#
# Seeds come from the practice apps, the recorded cases, the test programs for calls, and TEMPER_CORPUS when it names the corpus. A panic, more than one
# second or more than 256 MB is a finding: it is made small and kept in tests/fuzz/findings, and the exit status is 1.
# Fixed findings become tests: move them to tests/it/findings/TARGET/, which `cargo test` reads.
set -eu
[ $# -ge 1 ] || { sed -n '2,6s/^# //p' "$0"; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
cargo build --release --quiet --manifest-path "$here/Cargo.toml"
exec nice -n 10 "${CARGO_TARGET_DIR:-$here/target}/release/temper-fuzz" "$1" "${2:-1000000}" "${3:-1}" \
    scenarios/labs tests/cases tests/callsites tests/it/findings ${TEMPER_CORPUS:+"$TEMPER_CORPUS"}
