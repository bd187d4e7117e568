#!/usr/bin/env bash
# The loop with rcodesign instead of the stub: diagnose, mend a copy of a practice app, prove, undo. A long run by hand, no part of the gate:
# rcodesign takes long to build ('cargo install apple-codesign --no-default-features').
#
#   tests/rcodesign-loop.sh [PRACTICE-APP…]      needs rcodesign and openssl in PATH
#
# What temper runs for each code object, and what can be run by hand:
#
#   rcodesign sign --shallow --p12-file ID.p12 --p12-password-file /dev/stdin --binary-identifier com.example.app \
#     --code-signature-flags runtime --entitlements-xml-file App.entitlements App.app < PASSWORD
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

command -v rcodesign >/dev/null || { echo "rcodesign is not in PATH: cargo install apple-codesign --no-default-features" >&2; exit 2; }
cargo build --quiet
labs=scenarios/labs
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

# The practice identity as a PKCS #12 file, its keys as the crate reads them.
openssl pkcs12 -export -inkey "$labs/pki/practice.practice-only.key.pem" -in "$labs/pki/practice.cert.pem" -certfile "$labs/pki/authority.cert.pem" \
  -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1 -passout pass:practice -out "$work/practice.p12"

[[ $# -gt 0 ]] || set -- jit-flip jit-map-jit silent-microphone
for id in "$@"; do
  app=$(echo "$labs/$id"/*.app)
  evidence=()
  for file in "$labs/$id"/evidence/*; do
    [[ $file == *.in ]] || evidence+=(--log "$file")
  done
  # Ad hoc first: no identity is needed. With the flag, library validation refuses the app's own libraries, so this is expected to be 0 only without any.
  for who in --ad-hoc "--p12 $work/practice.p12 --p12-password-env PRACTICE_PASSWORD"; do
    out=$work/$id-${who:2:3}
    status=0
    # shellcheck disable=SC2086
    PRACTICE_PASSWORD=practice target/debug/temper fix "$app" "${evidence[@]}" --trust-anchor "$labs/pki/root.cert.pem" \
      --signer rcodesign $who --copy "$out" --yes || status=$?
    echo "== $id $who: status $status"
    # Nothing was done: without a network there is no timestamp for an identity.
    [[ $status -ne 2 ]] || continue
    target/debug/temper undo "$out"
    diff -r "$app" "$out/$(basename "$app")" && echo "== $id $who: undone to the byte"
  done
done
