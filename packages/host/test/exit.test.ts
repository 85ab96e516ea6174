import { CmcError } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { describeError, EXIT, exitCodeOf, UsageError } from '../src/index.ts';

describe('exitCodeOf', () => {
  test.each([
    ['a wrong call', new UsageError('no --nonce'), EXIT.usage],
    [
      'a failed attestation of the peer',
      new CmcError('ERR_ATLS_PEER_ATTESTATION', 'x'),
      EXIT.attestationFailed,
    ],
    ['a refusal by the peer', new CmcError('ERR_ATLS_PEER_REPORTED', 'x'), EXIT.attestationFailed],
    ['a daemon that is not there', new CmcError('ERR_API_UNAVAILABLE', 'x'), EXIT.unavailable],
    ['a deadline', new CmcError('ERR_ATLS_TIMEOUT', 'x'), EXIT.unavailable],
    ['a peer that hung up', new CmcError('ERR_ATLS_CLOSED', 'x'), EXIT.unavailable],
    [
      'collateral that a daemon could not get',
      Object.assign(new Error('x'), { code: 'ERR_API_REMOTE', remoteCode: 'ERR_KDS_UNAVAILABLE' }),
      EXIT.unavailable,
    ],
    [
      'collateral that is wrong',
      Object.assign(new Error('x'), { code: 'ERR_API_REMOTE', remoteCode: 'ERR_KDS_INVALID' }),
      EXIT.attestationFailed,
    ],
    ['anything else', new Error('x'), EXIT.usage],
    ['a thrown text', 'x', EXIT.usage],
  ])('gives the code of %s', (_, error, code) => {
    expect(exitCodeOf(error)).toBe(code);
  });

  test('finds a refused connection below the error that reports it', () => {
    const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    expect(exitCodeOf(new Error('cannot dial', { cause: refused }))).toBe(EXIT.unavailable);
  });
});

describe('describeError', () => {
  test('names codes and causes once', () => {
    const cause = new CmcError('ERR_DECODE_TRUNCATED', 'need 2 bytes');
    const error = new UsageError('report.cbor is not a report', { cause });
    expect(describeError(error)).toBe(
      'ERR_USAGE: report.cbor is not a report: ERR_DECODE_TRUNCATED: need 2 bytes',
    );
  });
});
