package eservice;

import jakarta.xml.ws.BindingProvider;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Collection;
import java.util.Map;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import md.gov.msign.ArrayOfSignContent;
import md.gov.msign.ArrayOfVerificationContent;
import md.gov.msign.ContentType;
import md.gov.msign.ExpectedSigner;
import md.gov.msign.IMSign;
import md.gov.msign.MSignService;
import md.gov.msign.ObjectFactory;
import md.gov.msign.SignContent;
import md.gov.msign.SignRequest;
import md.gov.msign.SignResponse;
import md.gov.msign.VerificationContent;
import md.gov.msign.VerificationRequest;
import md.gov.msign.VerificationResult;

/** The three operations of the contract, by the generated client. */
final class MSign {
    private static final ObjectFactory NEW = new ObjectFactory();
    private static final int CONNECT_MS = 10_000;
    private static final int ANSWER_MS = 60_000;

    private final IMSign port;

    MSign(String service, Path certificate, Path key, Path authority) throws GeneralSecurityException, IOException {
        port = new MSignService().getBasicHttpBindingIMSign();
        Map<String, Object> context = ((BindingProvider) port).getRequestContext();
        context.put(BindingProvider.ENDPOINT_ADDRESS_PROPERTY, service);
        context.put(
            "com.sun.xml.ws.transport.https.client.SSLSocketFactory",
            tls(certificate, key, authority).getSocketFactory());
        context.put("com.sun.xml.ws.connect.timeout", CONNECT_MS);
        context.put("com.sun.xml.ws.request.timeout", ANSWER_MS);
    }

    /** Returns the request's id. A fault of the service is a SOAPFaultException. */
    String post(byte[] digest, String person) {
        SignContent content = new SignContent();
        content.setContent(digest);
        content.setCorrelationID(NEW.createSignContentCorrelationID("agreement"));
        content.setName(NEW.createSignContentName("agreement.txt"));
        SignRequest request = new SignRequest();
        request.setContentDescription(
            NEW.createSignRequestContentDescription("Your agreement with the sample e-service"));
        request.setContentType(ContentType.HASH);
        request.setContents(new ArrayOfSignContent());
        request.getContents().getSignContent().add(content);
        if (!person.isEmpty()) {
            ExpectedSigner signer = new ExpectedSigner();
            signer.setID(person);
            request.setExpectedSigner(NEW.createSignRequestExpectedSigner(signer));
        }
        request.setShortContentDescription("Sample agreement");
        return port.postSignRequest(request);
    }

    SignResponse get(String requestId, String language) {
        return port.getSignResponse(requestId, language);
    }

    VerificationResult verify(byte[] digest, byte[] signature, String language) {
        VerificationContent content = new VerificationContent();
        content.setContent(NEW.createVerificationContentContent(digest));
        content.setSignature(signature);
        VerificationRequest request = new VerificationRequest();
        request.setContents(new ArrayOfVerificationContent());
        request.getContents().getVerificationContent().add(content);
        request.setLanguage(NEW.createVerificationRequestLanguage(language));
        request.setSignedContentType(ContentType.HASH);
        return port.verifySignatures(request).getResults().getVerificationResult().get(0);
    }

    /** A client certificate with its key (PKCS#8), and the authority of the gateway's own certificate, all PEM. */
    private static SSLContext tls(Path certificate, Path key, Path authority)
            throws GeneralSecurityException, IOException {
        Certificate[] chain = certificates(certificate).toArray(new Certificate[0]);
        String text = Files.readString(key).replaceAll("-----[A-Z ]+-----", "");
        PrivateKey privateKey = KeyFactory.getInstance(chain[0].getPublicKey().getAlgorithm())
            .generatePrivate(new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(text)));
        KeyStore own = KeyStore.getInstance("PKCS12");
        own.load(null, null);
        own.setKeyEntry("own", privateKey, new char[0], chain);
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(own, new char[0]);

        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        for (Certificate anchor : certificates(authority)) {
            trusted.setCertificateEntry("authority-" + trusted.size(), anchor);
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);

        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }

    private static Collection<? extends Certificate> certificates(Path file)
            throws GeneralSecurityException, IOException {
        try (InputStream pem = new ByteArrayInputStream(Files.readAllBytes(file))) {
            return CertificateFactory.getInstance("X.509").generateCertificates(pem);
        }
    }
}
