import { request as httpsRequest } from 'node:https';
import { fromBase64url, parseJson } from '@cmc/bytes';
import { HttpError } from '../http/http-error.ts';
import { EK_FETCH_TIMEOUT_MS, MAX_EK_ANSWER_BYTES, MAX_EK_FETCHES } from './limits.ts';

/** One GET without redirections. Rejects when there is no complete answer within the limits. */
export type EkFetch = (
  url: URL,
  options: { readonly maxBytes: number; readonly signal: AbortSignal },
) => Promise<{ readonly status: number; readonly body: Uint8Array }>;

interface VendorService {
  /** Everything before what names the certificate. */
  readonly prefix: string;
  readonly name: RegExp;
  readonly certificateIn: (answer: Uint8Array) => Uint8Array;
}

/** Vendors whose TPMs have no certificate in them. Nobody else is asked: URLs come from devices. */
const SERVICES: readonly VendorService[] = Object.freeze([
  {
    prefix: 'https://ekop.intel.com/ekcertservice/',
    // SHA-256 in base64url, whose padding may be percent-encoded.
    name: /^[A-Za-z0-9_-]{43}(?:=|%3[Dd])?$/,
    certificateIn: certificateInJson,
  },
  {
    prefix: 'https://ftpm.amd.com/pki/aia/',
    name: /^[0-9A-Fa-f]{32}$/,
    certificateIn: (answer) => answer,
  },
]);

/** Gets endorsement certificates from vendors (R52). */
export class EkDownloads {
  readonly #fetch: EkFetch;
  #running = 0;

  constructor(fetch: EkFetch = httpsFetch) {
    this.#fetch = fetch;
  }

  /**
   * What the vendor has at `url`: an endorsement certificate, not checked.
   * @throws {HttpError} 403 not a vendor's URL, 503 no answer that can be used
   */
  async get(url: string, signal: AbortSignal): Promise<Uint8Array> {
    const service = SERVICES.find(
      ({ prefix, name }) => url.startsWith(prefix) && name.test(url.slice(prefix.length)),
    );
    if (service === undefined) {
      const known = SERVICES.map(({ prefix }) => prefix).join(', ');
      throw new HttpError(403, `endorsement certificates are taken from ${known} only`);
    }
    if (this.#running >= MAX_EK_FETCHES) throw unavailable('too many are being fetched');
    this.#running += 1;
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(EK_FETCH_TIMEOUT_MS)]);
      const options = { maxBytes: MAX_EK_ANSWER_BYTES, signal: limit };
      const { status, body } = await this.#fetch(new URL(url), options);
      if (status !== 200) throw unavailable(`the vendor answered ${status}`);
      if (body.length > MAX_EK_ANSWER_BYTES) throw unavailable('the answer is too long');
      return service.certificateIn(body);
    } catch (cause) {
      signal.throwIfAborted();
      if (cause instanceof HttpError) throw cause;
      throw unavailable('the vendor gave no answer that can be used', cause);
    } finally {
      this.#running -= 1;
    }
  }
}

/** Intel's answer: `{ "pubhash": ..., "certificate": base64url, its padding percent-encoded }`. */
function certificateInJson(answer: Uint8Array): Uint8Array {
  const { certificate } = parseJson(answer) as { certificate?: unknown };
  if (typeof certificate !== 'string') throw new TypeError('no certificate in the answer');
  return fromBase64url(certificate.replaceAll(/=|%3[Dd]/g, ''), 'certificate');
}

const httpsFetch: EkFetch = async (url, { maxBytes, signal }) =>
  await new Promise((resolve, reject) => {
    const options = { agent: false, minVersion: 'TLSv1.2', signal } as const;
    const request = httpsRequest(url, options, async (response) => {
      try {
        const chunks: Uint8Array[] = [];
        let length = 0;
        for await (const chunk of response as AsyncIterable<Uint8Array>) {
          length += chunk.length;
          if (length > maxBytes) throw new RangeError(`more than ${maxBytes} bytes`);
          chunks.push(chunk);
        }
        resolve({ status: response.statusCode ?? 0, body: new Uint8Array(Buffer.concat(chunks)) });
      } catch (error) {
        response.destroy();
        reject(error);
      }
    });
    request.on('error', reject);
    request.end();
  });

function unavailable(problem: string, cause?: unknown): HttpError {
  const retry = { 'retry-after': '60' };
  return new HttpError(503, `endorsement certificate: ${problem}`, retry, { cause });
}
