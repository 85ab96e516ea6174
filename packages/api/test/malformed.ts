import type { CmcClient } from '../src/client.ts';
import { DIGEST, KEY_ID } from './fake-cmc.ts';

const NONCE = new Uint8Array(32);

const keyConfig = {
  type: 'sw',
  alg: 'EC256',
  cn: 'a',
  dnsNames: [],
  ipAddresses: [],
} as const;
const sign = { keyId: KEY_ID, content: new Uint8Array(32), hashAlg: 'SHA-256' };
/** Calls with a bad request, each with the field that is to blame. */
export const MALFORMED: readonly (readonly [string, (client: CmcClient) => Promise<unknown>])[] = [
  ['AttestationRequest.nonce', (c) => c.attest({ nonce: new Uint8Array(7) })],
  ['AttestationRequest.nonce', (c) => c.attest({ nonce: new Uint8Array(65) })],
  ['AttestationRequest.cached[1]', (c) => c.attest({ nonce: NONCE, cached: [DIGEST, '../x'] })],
  [
    'AttestationRequest.cached',
    (c) => c.attest({ nonce: NONCE, cached: new Array(4097).fill(DIGEST) }),
  ],
  ['VerificationRequest.report', (c) => c.verify({ nonce: NONCE, report: new Uint8Array() })],
  ['VerificationRequest.peer', (c) => c.verify({ nonce: NONCE, report: NONCE, peer: 'AB' })],
  [
    'VerificationRequest.peerAddr',
    (c) => c.verify({ nonce: NONCE, report: NONCE, peerAddr: 'a\nb' }),
  ],
  [
    'TLSCreateRequest.keyConfig.alg',
    (c) => c.tlsCreate({ keyConfig: { ...keyConfig, alg: 'EC128' as 'EC256' } }),
  ],
  [
    'TLSCreateRequest.keyConfig.type',
    (c) => c.tlsCreate({ keyConfig: { ...keyConfig, type: 'snp' as 'sw' } }),
  ],
  [
    'TLSCreateRequest.keyConfig.dnsNames[0]',
    (c) => c.tlsCreate({ keyConfig: { ...keyConfig, dnsNames: ['a b'] } }),
  ],
  [
    'TLSCreateRequest.keyConfig.ipAddresses[0]',
    (c) => c.tlsCreate({ keyConfig: { ...keyConfig, ipAddresses: ['1.2.3'] } }),
  ],
  ['TLSSignRequest.keyId', (c) => c.tlsSign({ ...sign, keyId: '../../etc/passwd' })],
  ['TLSSignRequest.hashAlg', (c) => c.tlsSign({ ...sign, hashAlg: 'MD5' })],
  ['TLSSignRequest.content', (c) => c.tlsSign({ ...sign, content: new Uint8Array() })],
  ['TLSSignRequest.message', (c) => c.tlsSign({ ...sign, message: new Uint8Array(1025) })],
  ['TLSSignRequest.scheme', (c) => c.tlsSign({ ...sign, scheme: 'rsa' as 'rsa-pss' })],
  ['TLSCertRequest.keyId', (c) => c.tlsCert({ keyId: '' })],
  ['PeerCacheRequest.peer', (c) => c.peerCache({ peer: '../..' })],
];
