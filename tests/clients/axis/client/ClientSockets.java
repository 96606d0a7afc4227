package client;

import java.io.IOException;
import java.net.Socket;
import java.util.Hashtable;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import org.apache.axis.components.net.BooleanHolder;
import org.apache.axis.components.net.SecureSocketFactory;

/**
 * Axis makes one socket factory for the whole JVM, by name ("axis.socketSecureFactory"): this one connects as whoever
 * was named last. With a single certificate the JVM's own javax.net.ssl.keyStore properties do.
 */
public final class ClientSockets implements SecureSocketFactory {
    private static SSLContext now;

    /** Called by Axis. */
    public ClientSockets(Hashtable<?, ?> attributes) {}

    static void use(SSLContext context) {
        now = context;
    }

    @Override
    public Socket create(String host, int port, StringBuffer otherHeaders, BooleanHolder useFullUrl)
            throws IOException {
        SSLSocket socket = (SSLSocket) now.getSocketFactory().createSocket(host, port);
        SSLParameters parameters = socket.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS"); // plain sockets take any host's certificate
        socket.setSSLParameters(parameters);
        socket.startHandshake();
        return socket;
    }
}
