package oracle;

import eu.europa.esig.dss.service.http.commons.CommonsDataLoader;
import eu.europa.esig.dss.spi.client.http.DataLoader;
import eu.europa.esig.dss.spi.exception.DSSExternalResourceException;
import java.net.URI;
import java.util.List;
import java.util.Set;

/** Fetches over HTTP from this machine and nowhere else: a certificate under test must not send us abroad. */
final class LoopbackLoader implements DataLoader {

    private static final long serialVersionUID = 1L;
    private static final Set<String> HERE = Set.of("127.0.0.1", "localhost", "[::1]");
    private final CommonsDataLoader inner;

    LoopbackLoader(CommonsDataLoader inner) {
        this.inner = inner;
        inner.setTimeoutConnection(5_000);
        inner.setTimeoutConnectionRequest(5_000);
        inner.setTimeoutResponse(10_000);
        inner.setTimeoutSocket(10_000);
        inner.setRedirectsEnabled(false);
    }

    @Override
    public byte[] get(String url) {
        return inner.get(here(url));
    }

    @Override
    public DataAndUrl get(List<String> urls) {
        return inner.get(urls.stream().map(LoopbackLoader::here).toList());
    }

    @Override
    public byte[] post(String url, byte[] content) {
        return inner.post(here(url), content);
    }

    @Override
    public void setContentType(String contentType) {
        inner.setContentType(contentType);
    }

    private static String here(String url) {
        URI uri = URI.create(url);
        if (!"http".equals(uri.getScheme()) || uri.getHost() == null || !HERE.contains(uri.getHost())) {
            throw new DSSExternalResourceException("only http on the loopback interface is fetched");
        }
        return url;
    }
}
