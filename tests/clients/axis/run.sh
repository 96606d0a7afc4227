. ./classpath.sh
exec java -cp "$classpath" client.Main "$1"
