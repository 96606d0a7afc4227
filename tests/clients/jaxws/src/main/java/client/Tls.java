package client;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;

/**
 * TLS with a client certificate of its own for every port, apart from the JVM's settings.
 *
 * The folders of CXF and Axis hold links to this file.
 */
final class Tls {
    private Tls() {}

    static SSLContext context(JsonObject identity, JsonObject truststore) throws GeneralSecurityException, IOException {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys(identity), trust(truststore), null);
        return context;
    }

    static KeyManager[] keys(JsonObject identity) throws GeneralSecurityException, IOException {
        KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        factory.init(store(identity), password(identity));
        return factory.getKeyManagers();
    }

    static TrustManager[] trust(JsonObject truststore) throws GeneralSecurityException, IOException {
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store(truststore));
        return factory.getTrustManagers();
    }

    private static KeyStore store(JsonObject described) throws GeneralSecurityException, IOException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (InputStream file = Files.newInputStream(Path.of(described.get("p12").getAsString()))) {
            store.load(file, password(described));
        }
        return store;
    }

    private static char[] password(JsonObject described) {
        return described.get("password").getAsString().toCharArray();
    }
}
