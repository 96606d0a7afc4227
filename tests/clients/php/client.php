<?php
/* MSign by PHP's own SoapClient over mutual TLS, driven by a scenario (../README.md). */

const BINARY = ['Certificate', 'Content', 'Signature'];
const ITEMS = ['SignContent', 'SignResult', 'VerificationContent', 'VerificationResult', 'VerificationCertificate'];
const ITEM_OF = ['PostSignRequest' => 'SignContent', 'VerifySignatures' => 'VerificationContent'];

function connect(string $wsdl, string $certificateAndKey, string $authority): SoapClient
{
    return new SoapClient($wsdl, [
        'stream_context' => stream_context_create(['ssl' => [
            'local_cert' => $certificateAndKey,         // certificate and key in one PEM file
            'cafile' => $authority,
            'verify_peer' => true,
        ]]),
        'features' => SOAP_SINGLE_ELEMENT_ARRAYS,       // otherwise an array of one is no array
        'cache_wsdl' => WSDL_CACHE_NONE,
        'exceptions' => true,
    ]);
}

/* The scenario's request as SoapClient takes it: octets for base64, which SoapClient encodes by itself. */
function outward(array $request, string $item): array
{
    $contents = [];
    foreach ($request['Contents'] as $content) {
        foreach (array_intersect(BINARY, array_keys($content)) as $name) {
            $content[$name] = base64_decode($content[$name], true);
        }
        $contents[] = $content;
    }
    return ['Contents' => [$item => $contents]] + $request;
}

/* What SoapClient read, as JSON holds it; an absent member is an unset property. */
function inward(mixed $value, string $name = ''): mixed
{
    if (is_object($value)) {
        $members = get_object_vars($value);
        foreach (ITEMS as $item) {
            if (array_key_exists($item, $members)) {
                return inward($members[$item]);
            }
        }
        foreach ($members as $member => $held) {
            $members[$member] = inward($held, $member);
        }
        return array_filter($members, fn ($held) => $held !== null) ?: null;
    }
    if (is_array($value)) {
        return array_map('inward', $value);
    }
    return in_array($name, BINARY, true) && $value !== null ? base64_encode($value) : $value;
}

function call(SoapClient $client, array $step): array
{
    $operation = $step['operation'];
    if ($operation === 'GetSignResponse') {
        $parameters = array_intersect_key($step, ['requestID' => 1, 'language' => 1]);
        return inward($client->GetSignResponse($parameters)->GetSignResponseResult);
    }
    $request = ['request' => outward($step['request'], ITEM_OF[$operation])];
    if ($operation === 'PostSignRequest') {
        return ['PostSignRequestResult' => $client->PostSignRequest($request)->PostSignRequestResult];
    }
    return inward($client->VerifySignatures($request)->VerifySignaturesResult);
}

$scenario = json_decode(file_get_contents($argv[1]), true, flags: JSON_THROW_ON_ERROR);
$clients = [];
$done = [];
foreach ($scenario['steps'] as $step) {
    $who = $step['identity'];
    $clients[$who] ??= connect($scenario['wsdl'], $scenario['identities'][$who]['pem'], $scenario['ca']);
    try {
        $done[] = ['name' => $step['name'], 'result' => call($clients[$who], $step)];
    } catch (SoapFault $fault) {
        if ($fault->faultcode === 'HTTP' || $fault->faultcode === 'WSDL') {
            throw $fault;                               // not the service's: no connection, no answer
        }
        $code = preg_replace('/^.*:/', '', $fault->faultcode);      // as on the wire, "s:InvalidParameter"
        $done[] = ['name' => $step['name'], 'fault' => ['code' => $code, 'string' => $fault->faultstring]];
    }
}
echo json_encode($done, JSON_THROW_ON_ERROR);
