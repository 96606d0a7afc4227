package client;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.PrintStream;
import java.lang.reflect.Array;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;
import javax.net.ssl.SSLContext;
import md.gov.msign.BasicHttpBinding_IMSignStub;
import md.gov.msign.ContentType;
import md.gov.msign.DelegatorType;
import md.gov.msign.ExpectedSigner;
import md.gov.msign.MSignServiceLocator;
import md.gov.msign.SignContent;
import md.gov.msign.SignRequest;
import md.gov.msign.SignResponse;
import md.gov.msign.SignResult;
import md.gov.msign.VerificationCertificate;
import md.gov.msign.VerificationContent;
import md.gov.msign.VerificationRequest;
import md.gov.msign.VerificationResponse;
import md.gov.msign.VerificationResult;
import org.apache.axis.AxisFault;
import org.apache.axis.AxisProperties;

/** Apache Axis 1.4, whose stub and types WSDL2Java made: {@code sh run.sh scenario.json}. */
public final class Main {
    private static final int TIMEOUT_MS = 60_000;

    private Main() {}

    public static void main(String[] arguments) throws Exception {
        AxisProperties.setProperty("axis.socketSecureFactory", ClientSockets.class.getName());
        JsonObject scenario = JsonParser.parseString(Files.readString(Path.of(arguments[0]))).getAsJsonObject();
        MSignServiceLocator service = new MSignServiceLocator();
        BasicHttpBinding_IMSignStub port =
            (BasicHttpBinding_IMSignStub) service.getBasicHttpBinding_IMSign(new URL(text(scenario, "url")));
        port.setTimeout(TIMEOUT_MS);
        Map<String, SSLContext> known = new HashMap<>();
        JsonArray answers = new JsonArray();
        for (JsonElement one : scenario.getAsJsonArray("steps")) {
            JsonObject step = one.getAsJsonObject();
            String name = text(step, "identity");
            if (!known.containsKey(name)) {
                JsonObject identity = scenario.getAsJsonObject("identities").getAsJsonObject(name);
                known.put(name, Tls.context(identity, scenario.getAsJsonObject("truststore")));
            }
            ClientSockets.use(known.get(name));
            answers.add(answer(port, step));
        }
        new PrintStream(System.out, true, StandardCharsets.UTF_8).println(answers);
    }

    private static JsonObject answer(BasicHttpBinding_IMSignStub port, JsonObject step) throws Exception {
        JsonObject answer = new JsonObject();
        answer.add("name", step.get("name"));
        try {
            answer.add("result", call(port, step));
        } catch (AxisFault refused) {
            if (refused.detail != null) {
                throw refused; // Axis' wrapping of an exception on our side, no answer of the service
            }
            JsonObject fault = new JsonObject();
            fault.addProperty("code", refused.getFaultCode().getLocalPart());
            fault.addProperty("string", refused.getFaultString());
            answer.add("fault", fault);
        }
        return answer;
    }

    private static JsonObject call(BasicHttpBinding_IMSignStub port, JsonObject step) throws Exception {
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
        request.setContentDescription(text(given, "ContentDescription"));
        request.setContentType(ContentType.fromValue(text(given, "ContentType")));
        request.setContents(list(given, "Contents", SignContent.class, Main::signContent));
        if (given.has("ExpectedSigner")) {
            request.setExpectedSigner(expectedSigner(given.getAsJsonObject("ExpectedSigner")));
        }
        request.setShortContentDescription(text(given, "ShortContentDescription"));
        request.setSignatureReason(text(given, "SignatureReason"));
        return request;
    }

    private static SignContent signContent(JsonObject given) {
        SignContent content = new SignContent();
        content.setContent(bytes(given, "Content"));
        content.setCorrelationID(text(given, "CorrelationID"));
        if (given.has("MultipleSignatures")) {
            content.setMultipleSignatures(given.get("MultipleSignatures").getAsBoolean());
        }
        content.setName(text(given, "Name"));
        return content;
    }

    private static ExpectedSigner expectedSigner(JsonObject given) {
        ExpectedSigner signer = new ExpectedSigner();
        if (given.has("DelegatedRoleID")) {
            signer.setDelegatedRoleID(given.get("DelegatedRoleID").getAsInt());
        }
        signer.setDelegatorID(text(given, "DelegatorID"));
        if (given.has("DelegatorType")) {
            signer.setDelegatorType(DelegatorType.fromValue(text(given, "DelegatorType")));
        }
        signer.setID(text(given, "ID"));
        return signer;
    }

    private static VerificationRequest verificationRequest(JsonObject given) {
        VerificationRequest request = new VerificationRequest();
        request.setContents(list(given, "Contents", VerificationContent.class, Main::verificationContent));
        request.setLanguage(text(given, "Language"));
        request.setSignedContentType(ContentType.fromValue(text(given, "SignedContentType")));
        return request;
    }

    private static VerificationContent verificationContent(JsonObject given) {
        VerificationContent content = new VerificationContent();
        content.setContent(bytes(given, "Content"));
        content.setCorrelationID(text(given, "CorrelationID"));
        content.setSignature(bytes(given, "Signature"));
        return content;
    }

    private static JsonObject told(SignResponse response) {
        JsonObject answer = new JsonObject();
        put(answer, "Message", response.getMessage());
        if (response.getResults() != null) {
            JsonArray results = new JsonArray();
            for (SignResult one : response.getResults()) {
                JsonObject result = new JsonObject();
                put(result, "Certificate", one.getCertificate());
                put(result, "CorrelationID", one.getCorrelationID());
                put(result, "Signature", one.getSignature());
                results.add(result);
            }
            answer.add("Results", results);
        }
        put(answer, "Status", response.getStatus().getValue());
        return answer;
    }

    private static JsonObject told(VerificationResponse response) {
        JsonArray results = new JsonArray();
        for (VerificationResult one : response.getResults()) {
            JsonObject result = new JsonObject();
            if (one.getCertificates() != null) {
                JsonArray certificates = new JsonArray();
                for (VerificationCertificate certificate : one.getCertificates()) {
                    certificates.add(told(certificate));
                }
                result.add("Certificates", certificates);
            }
            put(result, "CorrelationID", one.getCorrelationID());
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
        if (certificate.getSignedAt() != null) {
            answer.addProperty("SignedAt", certificate.getSignedAt().toInstant().toString());
        }
        put(answer, "Subject", certificate.getSubject());
        return answer;
    }

    @SuppressWarnings("unchecked")
    private static <T> T[] list(JsonObject from, String name, Class<T> type, Function<JsonObject, T> item) {
        if (!from.has(name)) {
            return null;
        }
        JsonArray given = from.getAsJsonArray(name);
        T[] made = (T[]) Array.newInstance(type, given.size());
        for (int i = 0; i < made.length; i++) {
            made[i] = item.apply(given.get(i).getAsJsonObject());
        }
        return made;
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
