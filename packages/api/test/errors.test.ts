import { CmcError } from '@cmc/bytes';
import { describe, expect, test } from 'vitest';
import { createCmcClient } from '../src/create-cmc-client.ts';
import { withDeadline } from '../src/deadline.ts';
import { ApiError, errorText, remoteError } from '../src/errors.ts';
import { decodeTimeout, encodeTimeout, GRPC_STATUS, toStatus } from '../src/grpc/status.ts';

describe('errors on the wire', () => {
  test('keep code and message', () => {
    expect(errorText(new CmcError('ERR_A_B', 'it broke'))).toBe('ERR_A_B: it broke');
    expect(remoteError('ERR_A_B: it broke')).toMatchObject({
      code: 'ERR_API_REMOTE',
      remoteCode: 'ERR_A_B',
    });
  });

  test.each([new TypeError('secret'), 'secret', null, undefined])('say nothing of %s', (thrown) => {
    expect(errorText(thrown)).toMatch(/^ERR_API_INTERNAL: /);
    expect(errorText(thrown)).not.toContain('secret');
  });

  test.each(['', ' ', 'err_a: x', 'ERR_A', `ERR_${'A'.repeat(70)}: x`])(
    'have no code in %j',
    (text) => {
      const error = remoteError(text);
      expect(error.code).toBe('ERR_API_REMOTE');
      expect(error.remoteCode).toBeUndefined();
      expect(error.message).not.toBe('');
    },
  );
});

describe('toStatus', () => {
  test.each([
    ['ERR_API_REQUEST', GRPC_STATUS.INVALID_ARGUMENT],
    ['ERR_API_VERSION', GRPC_STATUS.INVALID_ARGUMENT],
    ['ERR_API_LIMIT', GRPC_STATUS.RESOURCE_EXHAUSTED],
    ['ERR_API_TIMEOUT', GRPC_STATUS.DEADLINE_EXCEEDED],
    ['ERR_METADATA_UNAVAILABLE', GRPC_STATUS.UNAVAILABLE],
    ['ERR_KEY_UNKNOWN', GRPC_STATUS.UNKNOWN],
  ])('%s is %i', (code, status) => {
    expect(toStatus(new CmcError(code, 'x'))).toEqual({ code: status, message: `${code}: x` });
  });

  test('what has no code is INTERNAL', () => {
    expect(toStatus(new Error('x')).code).toBe(GRPC_STATUS.INTERNAL);
  });
});

describe('grpc-timeout', () => {
  test.each([
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3000],
    ['99999999m', 99_999_999],
    ['5000u', 5],
    ['1000000n', 1],
  ])('%s', (text, ms) => expect(decodeTimeout(text)).toBe(ms));

  test.each(['', 'm', '123456789m', '1x', '-1m', '1.5S', ' 1S'])('%j is none', (text) => {
    expect(decodeTimeout(text)).toBeUndefined();
  });

  test('comes back as it was, or longer by less than a second', () => {
    for (const ms of [1, 10_000, 99_999_999, 100_000_000, 2_147_483_647]) {
      const decoded = decodeTimeout(encodeTimeout(ms)) ?? Number.NaN;
      expect(decoded).toBeGreaterThanOrEqual(ms);
      expect(decoded - ms).toBeLessThan(1000);
    }
  });
});

describe('withDeadline', () => {
  const never = (): Promise<never> => new Promise(() => {});

  test('yields what the work yields, and leaves no listener behind', async () => {
    const { signal } = new AbortController();
    let added = 0;
    const counted = Object.assign(Object.create(signal), {}) as AbortSignal;
    Object.defineProperties(counted, {
      aborted: { value: false },
      throwIfAborted: { value: () => {} },
      addEventListener: { value: () => added++ },
      removeEventListener: { value: () => added-- },
    });
    const options = { timeoutMs: 1000, what: 'x', signals: [counted, undefined] };
    expect(await withDeadline(options, async () => 5)).toBe(5);
    expect(added).toBe(0);
  });

  test('rejects at the deadline, and aborts the work', async () => {
    let reason: unknown;
    const work = (signal: AbortSignal): Promise<never> => {
      signal.addEventListener('abort', () => {
        reason = signal.reason;
      });
      return never();
    };
    const call = withDeadline({ timeoutMs: 20, what: 'x', signals: [] }, work);
    await expect(call).rejects.toMatchObject({ code: 'ERR_API_TIMEOUT' });
    expect(reason).toBeInstanceOf(ApiError);
  });

  test('rejects with the reason of the signal that aborts', async () => {
    const controller = new AbortController();
    const call = withDeadline(
      { timeoutMs: 1000, what: 'x', signals: [undefined, controller.signal] },
      never,
    );
    controller.abort(new Error('because'));
    await expect(call).rejects.toThrow('because');
  });
});

describe('createCmcClient', () => {
  test.each(['grpc', 'coap', 'socket'] as const)('makes a client for %s', async (api) => {
    const client = await createCmcClient({ api, address: '127.0.0.1:1', timeoutMs: 100 });
    const error = await client.updateCerts().catch((reason: unknown) => reason);
    expect(['ERR_API_UNAVAILABLE', 'ERR_API_TIMEOUT']).toContain((error as CmcError).code);
    await client.close();
  });

  test('refuses what it does not know', async () => {
    const address = '127.0.0.1:1';
    await expect(createCmcClient({ api: 'rest' as 'grpc', address })).rejects.toThrow(TypeError);
    await expect(createCmcClient({ api: 'grpc', address: 'x:y:z' })).rejects.toMatchObject({
      code: 'ERR_API_ADDRESS',
    });
    await expect(createCmcClient({ api: 'socket', address, timeoutMs: 0 })).rejects.toThrow(
      RangeError,
    );
  });
});
