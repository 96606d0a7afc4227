/*
 * A whole e-service: one page with a button, a signature request, the way to the sign page and back, the signed result.
 *
 * It is what a consumer writes, on Node's own modules and the package `soap`. Try it against the demo:
 *
 *     ./gw demo                                                          # in one terminal
 *     (cd samples/node && npm install)                                   # once
 *     node samples/node/eservice.js --data demo-data                     # in another; open the address it prints
 *
 * Against a gateway of your own give --wsdl, --pages, --certificate, --key and --authority.
 */
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const https = require('https');
const path = require('path');
const { parseArgs } = require('util');
const soap = require('soap');

const DOCUMENT = 'I agree to everything.\n';
const BODY_LIMIT = 64 * 1024;
const digest = () => crypto.createHash('sha256').update(DOCUMENT).digest('base64');

/* The three operations of the contract, by a client made from the WSDL. Binary members are base64 text both ways. */
class MSign {
  static async connect(wsdl, certificate, key, authority) {
    const tls = { cert: fs.readFileSync(certificate), key: fs.readFileSync(key), ca: fs.readFileSync(authority) };
    const client = await soap.createClientAsync(wsdl, { wsdl_options: { httpsAgent: new https.Agent(tls) } });
    client.setSecurity(new soap.ClientSSLSecurity(tls.key, tls.cert, tls.ca));
    return new MSign(client);
  }

  constructor(client) {
    this.client = client;
  }

  async post(content, person) {
    const request = {
      ContentDescription: 'Your agreement with the sample e-service',
      ContentType: 'Hash',
      Contents: { SignContent: [{ Content: content, CorrelationID: 'agreement', Name: 'agreement.txt' }] },
      ...(person && { ExpectedSigner: { ID: person } }),
      ShortContentDescription: 'Sample agreement',
    };
    const [answer] = await this.client.PostSignRequestAsync({ request });
    return answer.PostSignRequestResult;
  }

  async get(requestID, language) {
    const [answer] = await this.client.GetSignResponseAsync({ requestID, language });
    return answer.GetSignResponseResult;
  }

  async verify(content, signature, language) {
    const request = {
      Contents: { VerificationContent: [{ Content: content, Signature: signature }] },
      Language: language,
      SignedContentType: 'Hash',
    };
    const [answer] = await this.client.VerifySignaturesAsync({ request });
    return answer.VerifySignaturesResult.Results.VerificationResult[0];
  }
}

function escaped(text) {
  return String(text ?? '').replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

function show(response, body) {
  response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
  response.end(`<!doctype html><html lang=en><meta charset=utf-8><title>e-service</title>${body}</html>`);
}

async function fieldsOf(request) {
  let body = '';
  for await (const piece of request.setEncoding('utf8')) {
    body += piece;
    if (body.length > BODY_LIMIT) throw new Error('the form is too long');
  }
  return new URLSearchParams(body);
}

/* Three addresses: the page, the button, and where browsers return to. */
class EService {
  constructor(msign, pages) {
    this.msign = msign;
    this.pages = pages;
    this.waiting = new Map(); // RelayState → request id: what comes back must be what was sent
  }

  async answer(request, response) {
    if (request.method !== 'POST') {
      show(response, '<h1>Sample e-service</h1><form method=post action=/sign><label>Your number '
        + '<input name=person inputmode=numeric></label> <button>Sign the agreement</button></form>');
    } else if (request.url === '/sign') {
      await this.sign(request, response, (await fieldsOf(request)).get('person'));
    } else {
      const fields = await fieldsOf(request);
      await this.back(response, fields.get('RelayState'), fields.get('RequestID'));
    }
  }

  async sign(request, response, person) {
    let requestId;
    try {
      requestId = await this.msign.post(digest(), person);
    } catch (error) {
      const fault = error.root?.Envelope?.Body?.Fault;
      if (!fault) throw error;
      show(response, `<h1>Not possible</h1><p>${escaped(fault.faultstring)}</p>`); // do not send the signer away
      return;
    }
    const state = crypto.randomBytes(16).toString('hex');
    this.waiting.set(state, requestId);
    const back = `http://localhost:${request.socket.localPort}/back`;
    show(response, `<h1>To the sign page</h1><form method=post action="${escaped(this.pages + requestId)}">`
      + `<input type=hidden name=ReturnUrl value="${escaped(back)}">`
      + `<input type=hidden name=RelayState value="${state}"><button>Continue</button></form>`);
  }

  async back(response, state, returned) {
    const requestId = this.waiting.get(state);
    this.waiting.delete(state);
    if (!requestId || requestId !== returned) {
      show(response, '<h1>This is not something that was asked for</h1>');
      return;
    }
    const answer = await this.msign.get(requestId, 'en');
    if (answer.Status !== 'Success') {
      show(response, `<h1>${escaped(answer.Status)}</h1><p>${escaped(answer.Message)}</p>`);
      return;
    }
    const signature = answer.Results.SignResult[0].Signature;
    const result = await this.msign.verify(digest(), signature, 'en');
    const length = Buffer.from(signature, 'base64').length;
    show(response, `<h1>${answer.Status}</h1><p>${length} bytes. ${escaped(result.Message)}</p>`);
  }
}

async function main() {
  const text = (value) => ({ type: 'string', default: value });
  const { values: given } = parseArgs({ options: {
    data: text('demo-data'),
    wsdl: text('https://localhost:8443/MSign.svc?singleWsdl'),
    pages: text('http://localhost:8080/'),
    certificate: { type: 'string' },
    key: { type: 'string' },
    authority: { type: 'string' },
    port: text('8000'),
  } });
  const sandbox = path.join(given.data, 'sandbox');
  const msign = await MSign.connect(
    given.wsdl,
    given.certificate ?? path.join(sandbox, 'certificates', 'consumer.pem'),
    given.key ?? path.join(sandbox, 'private', 'consumer.pem'),
    given.authority ?? path.join(sandbox, 'anchors', 'consumers', 'tls.pem'),
  );
  const service = new EService(msign, given.pages);
  const server = http.createServer((request, response) => {
    service.answer(request, response).catch((error) => {
      console.error(error.message);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  server.listen(Number(given.port), 'localhost', () => {
    console.log(`open http://localhost:${server.address().port}/`);
  });
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
