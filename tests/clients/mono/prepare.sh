set -eu
mkdir -p target
svcutil "file://$MSIGN_WSDL" -o:target/MSign.cs --noConfig
mcs -warnaserror -out:target/client.exe -r:System.ServiceModel -r:System.Runtime.Serialization \
    -r:System.Web.Extensions -r:Mono.Security Client.cs target/MSign.cs
