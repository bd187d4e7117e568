#!/bin/sh
# Fuzzes readers: tests/fuzz/run.sh TARGET|all RUNS [SECONDS]. Wants cargo-fuzz (`cargo install cargo-fuzz`); a stable compiler will do.
#
# Seeds come from the practice apps, the recorded cases, and TEMPER_CORPUS when it names the corpus. A finding stays in tests/fuzz/artifacts;
# `cargo fuzz run --fuzz-dir tests/fuzz TARGET ARTIFACT` shows it again. SECONDS (3600) is where a slow target stops.
set -eu
[ $# -ge 2 ] || { sed -n '2,5s/^# //p' "$0"; exit 2; }
targets=$1 runs=$2 seconds=${3:-3600}
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
export RUSTC_BOOTSTRAP=1
folders="scenarios/labs tests/cases tests/callsites"
[ "$targets" != all ] || targets=$(cd "$here/fuzz_targets" && ls | sed 's/\.rs$//')
# `-s none`: Temper has no unsafe code for a sanitizer to watch. `-a`: overflows and debug assertions are faults.
# The profile of the main package does not reach here; without these the first build takes very long.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
triple=$(rustc -vV | sed -n 's/^host: //p')
cargo fuzz build --fuzz-dir "$here" -s none -a
if [ -n "${TEMPER_CORPUS:-}" ]; then
    "$here/target/$triple/release/seeds" "$here/seeds" $folders "$TEMPER_CORPUS"
else
    "$here/target/$triple/release/seeds" "$here/seeds" $folders
fi
mkdir -p "$here/logs"
status=0
for target in $targets; do
    mkdir -p "$here/corpus/$target" "$here/artifacts/$target"
    echo "$target: see $here/logs/$target.log"
    nice "$here/target/$triple/release/$target" -runs="$runs" -max_total_time="$seconds" -max_len=102400 -len_control=0 -timeout=1 \
        -rss_limit_mb=256 -malloc_limit_mb=256 -print_final_stats=1 -artifact_prefix="$here/artifacts/$target/" \
        "$here/corpus/$target" "$here/seeds/$target" >"$here/logs/$target.log" 2>&1 || status=1
    grep -E 'stat::number_of_executed_units|stat::peak_rss_mb|SUMMARY|panicked' "$here/logs/$target.log" || true
done
exit $status
