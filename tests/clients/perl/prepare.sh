set -eu
mkdir -p target
wsdl2perl -p MSign -b target/lib "file://$MSIGN_WSDL" >target/wsdl2perl.log 2>&1
