import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { WaitOptions } from '@cmc/attestationreport';
import { type Certificate, encodePem } from '@cmc/attestationreport/x509';
import { EstError } from './errors.ts';
import { type HttpsResponse, sendHttps } from './https-request.ts';
import { MEDIA_TYPE } from './media-type.ts';
import type { EncodedBody } from './multipart.ts';
import { statusError } from './status-error.ts';

/** A certificate and its key with which the client identifies itself to the server. */
export interface EstClientCertificate {
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  /** PEM, PKCS #8 or SEC 1, or a key object. */
  readonly privateKey: KeyObject | string;
}

/** Options of {@link createEstClient}. */
export interface EstClientOptions {
  /** `https://host:port`, without `/.well-known/est`. */
  readonly url: string;
  /** The only anchors under which the certificate of the server is trusted. */
  readonly roots: readonly Certificate[];
  /** Bearer token; white space around it is dropped. */
  readonly token?: string;
  readonly clientCertificate?: EstClientCertificate;
  /** Time for one request, connecting included. Default 30 s. */
  readonly timeoutMs?: number;
}

/** Longest answer that is taken, bytes. */
export const MAX_RESPONSE_BYTES: number = 1024 * 1024;
export const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_TIMEOUT_MS = 0x7fff_ffff;
const BASE_PATH = '/.well-known/est';

/** Sends the requests of one client and sorts out answers that are errors. */
export class EstConnection {
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #tls: { readonly ca: string[]; readonly cert?: string; readonly key?: string };
  readonly #timeoutMs: number;

  constructor(options: EstClientOptions) {
    this.#base = baseUrl(options.url);
    this.#headers = authorization(options.token);
    this.#tls = { ca: rootPems(options.roots), ...clientPems(options.clientCertificate) };
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    if (!(this.#timeoutMs > 0 && this.#timeoutMs <= MAX_TIMEOUT_MS)) {
      throw new RangeError(`timeoutMs: expected 1 to ${MAX_TIMEOUT_MS}, got ${this.#timeoutMs}`);
    }
  }

  async get(
    endpoint: string,
    accept: string,
    wait: WaitOptions,
    alsoAccepted: readonly number[] = [],
  ): Promise<HttpsResponse> {
    return await this.#send({ method: 'GET', headers: { accept } }, endpoint, wait, alsoAccepted);
  }

  async post(
    endpoint: string,
    encoded: EncodedBody,
    wait: WaitOptions,
    more: Readonly<Record<string, string>> = {},
  ): Promise<HttpsResponse> {
    const { contentType, body } = encoded;
    const headers = {
      ...more,
      accept: MEDIA_TYPE.certificates,
      'content-type': contentType,
      'content-transfer-encoding': 'base64',
      'content-length': `${body.length}`,
    };
    return await this.#send({ method: 'POST', headers, body }, endpoint, wait, []);
  }

  async #send(
    request: {
      readonly method: 'GET' | 'POST';
      readonly headers: Readonly<Record<string, string>>;
      readonly body?: Uint8Array;
    },
    endpoint: string,
    { signal }: WaitOptions,
    alsoAccepted: readonly number[],
  ): Promise<HttpsResponse> {
    const url = new URL(`${this.#base}/${endpoint}`);
    const deadline = new AbortController();
    const timer = setTimeout(() => {
      const text = `${url.href}: no answer within ${this.#timeoutMs} ms`;
      deadline.abort(new EstError('ERR_EST_TIMEOUT', text));
    }, this.#timeoutMs);
    try {
      signal?.throwIfAborted();
      const response = await sendHttps({
        ...request,
        headers: { ...this.#headers, ...request.headers },
        url,
        tls: this.#tls,
        maxBytes: MAX_RESPONSE_BYTES,
        signal: AbortSignal.any([deadline.signal, ...(signal === undefined ? [] : [signal])]),
      });
      if (response.status === 200 || alsoAccepted.includes(response.status)) return response;
      throw statusError(url, response);
    } finally {
      clearTimeout(timer);
    }
  }
}

function baseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain =
    url?.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (url?.protocol !== 'https:' || !isPlain) {
    throw new TypeError('url: expected https://host:port without credentials, query and fragment');
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}${BASE_PATH}`;
}

function authorization(token: string | undefined): Readonly<Record<string, string>> {
  if (token === undefined) return {};
  const trimmed = token.trim();
  // RFC 6750, section 2.1. The token itself must not get into messages.
  if (!/^[0-9A-Za-z._~+/-]+=*$/.test(trimmed)) {
    throw new TypeError(
      `token: expected letters, digits and -._~+/, got ${trimmed.length} characters`,
    );
  }
  return { authorization: `Bearer ${trimmed}` };
}

function rootPems(roots: readonly Certificate[]): string[] {
  // Without any, the TLS library would fall back to those that came with it.
  if (roots.length === 0) throw new TypeError('roots: expected at least one certificate');
  return roots.map(({ raw }) => encodePem(raw, 'CERTIFICATE'));
}

function clientPems(certificate: EstClientCertificate | undefined): {
  cert?: string;
  key?: string;
} {
  if (certificate === undefined) return {};
  const { chain, privateKey } = certificate;
  if (chain.length === 0) throw new TypeError('clientCertificate.chain: expected a certificate');
  const key = typeof privateKey === 'string' ? createPrivateKey(privateKey) : privateKey;
  return {
    cert: chain.map((der) => encodePem(der, 'CERTIFICATE')).join(''),
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
