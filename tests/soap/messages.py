"""Messages as consumers write them, with places for what a test wants to be wrong."""

NAMESPACE = "https://msign.gov.md"
LOCATION = "https://msign.example:8443/MSign.svc"
ACTION = f"{NAMESPACE}/IMSign/"
ACTION_HEADER = (
    '<s:Header><Action s:mustUnderstand="1" xmlns="http://schemas.microsoft.com/ws/2005/05/addressing/none">'
    f"{ACTION}PostSignRequest</Action></s:Header>"
)


def envelope(body, header=""):
    return (
        f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">{header}<s:Body>{body}</s:Body></s:Envelope>'
    ).encode()


def post_message(
    *, short="Cerere", content="AAAA", content_type="Pdf", namespace=NAMESPACE, extra="", more="", header=ACTION_HEADER
):
    """A PostSignRequest of one content; *more* goes into the content, *extra* before the short description."""
    return envelope(
        f'<PostSignRequest xmlns="{namespace}"><request><ContentType>{content_type}</ContentType>'
        f"<Contents><SignContent><Content>{content}</Content>{more}</SignContent></Contents>{extra}"
        f"<ShortContentDescription>{short}</ShortContentDescription></request></PostSignRequest>",
        header,
    )


def get_message(request_id="00" * 16, language=""):
    return envelope(
        f'<GetSignResponse xmlns="{NAMESPACE}"><requestID>{request_id}</requestID>{language}</GetSignResponse>'
    )


def verify_message(signature="AAAA", content="", kind="Pdf", language=""):
    return envelope(
        f'<VerifySignatures xmlns="{NAMESPACE}"><request><Contents><VerificationContent>{content}'
        f"<CorrelationID>v1</CorrelationID><Signature>{signature}</Signature></VerificationContent></Contents>"
        f"{language}<SignedContentType>{kind}</SignedContentType></request></VerifySignatures>"
    )
