set -eu
mkdir -p target/contract
cp "$MSIGN_WSDL" target/contract/MSign.wsdl
mvn -q -B package
