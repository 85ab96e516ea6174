import { encodeUtf8 } from '@cmc/bytes';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createPolicyEngine, type JsPolicyEngine } from '../../src/policy/index.ts';

const TIMEOUT_MS = 300;
// Stopped from outside at 1.5 times the limit plus 500 ms; the rest is for a busy machine.
const BOUND_MS = 950 + 2500;
const BOUND_BYTES = 300 * 2 ** 20;

let engine: JsPolicyEngine;
beforeEach(() => {
  engine = createPolicyEngine({ timeoutMs: TIMEOUT_MS });
});
afterEach(() => engine.close());

/** The reason of denial, after time, memory and the engine's health were checked. */
async function contain(policy: string): Promise<string> {
  const memoryBefore = process.memoryUsage.rss();
  let peak = memoryBefore;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 10);
  const start = performance.now();
  const verdict = await engine.evaluate(encodeUtf8(policy), '{}');
  const took = performance.now() - start;
  clearInterval(watch);
  expect(took, policy).toBeLessThan(BOUND_MS);
  expect(peak - memoryBefore, policy).toBeLessThan(BOUND_BYTES);
  // Healthy again; not at once where the machine is too busy for an honest policy, too.
  await vi.waitFor(
    async () =>
      expect(await engine.evaluate(encodeUtf8('true'), '{}'), policy).toEqual({
        verdict: 'accept',
      }),
    { timeout: 5000 },
  );
  expect(verdict.verdict, policy).toBe('deny');
  return verdict.verdict === 'deny' ? verdict.reason : '';
}

describe('time', () => {
  test.each([
    'for (;;) {}',
    'for (;;) { try { for (;;) {} } catch (e) {} finally { continue } }',
    'function f() { try { for (;;) {} } finally { f() } } f()',
    'var d = Date.now(); while (Date.now() - d < 1e9); true',
    '/^(a+)+$/.test("a".repeat(40) + "!")',
    '/(x+x+)+y/.test("x".repeat(100000))',
    '[2, 1].sort(function () { for (;;) {} })',
    'JSON.stringify({ toJSON: function () { for (;;) {} } })',
    'JSON.parse("[1]", function () { for (;;) {} })',
    'throw { get name() { for (;;) {} } }',
    'throw { toJSON: function () { for (;;) {} } }',
    'for (;;) console.log("x")',
    'console.log({ toString: function () { for (;;) {} } })',
    'eval("for (;;) {}")',
    'new Function("for (;;) {}")()',
  ])('R38 stops at the deadline: %s', async (policy) => {
    expect(await contain(policy)).toMatch(/longer than 300 ms/);
  });

  test.each([
    'new Array(1e8).join("xxxxxxxx")',
    'var a = new Array(1e6); for (;;) a = a.concat(a)',
  ])('R38 stops a single instruction from outside: %s', async (policy) => {
    expect(await contain(policy)).toMatch(/no answer within 950 ms/);
  });

  test('R38 a policy that finished after its deadline is denied all the same', async () => {
    // Few, slow instructions: the interpreter does not look at the clock between them.
    const slow =
      'var d = Date.now(); while (Date.now() - d < 400) "x".repeat(5e6).split("x", 1); true';
    expect(await contain(slow)).toMatch(/longer than 300 ms/);
  });
});

describe('memory', () => {
  test.each([
    'var a = []; for (;;) a.push({})',
    'var a = []; for (;;) a.push(new Array(100000).join("x"))',
    'var s = "x"; for (;;) s += s',
    '"x".repeat(1 << 29)',
    'var m = new Map(); for (var i = 0; ; i++) m.set({}, i)',
    '"a".repeat(3e7).split("").length',
    '"a".repeat(1e6).replace(/a/g, function () { return "b".repeat(1e3) })',
    'new Array(5e6).fill(1).sort()',
    'var b = 2n; for (;;) b = b * b',
    'var o = {}; for (var i = 0; ; i++) o["k" + i] = i',
    'new Array(1e6).fill("x".repeat(1e6)).join("")',
  ])('R38 bounds: %s', async (policy) => {
    expect(await contain(policy)).toMatch(/memory|too long|too large|longer than|no answer/);
  });

  test('R38 a policy that survives running out of memory gets no more of it', async () => {
    // Filling 16 MiB takes longer than the other policies get, on a busy machine.
    await using patient = createPolicyEngine({ timeoutMs: 10_000 });
    expect(
      await patient.evaluate(
        encodeUtf8(
          'var n = 0; try { for (var a = []; ; n++) a.push(new Array(1 << 17).fill(0)) } catch (e) { a = 0 } n > 16 && n < 48',
        ),
        '{}',
      ),
    ).toEqual({ verdict: 'accept' });
  });
});

describe('stack', () => {
  test.each([
    'function f() { return f() + 1 } f()',
    'var o = { toString: function () { return "" + o } }; "" + o',
    'JSON.parse("[".repeat(200000))',
    'JSON.parse("[".repeat(50000) + "]".repeat(50000))',
    'eval("(".repeat(100000))',
    'eval("[".repeat(100000))',
    'eval("!".repeat(200000) + "1")',
    'new RegExp("(".repeat(100000))',
    'new RegExp("(?:".repeat(50000) + "a" + ")".repeat(50000))',
    'var a = []; for (var i = 0; i < 1e5; i++) a = [a]; JSON.stringify(a)',
    'var a = []; for (var i = 0; i < 1e5; i++) a = [a]; a.flat(Infinity)',
    'var f = function () {}; for (var i = 0; i < 1e5; i++) f = f.bind(); f()',
  ])('R38 bounds recursion: %s', async (policy) => {
    await contain(policy);
  });
});

describe('reach', () => {
  test('R38 nothing of the host is visible', async () => {
    const names = [
      ...['process', 'require', 'module', 'fetch', 'XMLHttpRequest', 'WebSocket', 'navigator'],
      ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'performance', 'crypto'],
      ...[
        'WebAssembly',
        'SharedArrayBuffer',
        'Atomics',
        'ArrayBuffer',
        'Promise',
        'Proxy',
        'Worker',
      ],
      ...['std', 'os', 'print', 'scriptArgs', 'Deno', 'Bun', 'Buffer', 'parentPort', 'postMessage'],
    ];
    const policy = `[${names.map((name) => `typeof ${name}`)}].join() + Object.keys(console)`;
    expect(await engine.evaluate(encodeUtf8(policy), '{}')).toEqual({
      verdict: 'overwrite',
      resultJson: `${names.map(() => 'undefined').join()}log`,
    });
  });

  test.each([
    'console.log.constructor("return process")()',
    'globalThis.constructor.constructor("return this.process.exit()")()',
    'import("node:fs")',
    '(async function () { return true })()',
    'console.log.caller(1)',
    'console.log.arguments.callee',
  ])('R38 no way out: %s', async (policy) => {
    await contain(policy);
  });

  test.each([
    'Boolean.prototype.valueOf = function () { return true }; false',
    'Object.prototype.verdict = "accept"; Object.prototype.reason = ""; false',
    'Object.prototype.then = function (resolve) { resolve(true) }; false',
    'Object.defineProperty(Object.prototype, "value", { get: function () { return true } }); false',
    'String.prototype.toString = Object.prototype.toString = function () { return true }; false',
    'Object.setPrototypeOf(Object.prototype, null); Array.prototype.push = null; false',
    'console = { log: null }; String = null; Function.prototype.call = null; false',
  ])('R38 changing prototypes does not change the verdict: %s', async (policy) => {
    expect(await contain(policy)).toBe('its completion value is false');
  });
});
