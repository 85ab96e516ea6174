import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AttestationResult, Component } from '@cmc/attestationreport';
import { attestationResultSchema, decodeStruct } from '@cmc/attestationreport/codec';
import { fromHex } from '@cmc/bytes';
import { vectorsDir } from '@cmc/testkit';
import type { CallOptions, Cmc } from '../src/cmc.ts';

/** A result of the reference, as CBOR can carry it. */
export const SAMPLE_RESULT: AttestationResult = decodeStruct(
  attestationResultSchema,
  fromHex(readFileSync(join(vectorsDir(), 'report/attestation-result.cbor.hex'), 'utf8').trim()),
).value;

export const KEY_ID = '6ba7b810-9dad-41d1-80b4-00c04fd430c8';
export const DIGEST = 'ab'.repeat(32);

/** Has only what every transport can carry. */
export const SAMPLE_EVENT: Component = {
  type: 'container',
  name: 'registry.example/app:1',
  hashes: [{ alg: 'SHA-256', content: new Uint8Array(32).fill(7) }],
  version: '1.2',
  optional: true,
  description: 'an application',
  properties: [{ name: 'cmc.index', value: '10' }],
  ctrData: {
    configSha256: new Uint8Array(32).fill(1),
    rootfsSha256: new Uint8Array(32).fill(2),
    ociSpec: Object.assign(Object.create(null), {
      ociVersion: '1.2.0',
      process: Object.assign(Object.create(null), { args: ['/bin/app', 'ü'], cwd: '/' }),
    }),
  },
};

/** One call that arrived at a {@link FakeCmc}. */
export interface RecordedCall {
  readonly method: keyof Cmc;
  readonly request: unknown;
  readonly options: CallOptions;
}

/** A daemon without a daemon: answers at once, remembers its calls. */
export interface FakeCmc extends Cmc {
  readonly calls: RecordedCall[];
}

/** Answers of the fake, by method; a method may be replaced to misbehave. */
export function fakeCmc(overrides: Partial<Cmc> = {}): FakeCmc {
  const calls: RecordedCall[] = [];
  const record = (method: keyof Cmc, request: unknown, options: CallOptions = {}): void => {
    calls.push({ method, request, options });
  };
  return {
    calls,
    async attest(request, options) {
      record('attest', request, options);
      return (await overrides.attest?.(request, options)) ?? { report: request.nonce };
    },
    async verify(request, options) {
      record('verify', request, options);
      return (await overrides.verify?.(request, options)) ?? { result: SAMPLE_RESULT };
    },
    async tlsCreate(request, options) {
      record('tlsCreate', request, options);
      return { keyId: KEY_ID };
    },
    async tlsSign(request, options) {
      record('tlsSign', request, options);
      return (await overrides.tlsSign?.(request, options)) ?? { signedContent: request.content };
    },
    async tlsCert(request, options) {
      record('tlsCert', request, options);
      const pem = (name: string): Uint8Array => new TextEncoder().encode(`-----${name}-----\n`);
      return { certificate: [pem('LEAF'), pem('CA')] };
    },
    async peerCache(request, options) {
      record('peerCache', request, options);
      return { cache: request.peer === '' ? [] : [DIGEST, 'cd'.repeat(48)] };
    },
    async measure(request, options) {
      record('measure', request, options);
      return { success: true };
    },
    async updateCerts(options) {
      record('updateCerts', undefined, options);
      return { success: true };
    },
    async updateMetadata(options) {
      record('updateMetadata', undefined, options);
      return { success: false };
    },
  };
}
