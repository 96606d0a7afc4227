package oracle;

import eu.europa.esig.dss.model.x509.CertificateToken;
import eu.europa.esig.dss.service.http.commons.FileCacheDataLoader;
import eu.europa.esig.dss.spi.client.http.MemoryDataLoader;
import eu.europa.esig.dss.spi.tsl.TrustedListsCertificateSource;
import eu.europa.esig.dss.spi.x509.CommonCertificateSource;
import eu.europa.esig.dss.tsl.job.TLValidationJob;
import eu.europa.esig.dss.tsl.source.TLSource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** One trusted list from a file, signed by one of the given certificates; DSS then says what is qualified. */
final class Lists {

    private static final String ADDRESS = "http://localhost/list.xml";

    private Lists() {
    }

    static TrustedListsCertificateSource read(Path file, Iterable<CertificateToken> signers) throws IOException {
        CommonCertificateSource pinned = new CommonCertificateSource();
        signers.forEach(pinned::addCertificate);
        TLSource source = new TLSource();
        source.setUrl(ADDRESS);
        source.setCertificateSource(pinned);
        FileCacheDataLoader loader = new FileCacheDataLoader(new MemoryDataLoader(
                Map.of(ADDRESS, Files.readAllBytes(file))));
        loader.setFileCacheDirectory(Files.createTempDirectory("dss-lists").toFile());
        loader.setCacheExpirationTime(0);
        TrustedListsCertificateSource found = new TrustedListsCertificateSource();
        TLValidationJob job = new TLValidationJob();
        job.setTrustedListSources(source);
        job.setTrustedListCertificateSource(found);
        job.setOnlineDataLoader(loader);
        // DSS's own threads would keep the JVM waiting for a minute.
        ExecutorService threads = Executors.newCachedThreadPool();
        job.setExecutorService(threads);
        job.onlineRefresh();
        threads.shutdown();
        return found;
    }
}
