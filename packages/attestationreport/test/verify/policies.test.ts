import { encodeUtf8 } from '@cmc/bytes';
import { beforeAll, describe, expect, test } from 'vitest';
import { ErrorCode } from '../../src/error-codes.ts';
import { explain } from '../../src/explain.ts';
import {
  createPolicyEngine,
  type PolicyEngine,
  type PolicyVerdict,
} from '../../src/policy/index.ts';
import type { Verification, VerifyOptions } from '../../src/verify/index.ts';
import { createScene, type Scene } from '../support/scene.ts';

let scene: Scene;
let good: Uint8Array;
beforeAll(async () => {
  scene = await createScene('cbor');
  good = await scene.report();
});

const policies = encodeUtf8('a policy');
const wrongNonce = { nonce: new Uint8Array(32) };

/** A policy engine that answers what it is told, and remembers what it was asked. */
function fakeEngine(verdict: PolicyVerdict): PolicyEngine & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    evaluate: async (_, resultJson) => {
      asked.push(resultJson);
      return verdict;
    },
  };
}

const overwrite = (status: string): PolicyVerdict => ({
  verdict: 'overwrite',
  resultJson: JSON.stringify({ summary: { status } }),
});

function run(verdict: PolicyVerdict, changes: Partial<VerifyOptions> = {}): Promise<Verification> {
  return scene.verify(good, { policies, policyEngine: fakeEngine(verdict), ...changes });
}

describe('policies', () => {
  test('R38 a policy that accepts leaves the result as it is', async () => {
    const { ok, result } = await run({ verdict: 'accept' });
    expect(ok).toBe(true);
    expect(result).toEqual((await scene.verify(good)).result);
  });

  test('R38 a policy that denies makes a failure, with its reason', async () => {
    const { ok, result, report } = await run({ verdict: 'deny', reason: 'not on Sundays' });
    expect(ok).toBe(false);
    expect(report).toBeUndefined();
    expect(result.summary).toEqual({
      status: 'fail',
      errorCodes: [ErrorCode.VerifyPolicies],
      details: 'not on Sundays',
    });
  });

  test('R38 a policy without an engine is a failure', async () => {
    const { ok, result } = await scene.verify(good, { policies });
    expect(ok).toBe(false);
    expect(result.summary.errorCodes).toEqual([ErrorCode.PolicyEngineNotImplemented]);
  });

  test('R38 a policy that is empty is a policy: it does not accept', async () => {
    await using policyEngine = createPolicyEngine();
    const options = { policies: new Uint8Array(), policyEngine };
    const { ok, result } = await scene.verify(good, options);
    expect(ok).toBe(false);
    expect(result.summary.errorCodes).toEqual([ErrorCode.VerifyPolicies]);
  });

  test('R38 a policy cannot accept what was refused', async () => {
    for (const verdict of [{ verdict: 'accept' } as const, overwrite('success')]) {
      const { ok, result } = await run(verdict, wrongNonce);
      expect(ok).toBe(false);
      expect(result.summary.errorCodes).toContain(ErrorCode.Freshness);
    }
  });

  test('R38 overwriting is refused where it is not allowed', async () => {
    for (const status of ['success', 'warn', 'fail']) {
      const { ok, result } = await run(overwrite(status));
      expect(ok).toBe(false);
      expect(result.summary.errorCodes).toEqual([ErrorCode.VerifyPolicies]);
    }
  });

  test('R38 overwriting turns a failure into a warning at most, and the result says so', async () => {
    for (const status of ['success', 'warn']) {
      const changes = { ...wrongNonce, policyOverwrite: true };
      const { ok, result } = await run(overwrite(status), changes);
      expect(ok).toBe(true);
      expect(result.summary.status).toBe('warn');
      expect(result.summary.errorCodes).toEqual([ErrorCode.Freshness]);
      expect(explain(result)).toContain(
        'The verification FAILED and a policy overwrote the result with a warning.',
      );
      expect(result.freshness.status).toBe('fail');
    }
  });

  test('R38 only the status is overwritten', async () => {
    const resultJson = JSON.stringify({ summary: { status: 'success' }, certLevel: 4, type: 'x' });
    const { ok, result } = await run(
      { verdict: 'overwrite', resultJson },
      { policyOverwrite: true },
    );
    expect(ok).toBe(true);
    expect(result).toEqual((await scene.verify(good)).result);
  });

  test('R38 overwriting can make a success a warning or a failure', async () => {
    const warned = await run(overwrite('warn'), { policyOverwrite: true });
    expect(warned.ok).toBe(true);
    expect(warned.result.summary.status).toBe('warn');
    const failed = await run(overwrite('fail'), { policyOverwrite: true });
    expect(failed.ok).toBe(false);
    expect(failed.result.summary.errorCodes).toEqual([ErrorCode.VerifyPolicies]);
  });

  test('R38 overwriting with anything that is no result is a failure', async () => {
    for (const resultJson of ['', '{}', 'true', '{"summary":5}', '{"summary":{"status":"ok"}}']) {
      for (const changes of [{}, wrongNonce]) {
        const options = { ...changes, policyOverwrite: true };
        const { ok, result } = await run({ verdict: 'overwrite', resultJson }, options);
        expect(ok).toBe(false);
        expect(result.summary.errorCodes).toContain(ErrorCode.VerifyPolicies);
      }
    }
  });

  test('R38 nothing overwrites bytes that are no report', async () => {
    const changes = {
      policies,
      policyEngine: fakeEngine(overwrite('success')),
      policyOverwrite: true,
    };
    const { ok, report } = await scene.verify(encodeUtf8('{}'), changes);
    expect(ok).toBe(false);
    expect(report).toBeUndefined();
  });

  test('R38 a policy gets the whole result, and runs only when it can change something', async () => {
    const engine = fakeEngine({ verdict: 'accept' });
    await scene.verify(good, { policies, policyEngine: engine });
    expect(JSON.parse(engine.asked[0] ?? '')).toMatchObject({
      version: '3.4.0',
      summary: { status: 'success' },
      certLevel: 1,
      measurements: [{ type: 'SW Result' }],
      metadata: { manifestResults: [{ name: 'de.test.rtm' }, {}, {}] },
    });
    await scene.verify(good, { policies, policyEngine: engine, ...wrongNonce });
    expect(engine.asked).toHaveLength(1);
  });

  test('R39 an engine that fails is a failure', async () => {
    const evaluate = async (): Promise<PolicyVerdict> => {
      throw new Error('out of order');
    };
    const { ok, result } = await scene.verify(good, { policies, policyEngine: { evaluate } });
    expect(ok).toBe(false);
    expect(result.summary).toMatchObject({
      status: 'fail',
      errorCodes: [ErrorCode.Internal],
      details: 'the verifier failed: out of order',
    });
  });

  test('R35 an overwritten failure is not remembered as a version', async () => {
    const seen: string[] = [];
    const metadataVersions = {
      lastSeen: () => undefined,
      remember: (_: string, name: string) => void seen.push(name),
    };
    await run(overwrite('warn'), { ...wrongNonce, policyOverwrite: true, metadataVersions });
    expect(seen).toEqual([]);
    await run({ verdict: 'accept' }, { metadataVersions });
    expect(seen).toHaveLength(4);
  });

  test('scripts judge real results in the sandbox', async () => {
    await using policyEngine = createPolicyEngine();
    const judge = (script: string): Promise<Verification> =>
      scene.verify(good, { policies: encodeUtf8(script), policyEngine });
    expect((await judge('JSON.parse(json).certLevel >= 1')).ok).toBe(true);
    expect((await judge('JSON.parse(json).certLevel >= 2')).ok).toBe(false);
    expect((await judge('throw new Error("no")')).ok).toBe(false);
    expect((await judge('1')).ok).toBe(false);
  });
});
