# Usage: sh build.sh ADDRESS_OF_THE_CONTRACT
# svcutil writes proxy and data contracts from the served WSDL; mcs compiles them with the e-service.
set -eu
cd "$(dirname "$0")"
mkdir -p target
svcutil "$1" -o:target/Proxy.cs --noConfig
mcs -warnaserror -out:target/eservice.exe -r:System.ServiceModel -r:System.Runtime.Serialization -r:System.Web \
    -r:Mono.Security EService.cs MSign.cs target/Proxy.cs
