import eu.europa.esig.dss.enumerations.DigestAlgorithm;
import eu.europa.esig.dss.enumerations.SignatureAlgorithm;
import eu.europa.esig.dss.enumerations.SignatureLevel;
import eu.europa.esig.dss.enumerations.SignaturePackaging;
import eu.europa.esig.dss.model.DSSDocument;
import eu.europa.esig.dss.model.DigestDocument;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.model.SignatureValue;
import eu.europa.esig.dss.model.x509.CertificateToken;
import eu.europa.esig.dss.pades.PAdESSignatureParameters;
import eu.europa.esig.dss.pades.signature.PAdESService;
import eu.europa.esig.dss.service.SecureRandomNonceSource;
import eu.europa.esig.dss.service.http.commons.TimestampDataLoader;
import eu.europa.esig.dss.service.tsp.OnlineTSPSource;
import eu.europa.esig.dss.spi.signature.AdvancedSignature;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.validation.SignedDocumentValidator;
import eu.europa.esig.dss.xades.XAdESSignatureParameters;
import eu.europa.esig.dss.xades.signature.XAdESService;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Date;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Times EU DSS signing in a JVM that has run warm, and prints the median seconds of each job, a line each.
 *
 * <pre>java -cp … Signing FOLDER AUTHORITY JOB…</pre>
 *
 * FOLDER has KEY.pk8 and KEY.der for each key, and issuing.der; AUTHORITY is the time-stamping authority's address. A
 * job is FORMAT,KEY,LEVEL,COUNT[,PDF] with FORMAT xades, xades-read (each signature is read back and its value and
 * references checked) or pades. Keys are in memory. With level T, 32 threads sign at once over connections kept open,
 * as one would who knows that the authority is far. A job is done as a whole: until it has run twenty times or for
 * eight seconds, then by the clock five times, or for fifteen seconds.
 */
public final class Signing {

    private static final int AT_ONCE = 32;
    private static final int CONTAINER = 32768;
    private static final long WARM_NANOSECONDS = 8_000_000_000L;
    private static final int WARM_RUNS = 20;
    private static final int TIMED_RUNS = 5;
    private static final long TIMED_NANOSECONDS = 15_000_000_000L;

    private final Path folder;
    private final CertificateToken issuing;
    private final XAdESService xades = new XAdESService(new CommonCertificateVerifier());
    private final PAdESService pades = new PAdESService(new CommonCertificateVerifier());
    private final ExecutorService threads = Executors.newFixedThreadPool(AT_ONCE);
    private final SecureRandom random = new SecureRandom();

    private Signing(Path folder, String authority) throws Exception {
        this.folder = folder;
        this.issuing = certificate("issuing");
        TimestampDataLoader loader = new TimestampDataLoader();
        loader.setConnectionsMaxTotal(2 * AT_ONCE);
        loader.setConnectionsMaxPerRoute(AT_ONCE);
        OnlineTSPSource source = new OnlineTSPSource(authority, loader);
        source.setNonceSource(new SecureRandomNonceSource());
        xades.setTspSource(source);
        pades.setTspSource(source);
    }

    public static void main(String[] arguments) throws Exception {
        Signing signing = new Signing(Path.of(arguments[0]), arguments[1]);
        for (int i = 2; i < arguments.length; i++) {
            signing.time(arguments[i]);
        }
        signing.threads.shutdown();
        System.exit(0);
    }

    private void time(String job) throws Exception {
        String[] parts = job.split(",");
        Callable<Void> one = one(parts);
        int count = Integer.parseInt(parts[3]);
        boolean together = parts[2].equals("T");
        long began = System.nanoTime();
        for (int run = 0; run < WARM_RUNS && System.nanoTime() - began < WARM_NANOSECONDS; run++) {
            run(one, count, together);
        }
        List<Double> seconds = new ArrayList<>();
        long timed = System.nanoTime();
        while (seconds.isEmpty() || (seconds.size() < TIMED_RUNS && System.nanoTime() - timed < TIMED_NANOSECONDS)) {
            long start = System.nanoTime();
            run(one, count, together);
            seconds.add((System.nanoTime() - start) / 1e9);
        }
        Collections.sort(seconds);
        System.out.println(seconds.get(seconds.size() / 2));
        System.err.println(job + ": " + seconds);
    }

    private void run(Callable<Void> one, int count, boolean together) throws Exception {
        if (!together) {
            for (int i = 0; i < count; i++) {
                one.call();
            }
            return;
        }
        for (Future<Void> done : threads.invokeAll(Collections.nCopies(count, one))) {
            done.get();
        }
    }

    private Callable<Void> one(String[] parts) throws Exception {
        boolean rsa = parts[1].equals("rsa");
        byte[] encoded = Files.readAllBytes(folder.resolve(parts[1] + ".pk8"));
        PrivateKey key = KeyFactory.getInstance(rsa ? "RSA" : "EC").generatePrivate(new PKCS8EncodedKeySpec(encoded));
        CertificateToken certificate = certificate(parts[1]);
        SignatureAlgorithm algorithm = rsa ? SignatureAlgorithm.RSA_SHA256 : SignatureAlgorithm.ECDSA_SHA256;
        boolean stamped = parts[2].equals("T");
        if (parts[0].equals("pades")) {
            Path file = Path.of(parts[4]);
            return () -> {
                signPdf(file, key, certificate, algorithm, stamped);
                return null;
            };
        }
        boolean read = parts[0].equals("xades-read");
        return () -> {
            signHash(key, certificate, algorithm, stamped, read);
            return null;
        };
    }

    private void signHash(
            PrivateKey key, CertificateToken certificate, SignatureAlgorithm algorithm, boolean stamped, boolean read)
            throws Exception {
        byte[] digest = new byte[32];
        random.nextBytes(digest);
        DigestDocument content = new DigestDocument(DigestAlgorithm.SHA256, digest, "content");
        XAdESSignatureParameters parameters = new XAdESSignatureParameters();
        parameters.setSignatureLevel(
                stamped ? SignatureLevel.XAdES_BASELINE_T : SignatureLevel.XAdES_BASELINE_B);
        parameters.setSignaturePackaging(SignaturePackaging.DETACHED);
        parameters.setDigestAlgorithm(DigestAlgorithm.SHA256);
        parameters.setSigningCertificate(certificate);
        parameters.setCertificateChain(certificate, issuing);
        parameters.bLevel().setSigningDate(new Date());
        byte[] value = value(key, algorithm, xades.getDataToSign(content, parameters).getBytes());
        DSSDocument signed = xades.signDocument(content, parameters, new SignatureValue(algorithm, value));
        if (read) {
            SignedDocumentValidator validator = SignedDocumentValidator.fromDocument(signed);
            validator.setCertificateVerifier(new CommonCertificateVerifier());
            validator.setDetachedContents(List.of(content));
            AdvancedSignature found = validator.getSignatures().get(0);
            found.checkSignatureIntegrity();
            if (!found.getSignatureCryptographicVerification().isSignatureValid()) {
                throw new IllegalStateException("a signature does not read back");
            }
        }
    }

    private void signPdf(
            Path file, PrivateKey key, CertificateToken certificate, SignatureAlgorithm algorithm, boolean stamped)
            throws Exception {
        DSSDocument content = new FileDocument(file.toFile());
        PAdESSignatureParameters parameters = new PAdESSignatureParameters();
        parameters.setSignatureLevel(
                stamped ? SignatureLevel.PAdES_BASELINE_T : SignatureLevel.PAdES_BASELINE_B);
        parameters.setDigestAlgorithm(DigestAlgorithm.SHA256);
        parameters.setSigningCertificate(certificate);
        parameters.setCertificateChain(certificate, issuing);
        parameters.setContentSize(CONTAINER);
        parameters.bLevel().setSigningDate(new Date());
        byte[] value = value(key, algorithm, pades.getDataToSign(content, parameters).getBytes());
        pades.signDocument(content, parameters, new SignatureValue(algorithm, value));
    }

    private static byte[] value(PrivateKey key, SignatureAlgorithm algorithm, byte[] octets) throws Exception {
        Signature signature = Signature.getInstance(algorithm.getJCEId());
        signature.initSign(key);
        signature.update(octets);
        return signature.sign();
    }

    private CertificateToken certificate(String name) throws Exception {
        try (InputStream in = Files.newInputStream(folder.resolve(name + ".der"))) {
            X509Certificate read = (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
            return new CertificateToken(read);
        }
    }
}
