import eu.europa.esig.dss.enumerations.DigestAlgorithm;
import eu.europa.esig.dss.model.DigestDocument;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.model.x509.CertificateToken;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.validation.SignedDocumentValidator;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;

/**
 * Times EU DSS on groups of files in a JVM that has run warm, and prints the median seconds of each group, a line each.
 *
 * <pre>java -cp … Timing ANCHOR.pem LIST…</pre>
 *
 * A list is a text file with a line for each file: FILE, or FILE:SHA256:HEX with the digest of what was signed. A group
 * is validated as a whole: first until it has run ten times or for eight seconds, then by the clock five times, or for
 * twenty seconds. The policy is DSS's own; nothing is fetched. Exit 1 where DSS finds no signature in a file.
 */
public final class Timing {

    private static final long WARM_NANOSECONDS = 8_000_000_000L;
    private static final int WARM_RUNS = 10;
    private static final int TIMED_RUNS = 5;
    private static final long TIMED_NANOSECONDS = 20_000_000_000L;

    private final CommonTrustedCertificateSource anchors = new CommonTrustedCertificateSource();

    private Timing(Path anchor) throws Exception {
        try (InputStream in = Files.newInputStream(anchor)) {
            X509Certificate read = (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
            anchors.addCertificate(new CertificateToken(read));
        }
    }

    public static void main(String[] arguments) throws Exception {
        Timing timing = new Timing(Path.of(arguments[0]));
        for (int i = 1; i < arguments.length; i++) {
            List<String> files = Files.readAllLines(Path.of(arguments[i]), StandardCharsets.UTF_8);
            long began = System.nanoTime();
            for (int run = 0; run < WARM_RUNS && System.nanoTime() - began < WARM_NANOSECONDS; run++) {
                timing.validate(files);
            }
            List<Double> seconds = new ArrayList<>();
            long timed = System.nanoTime();
            while (seconds.isEmpty()
                    || (seconds.size() < TIMED_RUNS && System.nanoTime() - timed < TIMED_NANOSECONDS)) {
                long start = System.nanoTime();
                timing.validate(files);
                seconds.add((System.nanoTime() - start) / 1e9);
            }
            Collections.sort(seconds);
            System.out.println(seconds.get(seconds.size() / 2));
            System.err.println(files.size() + " files, " + seconds.size() + " runs: " + seconds);
        }
    }

    private void validate(List<String> files) {
        for (String file : files) {
            String[] parts = file.split(":");
            SignedDocumentValidator validator =
                    SignedDocumentValidator.fromDocument(new FileDocument(Path.of(parts[0]).toFile()));
            CommonCertificateVerifier verifier = new CommonCertificateVerifier();
            verifier.setTrustedCertSources(anchors);
            verifier.setAIASource(null);
            validator.setCertificateVerifier(verifier);
            if (parts.length == 3) {
                DigestAlgorithm algorithm = DigestAlgorithm.valueOf(parts[1]);
                byte[] digest = HexFormat.of().parseHex(parts[2]);
                validator.setDetachedContents(List.of(new DigestDocument(algorithm, digest, "content")));
            }
            if (validator.validateDocument().getSimpleReport().getSignatureIdList().isEmpty()) {
                System.err.println("no signature found in " + parts[0]);
                System.exit(1);
            }
        }
    }
}
