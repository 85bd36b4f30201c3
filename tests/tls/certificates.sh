#!/bin/sh
# Makes the certificates of this folder anew: an authority, a server at 127.0.0.1, and another authority. They are valid for 100
# years, and for tests only; the keys of the authorities are not kept.
set -e
cd "$(dirname "$0")"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout authority.key -out authority.pem -days 36500 \
    -subj "/CN=authority of a test" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj "/CN=server of a test"
printf 'subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n' >server.ext
openssl x509 -req -in server.csr -CA authority.pem -CAkey authority.key -out server.pem -days 36500 -extfile server.ext
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout authority.key -out other.pem -days 36500 \
    -subj "/CN=another authority" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
rm -f authority.key server.csr server.ext *.srl
