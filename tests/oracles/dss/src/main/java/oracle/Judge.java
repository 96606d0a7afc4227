package oracle;

import eu.europa.esig.dss.diagnostic.CertificateRevocationWrapper;
import eu.europa.esig.dss.diagnostic.CertificateWrapper;
import eu.europa.esig.dss.diagnostic.DiagnosticData;
import eu.europa.esig.dss.diagnostic.SignatureWrapper;
import eu.europa.esig.dss.jaxb.object.Message;
import eu.europa.esig.dss.model.DigestDocument;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.model.x509.CertificateToken;
import eu.europa.esig.dss.service.crl.OnlineCRLSource;
import eu.europa.esig.dss.service.http.commons.CommonsDataLoader;
import eu.europa.esig.dss.service.http.commons.OCSPDataLoader;
import eu.europa.esig.dss.service.ocsp.OnlineOCSPSource;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.simplereport.jaxb.XmlDetails;
import eu.europa.esig.dss.simplereport.jaxb.XmlMessage;
import eu.europa.esig.dss.simplereport.jaxb.XmlTimestamp;
import eu.europa.esig.dss.spi.tsl.TrustedListsCertificateSource;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.spi.x509.aia.DefaultAIASource;
import eu.europa.esig.dss.validation.SignedDocumentValidator;
import eu.europa.esig.dss.validation.reports.Reports;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** DSS under its default policy, with given anchors; reports what DSS says and adds no opinion. */
final class Judge {

    /** The neutral name that our detached signatures give their content; DSS compares it with the reference's URI. */
    private static final String CONTENT_NAME = "content";

    private final CommonTrustedCertificateSource anchors = new CommonTrustedCertificateSource();
    private final TrustedListsCertificateSource listed;
    private final boolean online;
    private final boolean aia;

    /** {@code list} may be null; {@code listSigners} is the folder of those who may sign it. */
    Judge(List<Path> folders, Path list, Path listSigners, boolean online, boolean aia)
            throws IOException, CertificateException {
        this.online = online;
        this.aia = aia;
        for (Path folder : folders) {
            certificates(folder).forEach(anchors::addCertificate);
        }
        listed = list == null ? null : Lists.read(list, certificates(listSigners));
    }

    private static List<CertificateToken> certificates(Path folder) throws IOException, CertificateException {
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        List<CertificateToken> found = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "*.{pem,crt,cer}")) {
            for (Path file : files) {
                try (InputStream in = Files.newInputStream(file)) {
                    for (Certificate certificate : factory.generateCertificates(in)) {
                        found.add(new CertificateToken((X509Certificate) certificate));
                    }
                }
            }
        }
        return found;
    }

    /** One file's report; a file that DSS cannot read gets an "unreadable" text instead of signatures. */
    Map<String, Object> judge(Input input) {
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("file", input.file().toString());
        try {
            SignedDocumentValidator validator =
                    SignedDocumentValidator.fromDocument(new FileDocument(input.file().toFile()));
            validator.setCertificateVerifier(verifier());
            if (input.algorithm() != null) {
                validator.setDetachedContents(
                        List.of(new DigestDocument(input.algorithm(), input.digest(), CONTENT_NAME)));
            }
            describe(validator.validateDocument(), report);
        } catch (RuntimeException unreadable) {
            report.put("unreadable", unreadable.getClass().getSimpleName() + ": " + unreadable.getMessage());
            report.put("signatures", List.of());
        }
        return report;
    }

    /** A fresh one per file: nothing learned from one file may help another. */
    private CommonCertificateVerifier verifier() {
        CommonCertificateVerifier verifier = new CommonCertificateVerifier();
        if (listed == null) {
            verifier.setTrustedCertSources(anchors);
        } else {
            verifier.setTrustedCertSources(anchors, listed);
        }
        verifier.setAIASource(aia ? new DefaultAIASource(new LoopbackLoader(new CommonsDataLoader())) : null);
        if (online) {
            verifier.setOcspSource(new OnlineOCSPSource(new LoopbackLoader(new OCSPDataLoader())));
            verifier.setCrlSource(new OnlineCRLSource(new LoopbackLoader(new CommonsDataLoader())));
        }
        return verifier;
    }

    private static void describe(Reports reports, Map<String, Object> report) {
        SimpleReport simple = reports.getSimpleReport();
        DiagnosticData diagnostic = reports.getDiagnosticData();
        report.put("policy", simple.getJaxbModel().getValidationPolicy().getPolicyName());
        List<Object> signatures = new ArrayList<>();
        for (SignatureWrapper signature : diagnostic.getSignatures()) {
            signatures.add(signature(signature, simple));
        }
        report.put("signatures", signatures);
        List<Object> certificates = new ArrayList<>();
        for (CertificateWrapper certificate : diagnostic.getUsedCertificates()) {
            certificates.add(certificate(certificate));
        }
        report.put("certificates", certificates);
    }

    private static Map<String, Object> signature(SignatureWrapper wrapper, SimpleReport simple) {
        String id = wrapper.getId();
        Map<String, Object> one = new LinkedHashMap<>();
        one.put("indication", simple.getIndication(id));
        one.put("subIndication", simple.getSubIndication(id));
        one.put("level", simple.getSignatureFormat(id));
        one.put("signatureAlgorithm", wrapper.getSignatureAlgorithm());
        one.put("intact", wrapper.isSignatureIntact());
        one.put("qualification", simple.getSignatureQualification(id));
        one.put("signedBy", simple.getSignedBy(id));
        one.put("signingTime", simple.getSigningTime(id));
        one.put("bestSignatureTime", simple.getBestSignatureTime(id));
        one.put("structureErrors", wrapper.getStructuralValidationMessages());
        one.put("errors", messages(simple.getAdESValidationErrors(id)));
        one.put("warnings", messages(simple.getAdESValidationWarnings(id)));
        one.put("infos", messages(simple.getAdESValidationInfo(id)));
        List<Object> timeStamps = new ArrayList<>();
        for (XmlTimestamp timeStamp : simple.getSignatureTimestamps(id)) {
            timeStamps.add(timeStamp(timeStamp));
        }
        one.put("timeStamps", timeStamps);
        return one;
    }

    private static Map<String, Object> timeStamp(XmlTimestamp timeStamp) {
        Map<String, Object> one = new LinkedHashMap<>();
        XmlDetails details = timeStamp.getAdESValidationDetails();
        one.put("indication", timeStamp.getIndication());
        one.put("subIndication", timeStamp.getSubIndication());
        one.put("productionTime", timeStamp.getProductionTime());
        one.put("producedBy", timeStamp.getProducedBy());
        one.put("errors", details == null ? List.of() : xmlMessages(details.getError()));
        one.put("warnings", details == null ? List.of() : xmlMessages(details.getWarning()));
        return one;
    }

    private static Map<String, Object> certificate(CertificateWrapper wrapper) {
        Map<String, Object> one = new LinkedHashMap<>();
        one.put("name", wrapper.getReadableCertificateName());
        one.put("trusted", wrapper.isTrusted());
        List<Object> revocation = new ArrayList<>();
        for (CertificateRevocationWrapper data : wrapper.getCertificateRevocationData()) {
            Map<String, Object> status = new LinkedHashMap<>();
            status.put("type", data.getRevocationType());
            status.put("origin", data.getOrigin());
            status.put("status", data.getStatus());
            status.put("thisUpdate", data.getThisUpdate());
            status.put("productionTime", data.getProductionDate());
            revocation.add(status);
        }
        one.put("revocation", revocation);
        return one;
    }

    private static List<Object> messages(List<Message> messages) {
        List<Object> texts = new ArrayList<>();
        messages.forEach(message -> texts.add(message(message.getKey(), message.getValue())));
        return texts;
    }

    private static List<Object> xmlMessages(List<XmlMessage> messages) {
        List<Object> texts = new ArrayList<>();
        messages.forEach(message -> texts.add(message(message.getKey(), message.getValue())));
        return texts;
    }

    private static Map<String, Object> message(String key, String text) {
        Map<String, Object> one = new LinkedHashMap<>();
        one.put("key", key);
        one.put("text", text);
        return one;
    }
}
