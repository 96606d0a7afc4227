/* MSign by the npm package `soap` over mutual TLS, driven by a scenario (../README.md). */
'use strict';
const fs = require('fs');
const https = require('https');
const soap = require('soap');

const ITEMS = ['SignContent', 'SignResult', 'VerificationContent', 'VerificationResult', 'VerificationCertificate'];
const ITEM_OF = { PostSignRequest: 'SignContent', VerifySignatures: 'VerificationContent' };

async function connect(wsdl, certificate, key, authority) {
  const tls = { cert: fs.readFileSync(certificate), key: fs.readFileSync(key), ca: fs.readFileSync(authority) };
  const httpsAgent = new https.Agent(tls); // for the WSDL
  const client = await soap.createClientAsync(wsdl, { wsdl_options: { httpsAgent } });
  client.setSecurity(new soap.ClientSSLSecurity(tls.key, tls.cert, tls.ca)); // for the calls
  return client;
}

/* Binary members stay base64 text both ways: a Buffer would be written as an object. */
function outward(request, item) {
  return { ...request, Contents: { [item]: request.Contents } };
}

/* What was read, as JSON holds it; an element that is nil or empty may come as null, '' or an object with attributes. */
function inward(value) {
  if (value === null || value === undefined) return undefined;
  if (Array.isArray(value)) return value.map((one) => inward(one));
  if (value instanceof Date || typeof value !== 'object') return value;
  const item = ITEMS.find((known) => known in value);
  if (item) return [].concat(value[item]).map((one) => inward(one));
  const members = Object.entries(value).filter(([member]) => member !== 'attributes');
  if (members.length === 0) return undefined;
  return Object.fromEntries(members.map(([member, held]) => [member, inward(held)]));
}

async function call(client, step) {
  if (step.operation === 'GetSignResponse') {
    const [answer] = await client.GetSignResponseAsync({ requestID: step.requestID, language: step.language });
    return inward(answer.GetSignResponseResult);
  }
  const request = outward(step.request, ITEM_OF[step.operation]);
  if (step.operation === 'PostSignRequest') {
    const [answer] = await client.PostSignRequestAsync({ request });
    return { PostSignRequestResult: answer.PostSignRequestResult };
  }
  const [answer] = await client.VerifySignaturesAsync({ request });
  return inward(answer.VerifySignaturesResult);
}

async function main(scenario) {
  const clients = {};
  const done = [];
  for (const step of scenario.steps) {
    const own = scenario.identities[step.identity];
    clients[step.identity] ??= await connect(scenario.wsdl, own.certificate, own.key, scenario.ca);
    try {
      done.push({ name: step.name, result: await call(clients[step.identity], step) });
    } catch (error) {
      const fault = error.root && error.root.Envelope && error.root.Envelope.Body.Fault;
      if (!fault) throw error;
      const code = fault.faultcode.replace(/^.*:/, ''); // as on the wire, "s:InvalidParameter"
      done.push({ name: step.name, fault: { code, string: fault.faultstring } });
    }
  }
  process.stdout.write(JSON.stringify(done));
}

main(JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))).catch((error) => {
  console.error(error.stack);
  process.exitCode = 1;
});
