# Sourced by each lab's build.sh, in the lab's folder. Compiles one program for one architecture with zig, which needs no Mac and no SDK.
#   compile ARCH OUTPUT ARGUMENTS…     ARCH is arm64 or x86_64; OUTPUT is relative to $OUT/ARCH
set -eu
compile() {
    arch=$1 output=$OUT/$1/$2
    shift 2
    case $arch in arm64) target=aarch64-macos.11.0 ;; *) target=$arch-macos.11.0 ;; esac
    mkdir -p "$(dirname "$output")"
    # -headerpad leaves room for LC_CODE_SIGNATURE. -fno-sanitize: zig adds traps that would look like crashes of another kind.
    # shellcheck disable=SC2086 # ZIG is a list of words.
    ${ZIG:-python3 -m ziglang} cc -target "$target" -Os -fno-sanitize=all -Wall -Wl,-headerpad,0x100 -o "$output" "$@"
}
