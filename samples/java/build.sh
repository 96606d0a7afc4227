# Usage: sh build.sh ADDRESS_OF_THE_CONTRACT
# Fetches the served WSDL, generates the client from it and packs everything into target/eservice.jar and target/lib.
set -eu
cd "$(dirname "$0")"
mkdir -p target/contract
curl -sSf -o target/contract/MSign.wsdl "$1"
mvn -q -B package
