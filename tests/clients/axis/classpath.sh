# Axis 1.4 and what it stands on, as Debian installs them; for prepare.sh and run.sh.
classpath=target/classes
for jar in axis jaxrpc saaj wsdl4j commons-discovery commons-logging javax.activation javax.mail gson; do
    classpath=$classpath:/usr/share/java/$jar.jar
done
