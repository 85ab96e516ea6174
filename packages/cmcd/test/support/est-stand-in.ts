import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { verify } from '@cmc/attestationreport';
import { type Certificate, parseCertificate } from '@cmc/attestationreport/x509';
import { concatBytes, equalBytes, fromBase64, toBase64, toHex } from '@cmc/bytes';
import {
  attestEnrollRequest,
  type CertificationRequest,
  decodeBase64Lines,
  encodeBase64Lines,
  encodeCertsOnly,
  enrollmentNonce,
  ipText,
  issueCertificate,
  KeyPurpose,
  NONCE_HEADER,
  parseCsr,
  verifyCsr,
} from '@cmc/est';
import { createFakeCa, type FakeCa, fakeSigner } from '@cmc/testkit';
import { onTestFinished } from 'vitest';

const HOUR_MS = 3_600_000;

/** What a test wants an answer to be; `undefined` lets the server answer by itself. */
export type Answer = (
  path: string,
  response: ServerResponse,
  csr: CertificationRequest | undefined,
) => undefined | Promise<unknown>;

export interface EstStandInOptions {
  /** Whose metadata is trusted in reports. */
  readonly roots: readonly Certificate[];
  /** Whether it gives out nonces. Default true. */
  readonly nonces?: boolean;
  /** Tokens that it wants, each good for one key. Default: it wants none. */
  readonly tokens?: readonly string[];
  readonly lifetimeMs?: number;
  readonly now?: () => Date;
}

/** A certificate that the server issued. */
export interface Issued {
  /** The key, hex. */
  readonly spki: string;
  readonly certificate: Uint8Array;
  readonly by: 'attestenroll' | 'simplereenroll';
}

/** An EST server that records what it issues before it answers, and gives the same key the same again. */
export interface EstStandIn {
  readonly url: string;
  readonly ca: FakeCa;
  /** Anchors of its TLS certificate. */
  readonly roots: readonly Certificate[];
  readonly rootsPem: string;
  readonly issued: Issued[];
  /** `METHOD path` of every request. */
  readonly requests: string[];
  /** Headers of the requests for certificates. */
  readonly headers: IncomingMessage['headers'][];
  answer: Answer;
  sign(
    csr: CertificationRequest,
    change?: Partial<Parameters<typeof issueCertificate>[0]>,
  ): Promise<Uint8Array>;
}

export async function startEstStandIn(options: EstStandInOptions): Promise<EstStandIn> {
  const { nonces = true, tokens, lifetimeMs = 24 * HOUR_MS, now = () => new Date() } = options;
  const ca = createFakeCa({ commonName: 'EST stand-in' });
  const tls = await ca.issue({
    commonName: 'est',
    dnsNames: ['localhost'],
    extendedKeyUsage: ['serverAuth'],
  });
  const outstanding = new Set<string>();
  const spent = new Map<string, string>();
  const issuer = fakeSigner(ca.key, [ca.certificate]);

  const sign: EstStandIn['sign'] = async (csr, change) => {
    const { dnsNames = [], ipAddresses = [] } = csr.subjectAlternativeName ?? {};
    const profile = {
      subject: csr.subjectName.raw,
      publicKey: csr.spki,
      dnsNames,
      ipAddresses: ipAddresses.map((octets) => ipText(octets) ?? ''),
      purposes: [KeyPurpose.serverAuth, KeyPurpose.clientAuth],
      lifetimeMs,
      backdateMs: 0,
    };
    const { certificate } = await issueCertificate(
      { ...profile, ...change },
      { issuer, now: now() },
    );
    return certificate;
  };

  /** The record of a key, while most of the life of its certificate is left. */
  const recorded = async (csr: CertificationRequest, by: Issued['by']): Promise<Uint8Array> => {
    const spki = toHex(csr.spki);
    const last = standIn.issued.findLast((each) => each.spki === spki);
    if (last !== undefined) {
      const { notBefore, notAfter } = parseCertificate(last.certificate);
      const left = notAfter.getTime() - now().getTime();
      if (left > ((notAfter.getTime() - notBefore.getTime()) * 2) / 3) return last.certificate;
    }
    const certificate = await sign(csr);
    standIn.issued.push({ spki, certificate, by });
    return certificate;
  };

  const checkToken = (request: IncomingMessage, spki: string): void => {
    if (tokens === undefined) return;
    const token = request.headers.authorization?.replace('Bearer ', '') ?? '';
    const owner = spent.get(token) ?? spki;
    if (!tokens.includes(token) || owner !== spki) throw new Refusal(401, 'the token is not good');
    spent.set(token, spki);
  };

  const attestEnroll = async (
    request: IncomingMessage,
    message: { readonly csr: CertificationRequest; readonly report: Uint8Array },
  ): Promise<Uint8Array> => {
    const { csr, report } = message;
    const header = request.headers[NONCE_HEADER];
    const nonce = typeof header === 'string' ? fromBase64(header) : undefined;
    if (nonces && (nonce === undefined || !outstanding.delete(toHex(nonce)))) {
      throw new Refusal(403, 'a nonce is needed');
    }
    const { ok } = await verify(report, {
      nonce: enrollmentNonce(csr.spki, nonce),
      metadataRoots: options.roots,
    });
    if (!ok) throw new Refusal(403, 'the attestation failed');
    checkToken(request, toHex(csr.spki));
    return await recorded(csr, 'attestenroll');
  };

  const simpleReenroll = async (
    request: IncomingMessage,
    csr: CertificationRequest,
  ): Promise<Uint8Array> => {
    const { raw } = (request.socket as TLSSocket).getPeerCertificate();
    const isOurs = standIn.issued.some(
      ({ certificate, spki }) => raw && equalBytes(certificate, raw) && spki === toHex(csr.spki),
    );
    if (!isOurs) throw new Refusal(403, 'a client certificate is needed');
    return await recorded(csr, 'simplereenroll');
  };

  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = (request.url ?? '').replace('/.well-known/est/', '');
    standIn.requests.push(`${request.method} ${path}`);
    const body = await bodyOf(request);
    const message = await messageOf(path, request, body);
    if (message !== undefined) standIn.headers.push(request.headers);
    if ((await standIn.answer(path, response, message?.csr)) !== undefined) return;
    switch (path) {
      case 'cacerts':
        return sendCertificates(response, [ca.certificate]);
      case 'nonce': {
        if (!nonces) throw new Refusal(404, 'no nonces');
        const nonce = crypto.getRandomValues(new Uint8Array(32));
        outstanding.add(toHex(nonce));
        const expiresAt = new Date(Date.now() + HOUR_MS).toISOString();
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ nonce: toBase64(nonce), expiresAt }));
        return;
      }
      case 'attestenroll':
        if (message?.report === undefined) throw new Refusal(400, 'no report');
        return sendCertificates(response, [
          await attestEnroll(request, { csr: message.csr, report: message.report }),
        ]);
      case 'simplereenroll':
        if (message === undefined) throw new Refusal(400, 'no request');
        return sendCertificates(response, [await simpleReenroll(request, message.csr)]);
      default:
        throw new Refusal(404, 'no such endpoint');
    }
  };

  const server = createServer(
    {
      key: tls.privateKeyPem,
      cert: tls.chainPem,
      ca: ca.pem,
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request, response) => {
      // A daemon that is killed takes its connection with it.
      request.on('error', () => {});
      response.on('error', () => {});
      respond(request, response).catch((error: unknown) => {
        const status = error instanceof Refusal ? error.status : 500;
        if (!response.headersSent) response.writeHead(status, { 'content-type': 'text/plain' });
        response.end(error instanceof Error ? error.message : '');
      });
    },
  );
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const standIn: EstStandIn = {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    ca,
    roots: [parseCertificate(ca.certificate)],
    rootsPem: ca.pem,
    issued: [],
    requests: [],
    headers: [],
    answer: () => undefined,
    sign,
  };
  return standIn;
}

/** Sends certificates as EST does. */
export function sendCertificates(
  response: ServerResponse,
  certificates: readonly Uint8Array[],
): void {
  response.setHeader('content-type', 'application/pkcs7-mime; smime-type=certs-only');
  response.end(encodeBase64Lines(encodeCertsOnly(certificates)));
}

class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  return concatBytes(...chunks);
}

/** The request that is in a body, signed with its key. */
async function messageOf(
  path: string,
  request: IncomingMessage,
  body: Uint8Array,
): Promise<{ readonly csr: CertificationRequest; readonly report?: Uint8Array } | undefined> {
  if (request.method !== 'POST') return undefined;
  const contentType = request.headers['content-type'] ?? '';
  const message =
    path === 'attestenroll'
      ? attestEnrollRequest.decode({ contentType, body })
      : { csr: decodeBase64Lines(body) };
  const csr = parseCsr(message.csr);
  if (!(await verifyCsr(csr)).ok) throw new Refusal(400, 'not signed with its key');
  return { ...message, csr };
}
