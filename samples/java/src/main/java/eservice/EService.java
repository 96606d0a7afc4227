package eservice;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import jakarta.xml.ws.soap.SOAPFaultException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import md.gov.msign.SignResponse;
import md.gov.msign.VerificationResult;

/** Three addresses: the page, the button, and where browsers return to. Requests are answered one after the other. */
public final class EService {
    private static final byte[] DOCUMENT = "I agree to everything.\n".getBytes(StandardCharsets.UTF_8);
    private static final int BODY_LIMIT = 64 * 1024;
    private static final int STATE_BYTES = 16;

    private final MSign msign;
    private final String pages;
    private final SecureRandom random = new SecureRandom();
    private final Map<String, String> waiting = new HashMap<>(); // RelayState to request id: what was sent comes back

    private EService(MSign msign, String pages) {
        this.msign = msign;
        this.pages = pages;
    }

    private void answer(HttpExchange exchange) throws IOException {
        try {
            Map<String, String> fields = fields(exchange);
            if (!exchange.getRequestMethod().equals("POST")) {
                show(exchange, "<h1>Sample e-service</h1><form method=post action=/sign><label>Your number "
                    + "<input name=person inputmode=numeric></label> <button>Sign the agreement</button></form>");
            } else if (exchange.getRequestURI().getPath().equals("/sign")) {
                sign(exchange, fields.getOrDefault("person", ""));
            } else {
                back(exchange, fields);
            }
        } catch (RuntimeException problem) {
            problem.printStackTrace();
            exchange.sendResponseHeaders(500, -1);
        } finally {
            exchange.close();
        }
    }

    private void sign(HttpExchange exchange, String person) throws IOException {
        String requestId;
        try {
            requestId = msign.post(digest(), person);
        } catch (SOAPFaultException fault) { // an invalid number: say so here, do not send the signer away
            show(exchange, "<h1>Not possible</h1><p>" + escaped(fault.getFault().getFaultString()) + "</p>");
            return;
        }
        byte[] bytes = new byte[STATE_BYTES];
        random.nextBytes(bytes);
        String state = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
        waiting.put(state, requestId);
        String back = "http://localhost:" + exchange.getLocalAddress().getPort() + "/back";
        show(exchange, "<h1>To the sign page</h1><form method=post action='" + escaped(pages + requestId) + "'>"
            + "<input type=hidden name=ReturnUrl value='" + escaped(back) + "'>"
            + "<input type=hidden name=RelayState value='" + state + "'><button>Continue</button></form>");
    }

    private void back(HttpExchange exchange, Map<String, String> fields) throws IOException {
        String requestId = waiting.remove(fields.getOrDefault("RelayState", ""));
        if (requestId == null || !requestId.equals(fields.get("RequestID"))) {
            show(exchange, "<h1>This is not something that was asked for</h1>");
            return;
        }
        SignResponse response = msign.get(requestId, "en");
        switch (response.getStatus()) {
            case SUCCESS -> {
                byte[] signature = response.getResults().getSignResult().get(0).getSignature().getValue();
                VerificationResult result = msign.verify(digest(), signature, "en");
                show(exchange, "<h1>Success</h1><p>" + signature.length + " bytes. " + escaped(result.getMessage())
                    + "</p>");
            }
            default -> {
                // Optional members come as JAXBElement: null when absent, with a null value when nil.
                String message = response.getMessage() == null ? null : response.getMessage().getValue();
                show(exchange, "<h1>" + escaped(response.getStatus().value()) + "</h1><p>" + escaped(message) + "</p>");
            }
        }
    }

    private static byte[] digest() {
        try {
            return MessageDigest.getInstance("SHA-256").digest(DOCUMENT);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static Map<String, String> fields(HttpExchange exchange) throws IOException {
        String body = new String(exchange.getRequestBody().readNBytes(BODY_LIMIT), StandardCharsets.UTF_8);
        Map<String, String> fields = new HashMap<>();
        for (String pair : body.split("&")) {
            String[] parts = pair.split("=", 2);
            if (parts.length == 2) {
                fields.put(decoded(parts[0]), decoded(parts[1]));
            }
        }
        return fields;
    }

    private static String decoded(String text) {
        return URLDecoder.decode(text, StandardCharsets.UTF_8);
    }

    private static String escaped(String text) {
        return text == null ? "" : text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            .replace("'", "&#39;").replace("\"", "&quot;");
    }

    private static void show(HttpExchange exchange, String body) throws IOException {
        byte[] page = ("<!doctype html><html lang=en><meta charset=utf-8><title>e-service</title>" + body + "</html>")
            .getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "text/html; charset=utf-8");
        exchange.sendResponseHeaders(200, page.length);
        exchange.getResponseBody().write(page);
    }

    public static void main(String[] arguments) throws GeneralSecurityException, IOException {
        Map<String, String> given = new HashMap<>();
        for (int i = 0; i + 1 < arguments.length; i += 2) {
            given.put(arguments[i], arguments[i + 1]);
        }
        Path sandbox = Path.of(given.getOrDefault("--data", "demo-data"), "sandbox");
        MSign msign = new MSign(
            given.getOrDefault("--service", "https://localhost:8443/MSign.svc"),
            path(given, "--certificate", sandbox.resolve("certificates/consumer.pem")),
            path(given, "--key", sandbox.resolve("private/consumer.pem")),
            path(given, "--authority", sandbox.resolve("anchors/consumers/tls.pem")));
        EService service = new EService(msign, given.getOrDefault("--pages", "http://localhost:8080/"));
        int port = Integer.parseInt(given.getOrDefault("--port", "8000"));
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        server.createContext("/", service::answer);
        server.start();
        System.out.println("open http://localhost:" + server.getAddress().getPort() + "/");
    }

    private static Path path(Map<String, String> given, String name, Path otherwise) {
        return given.containsKey(name) ? Path.of(given.get(name)) : otherwise;
    }
}
