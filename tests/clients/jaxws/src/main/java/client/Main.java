package client;

import com.google.gson.JsonObject;
import jakarta.xml.ws.BindingProvider;
import java.nio.file.Path;
import java.util.Map;
import md.gov.msign.IMSign;
import md.gov.msign.MSignService;

/** JAX-WS RI: {@code java -cp 'target/client.jar:target/lib/*' client.Main scenario.json}. */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) throws Exception {
        Steps.run(arguments[0], Main::port);
    }

    private static IMSign port(JsonObject scenario, JsonObject identity) throws Exception {
        // The saved contract, not the address: JAX-WS would fetch it with the JVM's own TLS settings.
        Path contract = Path.of(scenario.get("wsdl_file").getAsString());
        IMSign port = new MSignService(contract.toUri().toURL()).getBasicHttpBindingIMSign();
        Map<String, Object> context = ((BindingProvider) port).getRequestContext();
        context.put(BindingProvider.ENDPOINT_ADDRESS_PROPERTY, scenario.get("url").getAsString());
        context.put(
            "com.sun.xml.ws.transport.https.client.SSLSocketFactory",
            Tls.context(identity, scenario.getAsJsonObject("truststore")).getSocketFactory());
        context.put("com.sun.xml.ws.connect.timeout", 10_000);
        context.put("com.sun.xml.ws.request.timeout", 60_000);
        return port;
    }
}
