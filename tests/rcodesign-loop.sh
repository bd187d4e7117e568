#!/usr/bin/env bash
# The loop with rcodesign instead of the stub: diagnose, mend a copy of each practice app with each remedy that needs no new code, prove, undo to the byte.
# A long run by hand, no part of the gate: rcodesign takes long to build ('cargo install apple-codesign --no-default-features').
#
#   tests/rcodesign-loop.sh [PRACTICE-APP…]      needs rcodesign and openssl in PATH; exit status 1 when a loop did not close
#
# What temper runs for each code object, and what can be run by hand:
#
#   rcodesign sign --shallow --p12-file ID.p12 --p12-password-file /dev/stdin --timestamp-url none --binary-identifier com.example.app \
#     --code-signature-flags runtime --entitlements-xml-file App.entitlements App.app < PASSWORD
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

command -v rcodesign >/dev/null || { echo "rcodesign is not in PATH: cargo install apple-codesign --no-default-features" >&2; exit 2; }
cargo build --quiet --locked
labs=scenarios/labs
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

# rcodesign writes certificates anew, and those of an ECDSA authority not byte for byte: their signatures then do not verify. So the chain is one with RSA keys,
# as Apple's is. It takes the last certificate of a PKCS #12 file for the signer's, so the file holds that one alone; what Apple's chain has built in is added.
mkdir "$work/pki" "$work/bin"
"$labs/pki/make.sh" "$work/pki" 2>/dev/null
for name in authority root; do openssl x509 -in "$work/pki/$name.cert.pem" -outform DER -out "$work/pki/$name.der"; done
openssl pkcs12 -export -inkey "$work/pki/practice.practice-only.key.pem" -in "$work/pki/practice.cert.pem" \
  -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1 -passout pass:practice -out "$work/practice.p12"
cat >"$work/bin/rcodesign" <<END
#!/bin/sh
[ "\$1" != sign ] || { shift; set -- sign --certificate-der-file $work/pki/authority.der --certificate-der-file $work/pki/root.der "\$@"; }
exec $(command -v rcodesign) "\$@"
END
chmod +x "$work/bin/rcodesign"
export PATH=$work/bin:$PATH

[[ $# -gt 0 ]] || set -- dyld-launcher foreign-plugin jit-flip jit-map-jit no-usage-string silent-microphone
open=0
for id in "$@"; do
  app=$(echo "$labs/$id"/*.app)
  evidence=()
  for file in "$labs/$id"/evidence/*; do
    [[ $file == *.in ]] || evidence+=(--log "$file")
  done
  for remedy in least recommended alternative fallback; do
    out=$work/$id-$remedy
    status=0
    # Without a network there is no timestamp for an identity.
    PRACTICE_PASSWORD=practice target/debug/temper fix "$app" "${evidence[@]}" --trust-anchor "$labs/pki/root.cert.pem" --remedy "$remedy" \
      --trust-anchor "$work/pki/root.cert.pem" \
      --signer rcodesign --p12 "$work/practice.p12" --p12-password-env PRACTICE_PASSWORD --no-timestamp --copy "$out" --yes \
      >"$work/said" 2>&1 || status=$?
    if [[ $status -eq 2 ]] && grep -qE 'needs new code|there is no|no (least|recommended|alternative|fallback) remedy' "$work/said"; then
      echo "-- $id $remedy: $(tail -n 1 "$work/said")"
      continue
    fi
    [[ $status -eq 0 ]] || { open=1; cat "$work/said"; }
    echo "== $id $remedy: status $status"
    [[ $status -ne 2 ]] || continue
    target/debug/temper undo "$out" >/dev/null
    diff -r "$app" "$out/$(basename "$app")" && echo "== $id $remedy: undone to the byte"
  done
done
exit "$open"
