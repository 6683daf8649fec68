#!/bin/sh
# Creates a certificate authority for a fleet, once, and a certificate for its broker, in the current folder:
#   sh certificates.sh broker.example.com 192.0.2.2      (all names and addresses that devices use for the broker)
# ca.crt goes to each device and operator, broker.crt and broker.key to the broker's /etc/mosquitto/certs. Keep ca.key secret:
# whoever has it can impersonate the broker. Run again, this only creates a new broker certificate.
set -eu
[ $# -gt 0 ] || { echo "usage: sh certificates.sh NAME-OR-ADDRESS..." >&2; exit 2; }
umask 077

curve="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
if [ ! -e ca.key ]; then
  openssl req -x509 $curve -days 7300 -subj "/CN=Fleet CA" -keyout ca.key -out ca.crt \
    -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign
fi

names=
for name in "$@"; do
  case $name in
    *:*) names="$names,IP:$name" ;;
    *[!0-9.]*) names="$names,DNS:$name" ;;
    *) names="$names,IP:$name" ;;
  esac
done
openssl req -new $curve -subj "/CN=$1" -keyout broker.key -out broker.csr
cat >broker.ext <<END
subjectAltName=${names#,}
basicConstraints=critical,CA:FALSE
extendedKeyUsage=serverAuth
END
# After a power failure a device's clock may show 1970, or last week: it accepts the certificate once its clock is right.
openssl x509 -req -in broker.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 825 -extfile broker.ext -out broker.crt
rm broker.csr broker.ext
chmod 644 ca.crt broker.crt
