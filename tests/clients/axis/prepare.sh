set -eu
. ./classpath.sh
mkdir -p target/classes
java -cp "$classpath" org.apache.axis.wsdl.WSDL2Java -o target/generated "$MSIGN_WSDL"
# The generated code is of 2006: raw collections, and names that have become deprecated.
find target/generated client -name '*.java' > target/sources
javac -nowarn -Xlint:none --release 17 -cp "$classpath" -d target/classes @target/sources
