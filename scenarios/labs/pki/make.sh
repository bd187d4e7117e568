#!/bin/sh
# Makes the practice certificates, once: make.sh. With RSA keys in another folder, for whoever needs them: make.sh DIR. They imitate the shape of Apple's Developer ID chain under a root nobody trusts.
# The private keys beside this script are PRACTICE ONLY: they are public, they sign nothing but the practice apps and test inputs.
set -eu
key="-algorithm EC -pkeyopt ec_paramgen_curve:P-256"
[ $# -eq 0 ] || key="-algorithm RSA -pkeyopt rsa_keygen_bits:2048"
cd "${1:-$(dirname "$0")}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat > "$work/ca.cnf" <<'CONF'
[ca]
default_ca = practice
[practice]
database = $ENV::WORK/index.txt
new_certs_dir = $ENV::WORK
default_md = sha256
policy = any
unique_subject = no
rand_serial = yes
[any]
commonName = supplied
organizationName = optional
organizationalUnitName = optional
countryName = optional
[req]
distinguished_name = dn
string_mask = utf8only
[dn]
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
# Developer ID Certification Authority (TN3127).
1.2.840.113635.100.6.2.6 = DER:05:00
[worldwide]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
# Worldwide Developer Relations Certification Authority (TN3127).
1.2.840.113635.100.6.2.1 = DER:05:00
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, codeSigning
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
# Developer ID Application (TN3127).
1.2.840.113635.100.6.1.13 = critical, DER:05:00
[development]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, codeSigning
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
# Mac Development (TN3127).
1.2.840.113635.100.6.1.12 = critical, DER:05:00
[timestamp]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
CONF
export WORK="$work"
: > "$work/index.txt"

# issue NAME SUBJECT SECTION ISSUER
issue() {
    # shellcheck disable=SC2086 # A list of words without blanks, as `how` below.
    openssl genpkey $key -out "$1.practice-only.key.pem"
    openssl req -new -utf8 -config "$work/ca.cnf" -key "$1.practice-only.key.pem" -subj "$2" -out "$work/$1.csr"
    if [ "$1" = "$4" ]; then
        how="-selfsign -keyfile $1.practice-only.key.pem"
    else
        how="-cert $4.cert.pem -keyfile $4.practice-only.key.pem"
    fi
    # shellcheck disable=SC2086 # `how` is a list of words without blanks.
    openssl ca -batch -utf8 -notext -config "$work/ca.cnf" $how -extensions "$3" -preserveDN \
        -startdate 20200101000000Z -enddate 20600101000000Z -in "$work/$1.csr" -out "$1.cert.pem"
}

issue root "/C=US/O=Temper Practice/CN=Temper Practice Root CA" root root
issue authority "/C=US/O=Temper Practice/CN=Practice Developer ID Certification Authority" authority root
issue practice "/CN=Developer ID Application: Practice Software (PRACTICE01)/OU=PRACTICE01/O=Practice Software/C=US" leaf authority
issue other-team "/CN=Developer ID Application: Other Team (OTHERTEAM1)/OU=OTHERTEAM1/O=Other Team/C=US" leaf authority
issue worldwide "/C=US/O=Temper Practice/CN=Practice Worldwide Developer Relations Certification Authority" worldwide root
issue development "/CN=Apple Development: Practice Software (DEVELOPER1)/OU=PRACTICE01/O=Practice Software/C=US" development worldwide
issue timestamp "/C=US/O=Temper Practice/CN=Practice Timestamp Authority" timestamp root
openssl x509 -in root.cert.pem -outform DER -out root.cert.der
