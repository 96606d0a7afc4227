using System;
using System.Security.Cryptography.X509Certificates;
using System.ServiceModel;
using Mono.Security.Interface;
using msign.gov.md;

/// <summary>The three operations of the contract, by svcutil's proxy. A fault of the service is a FaultException.</summary>
sealed class MSign
{
    readonly MSignClient client;

    public MSign(string service, string certificate, string password, string authority)
    {
        // Mono: this authority besides the machine's own (cert-sync adds to those). On .NET use the certificate store.
        var tls = MonoTlsSettings.DefaultSettings;
        tls.TrustAnchors = new X509CertificateCollection { new X509Certificate(authority) };
        MonoTlsSettings.DefaultSettings = tls;

        var binding = new BasicHttpBinding(BasicHttpSecurityMode.Transport)
        {
            MaxReceivedMessageSize = int.MaxValue, // 64 KB otherwise: less than one signed PDF
            SendTimeout = TimeSpan.FromMinutes(1),
        };
        binding.ReaderQuotas.MaxArrayLength = int.MaxValue; // 16 KB otherwise
        binding.ReaderQuotas.MaxStringContentLength = int.MaxValue;
        binding.Security.Transport.ClientCredentialType = HttpClientCredentialType.Certificate;
        client = new MSignClient(binding, new EndpointAddress(service));
        client.ClientCredentials.ClientCertificate.Certificate = new X509Certificate2(certificate, password);
    }

    public string Post(byte[] digest, string person)
    {
        return client.PostSignRequest(new SignRequest
        {
            ContentDescription = "Your agreement with the sample e-service",
            ContentType = ContentType.Hash,
            Contents = new[]
            {
                new SignContent { Content = digest, CorrelationID = "agreement", Name = "agreement.txt" },
            },
            ExpectedSigner = string.IsNullOrEmpty(person) ? null : new ExpectedSigner { ID = person },
            ShortContentDescription = "Sample agreement",
        });
    }

    public SignResponse Get(string requestId, string language)
    {
        return client.GetSignResponse(requestId, language);
    }

    public VerificationResult Verify(byte[] digest, byte[] signature, string language)
    {
        return client.VerifySignatures(new VerificationRequest
        {
            Contents = new[] { new VerificationContent { Content = digest, Signature = signature } },
            Language = language,
            SignedContentType = ContentType.Hash,
        }).Results[0];
    }
}
