using System;
using System.Collections.Generic;
using System.Collections.Specialized;
using System.IO;
using System.Net;
using System.Security.Cryptography;
using System.ServiceModel;
using System.Text;
using System.Web;
using msign.gov.md;

/// <summary>
/// Three addresses: the page, the button, and where browsers return to. Requests are answered one after the other.
/// </summary>
sealed class EService
{
    const int BodyLimit = 64 * 1024;
    const int StateBytes = 16;
    static readonly byte[] Document = Encoding.UTF8.GetBytes("I agree to everything.\n");

    readonly MSign msign;
    readonly string pages;
    readonly string own;

    // RelayState to request id: what comes back must be what was sent
    readonly Dictionary<string, string> waiting = new Dictionary<string, string>();

    EService(MSign msign, string pages, string own)
    {
        this.msign = msign;
        this.pages = pages;
        this.own = own;
    }

    void Serve(HttpListenerContext context)
    {
        try
        {
            Answer(context);
            context.Response.Close();
        }
        catch (Exception problem)
        {
            Console.Error.WriteLine(problem);
            Fail(context.Response);
        }
    }

    static void Fail(HttpListenerResponse response)
    {
        try
        {
            response.StatusCode = 500;
            response.Close();
        }
        catch (Exception) // the answer had begun, or the browser has gone
        {
            response.Abort();
        }
    }

    void Answer(HttpListenerContext context)
    {
        var fields = Fields(context.Request);
        if (context.Request.HttpMethod != "POST")
        {
            Show(context, "<h1>Sample e-service</h1><form method=post action=/sign><label>Your number "
                + "<input name=person inputmode=numeric></label> <button>Sign the agreement</button></form>");
        }
        else if (context.Request.Url.AbsolutePath == "/sign")
        {
            Sign(context, fields["person"]);
        }
        else
        {
            Back(context, fields["RelayState"], fields["RequestID"]);
        }
    }

    void Sign(HttpListenerContext context, string person)
    {
        string requestId;
        try
        {
            requestId = msign.Post(Digest(), person);
        }
        catch (FaultException fault) // an invalid number: say so here, do not send the signer away
        {
            Show(context, "<h1>Not possible</h1><p>" + HttpUtility.HtmlEncode(fault.Message) + "</p>");
            return;
        }
        var bytes = new byte[StateBytes];
        using (var random = RandomNumberGenerator.Create())
        {
            random.GetBytes(bytes);
        }
        var state = BitConverter.ToString(bytes).Replace("-", "");
        waiting[state] = requestId;
        Show(context, "<h1>To the sign page</h1><form method=post action='" + HttpUtility.HtmlEncode(pages + requestId)
            + "'><input type=hidden name=ReturnUrl value='" + HttpUtility.HtmlEncode(own + "back") + "'>"
            + "<input type=hidden name=RelayState value='" + state + "'><button>Continue</button></form>");
    }

    void Back(HttpListenerContext context, string state, string returned)
    {
        string requestId;
        if (!waiting.TryGetValue(state ?? "", out requestId) || !waiting.Remove(state) || requestId != returned)
        {
            Show(context, "<h1>This is not something that was asked for</h1>");
            return;
        }
        var response = msign.Get(requestId, "en");
        if (response.Status != SignStatus.Success)
        {
            Show(context, "<h1>" + response.Status + "</h1><p>" + HttpUtility.HtmlEncode(response.Message) + "</p>");
            return;
        }
        var signature = response.Results[0].Signature;
        var result = msign.Verify(Digest(), signature, "en");
        Show(context, "<h1>" + response.Status + "</h1><p>" + signature.Length + " bytes. "
            + HttpUtility.HtmlEncode(result.Message) + "</p>");
    }

    static byte[] Digest()
    {
        using (var sha = SHA256.Create())
        {
            return sha.ComputeHash(Document);
        }
    }

    static NameValueCollection Fields(HttpListenerRequest request)
    {
        var body = new char[BodyLimit];
        using (var reader = new StreamReader(request.InputStream, Encoding.UTF8))
        {
            return HttpUtility.ParseQueryString(new string(body, 0, reader.ReadBlock(body, 0, body.Length)));
        }
    }

    static void Show(HttpListenerContext context, string body)
    {
        var page = Encoding.UTF8.GetBytes(
            "<!doctype html><html lang=en><meta charset=utf-8><title>e-service</title>" + body + "</html>");
        context.Response.ContentType = "text/html; charset=utf-8";
        context.Response.ContentLength64 = page.Length;
        context.Response.OutputStream.Write(page, 0, page.Length);
    }

    static void Main(string[] arguments)
    {
        var given = new Dictionary<string, string>
        {
            { "--service", "https://localhost:8443/MSign.svc" },
            { "--pages", "http://localhost:8080/" },
            { "--certificate", "target/consumer.p12" },
            { "--password", "" },
            { "--authority", "tls.pem" },
            { "--port", "8000" },
        };
        for (var i = 0; i + 1 < arguments.Length; i += 2)
        {
            given[arguments[i]] = arguments[i + 1];
        }
        var own = "http://localhost:" + given["--port"] + "/";
        var msign = new MSign(given["--service"], given["--certificate"], given["--password"], given["--authority"]);
        var service = new EService(msign, given["--pages"], own);
        var listener = new HttpListener();
        listener.Prefixes.Add(own);
        listener.Start();
        Console.WriteLine("open " + own);
        while (true)
        {
            service.Serve(listener.GetContext());
        }
    }
}
