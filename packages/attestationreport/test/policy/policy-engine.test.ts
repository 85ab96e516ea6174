import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeUtf8, type Logger, silentLogger } from '@cmc/bytes';
import { vectorsDir } from '@cmc/testkit';
import { afterAll, describe, expect, test } from 'vitest';
import {
  createPolicyEngine,
  MAX_POLICY_BYTES,
  MAX_RESULT_LENGTH,
  MAX_WAITING,
  type PolicyVerdict,
} from '../../src/policy/index.ts';

const engine = createPolicyEngine();
afterAll(() => engine.close());

const run = (policy: string, resultJson = '{}'): Promise<PolicyVerdict> =>
  engine.evaluate(encodeUtf8(policy), resultJson);

const denied = { verdict: 'deny', reason: expect.stringMatching(/./) };

describe('verdict', () => {
  test('true accepts, false denies', async () => {
    expect(await run('true')).toEqual({ verdict: 'accept' });
    expect(await run('false')).toEqual(denied);
  });

  test('the completion value decides, whatever the form of the last statement', async () => {
    for (const policy of [
      'var ok = true; ok',
      'if (json) { true } else { false }',
      'for (var i = 0; i < 3; i++) i === 2',
      'label: { true; break label; }',
      'with ({ a: true }) a',
      'switch (1) { case 1: true }',
      '(function () { return this === undefined ? false : true })()',
      '\uFEFFtrue // with a byte order mark',
    ]) {
      expect(await run(policy), policy).toEqual({ verdict: 'accept' });
    }
  });

  test('a string is passed on as the new result, whatever is in it', async () => {
    expect(
      await run(
        'var o = JSON.parse(json); o.summary.status = "warn"; JSON.stringify(o)',
        '{"summary":{}}',
      ),
    ).toEqual({ verdict: 'overwrite', resultJson: '{"summary":{"status":"warn"}}' });
    expect(await run('"äöü € 😀"')).toEqual({ verdict: 'overwrite', resultJson: 'äöü € 😀' });
    expect(await run('""')).toEqual({ verdict: 'overwrite', resultJson: '' });
  });

  test('R38 denies every other completion value', async () => {
    for (const policy of [
      '',
      ' ',
      '// nothing',
      'undefined',
      'null',
      '1',
      '0',
      'NaN',
      '1n',
      'Symbol("x")',
      '({})',
      '[true]',
      '(function () { return true })',
      'new Boolean(true)',
      'new String("{}")',
      '(function* () { yield true })()',
      'var declared = true',
      'if (false) true',
    ]) {
      expect(await run(policy), policy).toEqual(denied);
    }
  });

  test('R38 denies when the policy throws or does not parse, and says why', async () => {
    for (const [policy, reason] of [
      ['throw new Error("not today")', /Error: not today/],
      ['nothing.at.all', /ReferenceError/],
      ['true; }', /SyntaxError/],
      ['throw "text"', /text/],
      ['throw null', /null/],
      ['throw { name: 1, message: { toString: 1 } }', /object/],
      ['export default true', /SyntaxError/],
      ['import fs from "node:fs"; true', /SyntaxError/],
      ['await true', /SyntaxError/],
    ] as const) {
      expect(await run(policy), policy).toEqual({
        verdict: 'deny',
        reason: expect.stringMatching(reason),
      });
    }
  });

  test('a reason is one short line, whatever was thrown', async () => {
    const verdict = await run('throw new Error("\\u001b[2J\\r\\n\\u202e" + "x".repeat(100000))');
    expect(verdict.verdict).toBe('deny');
    const { reason } = verdict as { reason: string };
    expect(reason).not.toMatch(/\p{C}/u);
    expect(reason.length).toBeLessThan(400);
  });

  test('a text that UTF-8 cannot carry is denied', async () => {
    expect(await run('"\\ud800"')).toEqual(denied);
    expect(await run('"{}\\0"')).toEqual(denied);
  });
});

describe('input', () => {
  const resultJson = readFileSync(join(vectorsDir(), 'report/attestation-result.json'), 'utf8');

  test('json is the text of the attestation result', async () => {
    expect(await run('json', resultJson)).toEqual({ verdict: 'overwrite', resultJson });
    expect(await run('typeof json')).toEqual({ verdict: 'overwrite', resultJson: 'string' });
  });

  test('a policy over the result of the reference decides by its members', async () => {
    const policy = (name: string): string => `
      var result = JSON.parse(json);
      var found = false;
      result.metadata.imageDescriptionResult.signatureValidation.forEach(function (signature) {
        signature.certs.forEach(function (chain) {
          chain.forEach(function (cert) {
            if (cert.subject.commonName === ${JSON.stringify(name)}) found = true;
          });
        });
      });
      result.type === 'Attestation Result' && result.summary.status === 'success' && found`;
    const name = JSON.parse(resultJson).metadata.imageDescriptionResult.signatureValidation[0]
      .certs[0][0].subject.commonName as string;
    expect(await run(policy(name), resultJson)).toEqual({ verdict: 'accept' });
    expect(await run(policy(`${name}!`), resultJson)).toEqual(denied);
  });

  test('R38 one policy leaves nothing behind for the next', async () => {
    expect(
      await run(
        'globalThis.left = 1; Object.prototype.left = 1; JSON.parse = null; json = "x"; true',
      ),
    ).toEqual({ verdict: 'accept' });
    expect(await run('typeof left + typeof {}.left + typeof JSON.parse + json', '{}')).toEqual({
      verdict: 'overwrite',
      resultJson: 'undefinedundefinedfunction{}',
    });
  });

  test('a policy that is too long, or no UTF-8, is denied without being run', async () => {
    expect(await run(`${' '.repeat(MAX_POLICY_BYTES - 4)}true`)).toEqual({ verdict: 'accept' });
    expect(await run(`${' '.repeat(MAX_POLICY_BYTES - 3)}true`)).toEqual(denied);
    expect(await engine.evaluate(Uint8Array.of(0x22, 0xff, 0x22), '{}')).toEqual(denied);
  });

  test('a result is accepted up to its limit and denied beyond, in both directions', async () => {
    const longest = `"${'x'.repeat(MAX_RESULT_LENGTH - 2)}"`;
    expect(await run('JSON.parse(json).length', longest)).toEqual(denied);
    expect(await run('JSON.parse(json).length > 0', longest)).toEqual({ verdict: 'accept' });
    expect(await run('true', `${longest} `)).toEqual(denied);
    expect(await run('json', longest)).toEqual({ verdict: 'overwrite', resultJson: longest });
    expect(await run('json + " "', longest)).toEqual(denied);
  });

  test('a result with 20000 measured events fits', async () => {
    const large = JSON.stringify({
      measurements: Array.from({ length: 20_000 }, (_, index) => ({
        success: true,
        launched: true,
        type: 'Verified',
        name: `boot_aggregate ${index}`,
        index: 10,
        digest: index.toString(16).padStart(64, '0'),
        hashAlg: 'SHA-256',
      })),
    });
    expect(
      await run('JSON.parse(json).measurements.every(function (m) { return m.success })', large),
    ).toEqual({ verdict: 'accept' });
  });
});

describe('console.log', () => {
  test('lines go to the logger, bounded in number and length', async () => {
    const lines: unknown[] = [];
    const logger: Logger = { ...silentLogger, info: (fields) => lines.push(fields) };
    await using logging = createPolicyEngine({ logger });
    await logging.evaluate(
      encodeUtf8('console.log("a", 1, null, { b: 2 }); console.log(); true'),
      '{}',
    );
    expect(lines).toEqual([{ lines: ['a 1 null [object Object]', ''] }]);
    lines.length = 0;
    const flood = 'for (var i = 0; i < 5000; i++) console.log("x".repeat(5000)); true';
    expect(await logging.evaluate(encodeUtf8(flood), '{}')).toEqual({ verdict: 'accept' });
    expect(lines).toEqual([{ lines: Array.from({ length: 64 }, () => 'x'.repeat(1024)) }]);
  });

  test('what fails while a value becomes text is thrown at the policy', async () => {
    expect(
      await run(
        'try { console.log({ toString: function () { throw 1 } }); false } catch (e) { e === 1 }',
      ),
    ).toEqual({ verdict: 'accept' });
  });
});

describe('lifetime', () => {
  test('evaluations at the same time do not disturb each other, and too many are denied', async () => {
    await using small = createPolicyEngine({ concurrency: 1 });
    const verdicts = await Promise.all(
      Array.from({ length: MAX_WAITING + 3 }, (_, index) =>
        small.evaluate(encodeUtf8('json'), `${index}`),
      ),
    );
    expect(verdicts.slice(0, MAX_WAITING + 1)).toEqual(
      Array.from({ length: MAX_WAITING + 1 }, (_, index) => ({
        verdict: 'overwrite',
        resultJson: `${index}`,
      })),
    );
    expect(verdicts.slice(MAX_WAITING + 1)).toEqual([denied, denied]);
  });

  test('an abort stops what runs or waits, and the engine works afterwards', async () => {
    await using small = createPolicyEngine({ concurrency: 1, timeoutMs: 20_000 });
    const reason = new Error('enough');
    const running = new AbortController();
    const waiting = new AbortController();
    const endless = small.evaluate(encodeUtf8('for (;;) {}'), '{}', { signal: running.signal });
    const queued = small.evaluate(encodeUtf8('true'), '{}', { signal: waiting.signal });
    waiting.abort(reason);
    await expect(queued).rejects.toBe(reason);
    setTimeout(() => running.abort(reason), 200);
    await expect(endless).rejects.toBe(reason);
    await expect(
      small.evaluate(encodeUtf8('true'), '{}', { signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason);
    expect(await small.evaluate(encodeUtf8('true'), '{}')).toEqual({ verdict: 'accept' });
  });

  test('close rejects what runs, what waits and what comes later', async () => {
    const closing = createPolicyEngine({ concurrency: 1, timeoutMs: 20_000 });
    const closed = expect.objectContaining({ code: 'ERR_POLICY_CLOSED' });
    const open = Promise.allSettled([
      closing.evaluate(encodeUtf8('for (;;) {}'), '{}'),
      closing.evaluate(encodeUtf8('true'), '{}'),
    ]);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await closing.close();
    const rejected = { status: 'rejected', reason: closed };
    expect(await open).toEqual([rejected, rejected]);
    await expect(closing.evaluate(encodeUtf8('true'), '{}')).rejects.toEqual(closed);
    await closing.close();
  });

  test('an idle engine does not keep the process alive', async () => {
    const handles = (): number =>
      process.getActiveResourcesInfo().filter((name) => name !== 'Timeout').length;
    const before = handles();
    await using idle = createPolicyEngine();
    await idle.evaluate(encodeUtf8('true'), '{}');
    expect(handles()).toBe(before);
  });

  test('options out of range are refused', () => {
    for (const options of [
      { timeoutMs: 0 },
      { timeoutMs: Number.NaN },
      { timeoutMs: Number.POSITIVE_INFINITY },
      { memoryBytes: 2 ** 20 },
      { memoryBytes: 2 ** 32 },
      { concurrency: 0 },
      { concurrency: 1.5 },
    ]) {
      expect(() => createPolicyEngine(options), JSON.stringify(options)).toThrow(RangeError);
    }
  });
});
