<?php
/*
 * A whole e-service: one page with a button, a signature request, the way to the sign page and back, the signed result.
 *
 * It is what a consumer writes, on PHP's own SoapClient (apt-get install php-cli php-soap). Try it against the demo:
 *
 *     ./gw demo                                                       # in one terminal
 *     php -S localhost:8000 samples/php/eservice.php                  # in another; open http://localhost:8000/
 *
 * Against a gateway of your own set MSIGN_WSDL, MSIGN_PAGES, MSIGN_CERTIFICATE (certificate and key in one PEM file)
 * and MSIGN_AUTHORITY (the authority of the gateway's own certificate).
 */

declare(strict_types=1);

const DOCUMENT = "I agree to everything.\n";

function setting(string $name, string $default): string
{
    $given = getenv($name);
    return $given === false || $given === '' ? $default : $given;
}

/* The three operations of the contract, by a client made from the WSDL. */
final class MSign
{
    private SoapClient $client;

    public function __construct(string $wsdl, string $certificateAndKey, string $authority)
    {
        $tls = ['local_cert' => $certificateAndKey, 'cafile' => $authority, 'verify_peer' => true];
        $this->client = new SoapClient($wsdl, [
            'stream_context' => stream_context_create(['ssl' => $tls]),
            'features' => SOAP_SINGLE_ELEMENT_ARRAYS,   // otherwise an array of one is no array
        ]);
    }

    public function post(string $digest, ?string $person): string
    {
        $request = [
            'ContentDescription' => 'Your agreement with the sample e-service',
            'ContentType' => 'Hash',
            'Contents' => ['SignContent' => [
                ['Content' => $digest, 'CorrelationID' => 'agreement', 'Name' => 'agreement.txt'],
            ]],
            'ShortContentDescription' => 'Sample agreement',
        ];
        if ($person !== null) {
            $request['ExpectedSigner'] = ['ID' => $person];
        }
        return $this->client->PostSignRequest(['request' => $request])->PostSignRequestResult;
    }

    public function get(string $requestId, string $language): object
    {
        $asked = ['requestID' => $requestId, 'language' => $language];
        return $this->client->GetSignResponse($asked)->GetSignResponseResult;
    }

    public function verify(string $digest, string $signature, string $language): object
    {
        $request = [
            'Contents' => ['VerificationContent' => [['Content' => $digest, 'Signature' => $signature]]],
            'Language' => $language,
            'SignedContentType' => 'Hash',
        ];
        $answer = $this->client->VerifySignatures(['request' => $request])->VerifySignaturesResult;
        return $answer->Results->VerificationResult[0];
    }
}

/* The client, made only where it is needed. The demo keeps certificate and key apart; SoapClient wants one file. */
function msign(): MSign
{
    $sandbox = setting('MSIGN_DATA', 'demo-data') . '/sandbox';
    $both = setting('MSIGN_CERTIFICATE', '');
    if ($both === '') {
        $joined = tmpfile();
        fwrite($joined, file_get_contents("$sandbox/certificates/consumer.pem"));
        fwrite($joined, file_get_contents("$sandbox/private/consumer.pem"));
        $GLOBALS['joined'] = $joined;                   // the file is deleted when nothing refers to it
        $both = stream_get_meta_data($joined)['uri'];
    }
    return new MSign(
        setting('MSIGN_WSDL', 'https://localhost:8443/MSign.svc?singleWsdl'),
        $both,
        setting('MSIGN_AUTHORITY', "$sandbox/anchors/consumers/tls.pem"),
    );
}

function show(string $body): void
{
    header('Content-Type: text/html; charset=utf-8');
    echo "<!doctype html><html lang=en><meta charset=utf-8><title>e-service</title>$body</html>";
}

function escaped(?string $text): string
{
    return htmlspecialchars($text ?? '', ENT_QUOTES);
}

/* RelayState → request id: what comes back must be what was sent. A browser that comes back by another site's POST does
   not bring the cookie of a usual session, so the state itself names the session. A real e-service has a database. */
function remember(string $state): void
{
    session_id($state);
    session_start(['use_cookies' => 0, 'use_strict_mode' => 0, 'gc_maxlifetime' => 7200, 'cache_limiter' => 'nocache']);
}

function sign(?string $person): void
{
    try {
        $requestId = msign()->post(hash('sha256', DOCUMENT, true), $person ?: null);
    } catch (SoapFault $fault) {                        // an invalid number: say so here, do not send the signer away
        show('<h1>Not possible</h1><p>' . escaped($fault->faultstring) . '</p>');
        return;
    }
    $state = bin2hex(random_bytes(16));
    remember($state);
    $_SESSION['request'] = $requestId;
    $pages = setting('MSIGN_PAGES', 'http://localhost:8080/');
    $back = 'http://localhost:' . $_SERVER['SERVER_PORT'] . '/back';
    show(
        '<h1>To the sign page</h1><form method=post action="' . escaped($pages . $requestId) . '">'
        . '<input type=hidden name=ReturnUrl value="' . escaped($back) . '">'
        . '<input type=hidden name=RelayState value="' . $state . '"><button>Continue</button></form>'
    );
}

function back(string $state, string $returned): void
{
    $requestId = null;
    if (preg_match('/^[0-9a-f]{32}$/D', $state)) {
        remember($state);
        $requestId = $_SESSION['request'] ?? null;
        session_destroy();                              // comes back once
    }
    if ($requestId === null || $requestId !== $returned) {
        show('<h1>This is not something that was asked for</h1>');
        return;
    }
    $msign = msign();
    $response = $msign->get($requestId, 'en');
    if ($response->Status !== 'Success') {
        show('<h1>' . escaped($response->Status) . '</h1><p>' . escaped($response->Message ?? null) . '</p>');
        return;
    }
    $signature = $response->Results->SignResult[0]->Signature;
    $result = $msign->verify(hash('sha256', DOCUMENT, true), $signature, 'en');
    show('<h1>' . escaped($response->Status) . '</h1><p>' . strlen($signature) . ' bytes. ' . escaped($result->Message) . '</p>');
}

$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$field = fn (string $name): string => is_string($_POST[$name] ?? null) ? $_POST[$name] : '';
if ($_SERVER['REQUEST_METHOD'] !== 'POST') {
    show(
        '<h1>Sample e-service</h1><form method=post action=/sign><label>Your number '
        . '<input name=person inputmode=numeric></label> <button>Sign the agreement</button></form>'
    );
} elseif ($path === '/sign') {
    sign($field('person'));
} else {
    back($field('RelayState'), $field('RequestID'));
}
