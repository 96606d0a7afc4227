package client;

import com.google.gson.JsonObject;
import jakarta.xml.ws.BindingProvider;
import java.nio.file.Path;
import md.gov.msign.IMSign;
import md.gov.msign.MSignService;
import org.apache.cxf.configuration.jsse.TLSClientParameters;
import org.apache.cxf.frontend.ClientProxy;
import org.apache.cxf.transport.http.HTTPConduit;

/** Apache CXF: {@code java -cp 'target/client.jar:target/lib/*' client.Main scenario.json}. */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) throws Exception {
        Steps.run(arguments[0], Main::port);
    }

    private static IMSign port(JsonObject scenario, JsonObject identity) throws Exception {
        // The saved contract, not the address: CXF would fetch it without the port's certificate.
        Path contract = Path.of(scenario.get("wsdl_file").getAsString());
        IMSign port = new MSignService(contract.toUri().toURL()).getBasicHttpBindingIMSign();
        ((BindingProvider) port)
            .getRequestContext()
            .put(BindingProvider.ENDPOINT_ADDRESS_PROPERTY, scenario.get("url").getAsString());
        HTTPConduit conduit = (HTTPConduit) ClientProxy.getClient(port).getConduit();
        TLSClientParameters tls = new TLSClientParameters();
        tls.setKeyManagers(Tls.keys(identity));
        tls.setTrustManagers(Tls.trust(scenario.getAsJsonObject("truststore")));
        conduit.setTlsClientParameters(tls);
        conduit.getClient().setConnectionTimeout(10_000);
        conduit.getClient().setReceiveTimeout(60_000);
        return port;
    }
}
