// WCF on Mono: mono target/client.exe scenario.json
//
// The proxy and the data contracts are svcutil's; nothing here knows XML.

using System;
using System.Collections;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.ServiceModel;
using System.Text;
using System.Web.Script.Serialization;
using Mono.Security.Interface;
using msign.gov.md;
using Members = System.Collections.Generic.Dictionary<string, object>;

static class Client
{
    static int Main(string[] arguments)
    {
        var json = new JavaScriptSerializer { MaxJsonLength = int.MaxValue };
        var scenario = json.Deserialize<Members>(File.ReadAllText(arguments[0], Encoding.UTF8));
        Trust(Text(scenario, "ca"));
        var identities = (Members)scenario["identities"];
        var clients = new Dictionary<string, MSignClient>();
        var answers = new List<Members>();
        string last = null;
        foreach (Members step in (IEnumerable)scenario["steps"])
        {
            var name = Text(step, "identity");
            if (name != last)
            {
                // Mono would use the open connection again, whatever certificate it was opened with.
                ServicePointManager.FindServicePoint(new Uri(Text(scenario, "url"))).CloseConnectionGroup("");
                last = name;
            }
            if (!clients.ContainsKey(name))
            {
                clients[name] = Connect(Text(scenario, "url"), (Members)identities[name]);
            }
            answers.Add(Answer(clients[name], step));
        }
        using (var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false)))
        {
            output.WriteLine(json.Serialize(answers));
        }
        return 0;
    }

    static MSignClient Connect(string url, Members identity)
    {
        var binding = new BasicHttpBinding(BasicHttpSecurityMode.Transport)
        {
            MaxReceivedMessageSize = int.MaxValue, // 64 KB otherwise: less than one signed PDF
            SendTimeout = TimeSpan.FromMinutes(2),
        };
        binding.ReaderQuotas.MaxArrayLength = int.MaxValue; // 16 KB otherwise
        binding.ReaderQuotas.MaxStringContentLength = int.MaxValue;
        binding.Security.Transport.ClientCredentialType = HttpClientCredentialType.Certificate;
        var client = new MSignClient(binding, new EndpointAddress(url));
        client.ClientCredentials.ClientCertificate.Certificate =
            new X509Certificate2(Text(identity, "p12"), Text(identity, "password"));
        return client;
    }

    // For the whole process: an authority from a file, besides the machine's store (which cert-sync fills).
    // A ServerCertificateValidationCallback is no way out: Mono's X509Chain cannot read elliptic-curve keys.
    static void Trust(string authority)
    {
        var settings = MonoTlsSettings.DefaultSettings;
        settings.TrustAnchors = new X509CertificateCollection { new X509Certificate(authority) };
        MonoTlsSettings.DefaultSettings = settings;
    }

    static Members Answer(MSignClient client, Members step)
    {
        var answer = new Members { { "name", step["name"] } };
        try
        {
            answer["result"] = Call(client, step);
        }
        catch (FaultException fault)
        {
            answer["fault"] = new Members { { "code", fault.Code.Name }, { "string", fault.Message } };
        }
        return answer;
    }

    static Members Call(MSignClient client, Members step)
    {
        switch (Text(step, "operation"))
        {
            case "PostSignRequest":
                var id = client.PostSignRequest(ToSignRequest((Members)step["request"]));
                return new Members { { "PostSignRequestResult", id } };
            case "GetSignResponse":
                return Told(client.GetSignResponse(Text(step, "requestID"), Text(step, "language")));
            case "VerifySignatures":
                return Told(client.VerifySignatures(ToVerificationRequest((Members)step["request"])));
            default:
                throw new ArgumentException("no such operation: " + step["operation"]);
        }
    }

    static SignRequest ToSignRequest(Members given)
    {
        return new SignRequest
        {
            ContentDescription = Text(given, "ContentDescription"),
            ContentType = Choice<ContentType>(given, "ContentType"),
            Contents = List(given, "Contents", one => new SignContent
            {
                Content = Bytes(one, "Content"),
                CorrelationID = Text(one, "CorrelationID"),
                MultipleSignatures = one.ContainsKey("MultipleSignatures") && (bool)one["MultipleSignatures"],
                Name = Text(one, "Name"),
            }),
            ExpectedSigner = given.ContainsKey("ExpectedSigner") ? ToSigner((Members)given["ExpectedSigner"]) : null,
            ShortContentDescription = Text(given, "ShortContentDescription"),
            SignatureReason = Text(given, "SignatureReason"),
        };
    }

    static ExpectedSigner ToSigner(Members given)
    {
        return new ExpectedSigner
        {
            DelegatedRoleID = given.ContainsKey("DelegatedRoleID") ? (int)given["DelegatedRoleID"] : 0,
            DelegatorID = Text(given, "DelegatorID"),
            DelegatorType = Choice<DelegatorType>(given, "DelegatorType"),
            ID = Text(given, "ID"),
        };
    }

    static VerificationRequest ToVerificationRequest(Members given)
    {
        return new VerificationRequest
        {
            Contents = List(given, "Contents", one => new VerificationContent
            {
                Content = Bytes(one, "Content"),
                CorrelationID = Text(one, "CorrelationID"),
                Signature = Bytes(one, "Signature"),
            }),
            Language = Text(given, "Language"),
            SignedContentType = Choice<ContentType>(given, "SignedContentType"),
        };
    }

    static Members Told(SignResponse response)
    {
        return Present(
            "Message", response.Message,
            "Results", response.Results == null ? null : response.Results.Select(one => Present(
                "Certificate", one.Certificate,
                "CorrelationID", one.CorrelationID,
                "Signature", one.Signature)).ToList(),
            "Status", response.Status.ToString());
    }

    static Members Told(VerificationResponse response)
    {
        return Present("Results", response.Results.Select(one => Present(
            "Certificates", one.Certificates == null ? null : one.Certificates.Select(found => Present(
                "Certificate", found.Certificate,
                "SignatureValid", found.SignatureValid,
                "SignedAt", found.SignedAt.HasValue ? found.SignedAt.Value.ToString("o") : null,
                "Subject", found.Subject)).ToList(),
            "CorrelationID", one.CorrelationID,
            "Message", one.Message,
            "SignaturesValid", one.SignaturesValid)).ToList());
    }

    // Names and values in turn; what is null stays out.
    static Members Present(params object[] namesAndValues)
    {
        var members = new Members();
        for (var i = 0; i < namesAndValues.Length; i += 2)
        {
            var value = namesAndValues[i + 1];
            if (value != null)
            {
                members[(string)namesAndValues[i]] = value is byte[] ? Convert.ToBase64String((byte[])value) : value;
            }
        }
        return members;
    }

    static string Text(Members from, string name)
    {
        return from.ContainsKey(name) ? (string)from[name] : null;
    }

    static byte[] Bytes(Members from, string name)
    {
        return from.ContainsKey(name) ? Convert.FromBase64String(Text(from, name)) : null;
    }

    static T Choice<T>(Members from, string name)
    {
        return from.ContainsKey(name) ? (T)Enum.Parse(typeof(T), Text(from, name)) : default(T);
    }

    static T[] List<T>(Members from, string name, Func<Members, T> item)
    {
        return from.ContainsKey(name) ? ((IEnumerable)from[name]).Cast<Members>().Select(item).ToArray() : null;
    }
}
