#!/bin/sh
# Makes a certificate authority for a fleet, once, and a certificate for its broker, in the current folder:
#   sh certificates.sh broker.example.com 192.0.2.2      (every name and address that devices use for the broker)
# ca.crt goes to each device and operator, broker.crt and broker.key to the broker's /etc/mosquitto/certs. ca.key goes
# nowhere: who has it can be the broker for every device. Run again, it makes a new broker certificate only.
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
# A device that was without power may believe it is 1970, or last week: it takes the certificate once it knows the time.
openssl x509 -req -in broker.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 825 -extfile broker.ext -out broker.crt
rm broker.csr broker.ext
chmod 644 ca.crt broker.crt
