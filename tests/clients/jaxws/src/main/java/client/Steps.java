package client;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import jakarta.xml.bind.JAXBElement;
import jakarta.xml.ws.soap.SOAPFaultException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import javax.xml.datatype.XMLGregorianCalendar;
import md.gov.msign.ArrayOfSignContent;
import md.gov.msign.ArrayOfVerificationContent;
import md.gov.msign.ContentType;
import md.gov.msign.DelegatorType;
import md.gov.msign.ExpectedSigner;
import md.gov.msign.IMSign;
import md.gov.msign.ObjectFactory;
import md.gov.msign.SignContent;
import md.gov.msign.SignRequest;
import md.gov.msign.SignResponse;
import md.gov.msign.SignResult;
import md.gov.msign.VerificationCertificate;
import md.gov.msign.VerificationContent;
import md.gov.msign.VerificationRequest;
import md.gov.msign.VerificationResponse;
import md.gov.msign.VerificationResult;

/**
 * The steps of a scenario on a generated port. JAX-WS RI and CXF generate the same classes, so CXF's
 * folder holds a link to this file.
 *
 * Optional members that may be nil are JAXBElement: absent is null, nil an element whose value is null.
 */
final class Steps {
    /** How a runtime makes the port of one identity. */
    interface Ports {
        IMSign of(JsonObject scenario, JsonObject identity) throws Exception;
    }

    private static final ObjectFactory NEW = new ObjectFactory();

    private Steps() {}

    static void run(String file, Ports ports) throws Exception {
        JsonObject scenario = read(file);
        Map<String, IMSign> known = new HashMap<>();
        JsonArray answers = new JsonArray();
        for (JsonElement one : scenario.getAsJsonArray("steps")) {
            JsonObject step = one.getAsJsonObject();
            String name = text(step, "identity");
            if (!known.containsKey(name)) {
                known.put(name, ports.of(scenario, scenario.getAsJsonObject("identities").getAsJsonObject(name)));
            }
            JsonObject answer = new JsonObject();
            answer.add("name", step.get("name"));
            try {
                answer.add("result", call(known.get(name), step));
            } catch (SOAPFaultException refused) {
                JsonObject fault = new JsonObject();
                fault.addProperty("code", refused.getFault().getFaultCodeAsQName().getLocalPart());
                fault.addProperty("string", refused.getFault().getFaultString());
                answer.add("fault", fault);
            }
            answers.add(answer);
        }
        new PrintStream(System.out, true, StandardCharsets.UTF_8).println(answers);
    }

    private static JsonObject read(String file) throws IOException {
        return JsonParser.parseString(Files.readString(Path.of(file))).getAsJsonObject();
    }

    private static JsonObject call(IMSign port, JsonObject step) {
        switch (text(step, "operation")) {
            case "PostSignRequest":
                JsonObject answer = new JsonObject();
                String id = port.postSignRequest(signRequest(step.getAsJsonObject("request")));
                answer.addProperty("PostSignRequestResult", id);
                return answer;
            case "GetSignResponse":
                return told(port.getSignResponse(text(step, "requestID"), text(step, "language")));
            case "VerifySignatures":
                return told(port.verifySignatures(verificationRequest(step.getAsJsonObject("request"))));
            default:
                throw new IllegalArgumentException("no such operation: " + step.get("operation"));
        }
    }

    private static SignRequest signRequest(JsonObject given) {
        SignRequest request = new SignRequest();
        if (given.has("ContentDescription")) {
            request.setContentDescription(
                NEW.createSignRequestContentDescription(text(given, "ContentDescription")));
        }
        request.setContentType(ContentType.fromValue(text(given, "ContentType")));
        if (given.has("Contents")) {
            request.setContents(new ArrayOfSignContent());
            for (JsonElement one : given.getAsJsonArray("Contents")) {
                request.getContents().getSignContent().add(signContent(one.getAsJsonObject()));
            }
        }
        if (given.has("ExpectedSigner")) {
            request.setExpectedSigner(
                NEW.createSignRequestExpectedSigner(expectedSigner(given.getAsJsonObject("ExpectedSigner"))));
        }
        request.setShortContentDescription(text(given, "ShortContentDescription"));
        if (given.has("SignatureReason")) {
            request.setSignatureReason(NEW.createSignRequestSignatureReason(text(given, "SignatureReason")));
        }
        return request;
    }

    private static SignContent signContent(JsonObject given) {
        SignContent content = new SignContent();
        content.setContent(bytes(given, "Content"));
        if (given.has("CorrelationID")) {
            content.setCorrelationID(NEW.createSignContentCorrelationID(text(given, "CorrelationID")));
        }
        if (given.has("MultipleSignatures")) {
            content.setMultipleSignatures(given.get("MultipleSignatures").getAsBoolean());
        }
        if (given.has("Name")) {
            content.setName(NEW.createSignContentName(text(given, "Name")));
        }
        return content;
    }

    private static ExpectedSigner expectedSigner(JsonObject given) {
        ExpectedSigner signer = new ExpectedSigner();
        if (given.has("DelegatedRoleID")) {
            signer.setDelegatedRoleID(given.get("DelegatedRoleID").getAsInt());
        }
        if (given.has("DelegatorID")) {
            signer.setDelegatorID(NEW.createExpectedSignerDelegatorID(text(given, "DelegatorID")));
        }
        if (given.has("DelegatorType")) {
            signer.setDelegatorType(DelegatorType.fromValue(text(given, "DelegatorType")));
        }
        signer.setID(text(given, "ID"));
        return signer;
    }

    private static VerificationRequest verificationRequest(JsonObject given) {
        VerificationRequest request = new VerificationRequest();
        if (given.has("Contents")) {
            request.setContents(new ArrayOfVerificationContent());
            for (JsonElement one : given.getAsJsonArray("Contents")) {
                request.getContents().getVerificationContent().add(verificationContent(one.getAsJsonObject()));
            }
        }
        if (given.has("Language")) {
            request.setLanguage(NEW.createVerificationRequestLanguage(text(given, "Language")));
        }
        request.setSignedContentType(ContentType.fromValue(text(given, "SignedContentType")));
        return request;
    }

    private static VerificationContent verificationContent(JsonObject given) {
        VerificationContent content = new VerificationContent();
        if (given.has("Content")) {
            content.setContent(NEW.createVerificationContentContent(bytes(given, "Content")));
        }
        if (given.has("CorrelationID")) {
            content.setCorrelationID(NEW.createVerificationContentCorrelationID(text(given, "CorrelationID")));
        }
        content.setSignature(bytes(given, "Signature"));
        return content;
    }

    private static JsonObject told(SignResponse response) {
        JsonObject answer = new JsonObject();
        put(answer, "Message", value(response.getMessage()));
        if (response.getResults() != null) {
            JsonArray results = new JsonArray();
            for (SignResult one : response.getResults().getSignResult()) {
                JsonObject result = new JsonObject();
                put(result, "Certificate", value(one.getCertificate()));
                put(result, "CorrelationID", value(one.getCorrelationID()));
                put(result, "Signature", value(one.getSignature()));
                results.add(result);
            }
            answer.add("Results", results);
        }
        answer.addProperty("Status", response.getStatus().value());
        return answer;
    }

    private static JsonObject told(VerificationResponse response) {
        JsonArray results = new JsonArray();
        for (VerificationResult one : response.getResults().getVerificationResult()) {
            JsonObject result = new JsonObject();
            if (value(one.getCertificates()) != null) {
                JsonArray certificates = new JsonArray();
                one.getCertificates().getValue().getVerificationCertificate().forEach(c -> certificates.add(told(c)));
                result.add("Certificates", certificates);
            }
            put(result, "CorrelationID", value(one.getCorrelationID()));
            put(result, "Message", one.getMessage());
            result.addProperty("SignaturesValid", one.isSignaturesValid());
            results.add(result);
        }
        JsonObject answer = new JsonObject();
        answer.add("Results", results);
        return answer;
    }

    private static JsonObject told(VerificationCertificate certificate) {
        JsonObject answer = new JsonObject();
        put(answer, "Certificate", certificate.getCertificate());
        answer.addProperty("SignatureValid", certificate.isSignatureValid());
        XMLGregorianCalendar signedAt = value(certificate.getSignedAt());
        put(answer, "SignedAt", signedAt == null ? null : signedAt.toXMLFormat());
        put(answer, "Subject", certificate.getSubject());
        return answer;
    }

    private static <T> T value(JAXBElement<T> element) {
        return element == null ? null : element.getValue();
    }

    private static void put(JsonObject to, String name, Object value) {
        if (value instanceof byte[]) {
            to.addProperty(name, Base64.getEncoder().encodeToString((byte[]) value));
        } else if (value != null) {
            to.addProperty(name, (String) value);
        }
    }

    private static String text(JsonObject from, String name) {
        return from.has(name) ? from.get(name).getAsString() : null;
    }

    private static byte[] bytes(JsonObject from, String name) {
        return from.has(name) ? Base64.getDecoder().decode(text(from, name)) : null;
    }
}
