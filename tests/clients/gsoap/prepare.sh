set -eu
mkdir -p target
printf 'msign = "https://msign.gov.md"\n' >target/typemap.dat
wsdl2h -c++17 -O4 -P -x -n msign -t target/typemap.dat -o target/msign.h "$MSIGN_WSDL" 2>target/wsdl2h.log
soapcpp2 -j -C -x -I/usr/share/gsoap/import -d target target/msign.h >target/soapcpp2.log
g++ -std=c++17 -O1 -DWITH_OPENSSL -DWITH_GZIP -Itarget -o target/client client.cpp target/soapC.cpp \
    target/soapBasicHttpBinding_USCOREIMSignProxy.cpp -lgsoapssl++ -lssl -lcrypto -lz
