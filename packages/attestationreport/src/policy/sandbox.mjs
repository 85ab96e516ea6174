// @ts-check
// Worker thread that runs one policy after another; started by sandbox.ts.
//
// Plain JavaScript on purpose: tests run this package from its TypeScript sources, and Node 20 cannot
// load TypeScript in a worker. The package ships `src`, and `dist/policy` and `src/policy` are equally
// deep, so both find this file under the same relative URL.
//
// Every policy gets a WebAssembly instance of its own (under a millisecond): a fault in the interpreter
// cannot reach from one policy to the next, and nothing has to be freed afterwards.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import releaseSync from '@jitl/quickjs-wasmfile-release-sync';
import {
  DefaultIntrinsics,
  newQuickJSWASMModuleFromVariant,
  newVariant,
} from 'quickjs-emscripten-core';

/** @type {{ timeoutMs: number, memoryBytes: number, maxResultLength: number }} */
const limits = workerData;

const WASM_PAGE_BYTES = 0x10000;
// What the interpreter's build needs before the first script runs.
const INITIAL_PAGES = 256;
// Deeper and the interpreter's recursive parsers overflow the stack of the host thread instead.
const STACK_BYTES = 128 * 1024;
const MAX_LOG_LINES = 64;
const MAX_LOG_LINE_LENGTH = 1024;
const MAX_ERROR_LENGTH = 256;

// Policies are synchronous functions of a text. What they do not need is left out, because less
// interpreter is reachable without it; typed arrays bring SharedArrayBuffer and Atomics along.
const INTRINSICS = { ...DefaultIntrinsics, Promise: false, Proxy: false, TypedArrays: false };

// Conversion to text happens inside the sandbox, because it runs code of the policy. What it uses is
// taken before the policy can replace it.
const CONSOLE = `(function (write) {
  var text = String;
  var slice = Function.prototype.call.bind(String.prototype.slice);
  globalThis.console = {
    log: function () {
      var line = '';
      for (var i = 0; i < arguments.length; i++) line += (i ? ' ' : '') + text(arguments[i]);
      write(slice(line, 0, ${MAX_LOG_LINE_LENGTH}));
    },
  };
})`;

const wasm = await WebAssembly.compile(
  await readFile(
    createRequire(import.meta.url).resolve('@jitl/quickjs-wasmfile-release-sync/wasm'),
  ),
);

parentPort?.on('message', async (job) => {
  /** @type {string[]} */
  const log = [];
  let reply;
  try {
    reply = await run(job.policy, job.resultJson, log);
  } catch (error) {
    // The interpreter aborted, or it overflowed the stack of this thread.
    reply = { verdict: deny(`the sandbox failed: ${printable(String(error))}`), fault: true };
  }
  parentPort?.postMessage({ ...reply, log });
});
parentPort?.postMessage('ready');

/**
 * @param {string} policy
 * @param {string} resultJson
 * @param {string[]} log
 */
async function run(policy, resultJson, log) {
  // The memory limit of the interpreter itself does not count what is allocated in this build.
  const memory = new WebAssembly.Memory({
    initial: INITIAL_PAGES,
    maximum: Math.floor(limits.memoryBytes / WASM_PAGE_BYTES),
  });
  const quickjs = await newQuickJSWASMModuleFromVariant(
    newVariant(releaseSync, { wasmModule: wasm, wasmMemory: memory }),
  );
  const runtime = quickjs.newRuntime();
  runtime.setMaxStackSize(STACK_BYTES);
  const deadline = performance.now() + limits.timeoutMs;
  let late = false;
  runtime.setInterruptHandler(() => {
    late ||= performance.now() > deadline;
    return late;
  });

  const context = runtime.newContext({ intrinsics: INTRINSICS });
  const write = context.newFunction('write', (line) => {
    if (log.length < MAX_LOG_LINES) log.push(context.getString(line));
  });
  const installConsole = context.unwrapResult(context.evalCode(CONSOLE));
  context.unwrapResult(context.callFunction(installConsole, context.undefined, write));
  context.setProp(context.global, 'json', context.newString(resultJson));

  const outcome = context.evalCode(policy, 'policy.js', { type: 'global' });
  const reply = outcome.error
    ? failed(context.dump(outcome.error), memory.buffer.byteLength)
    : { verdict: verdictOf(context, outcome.value), fault: false };
  // Looked at last: describing what was thrown runs code of the policy, too.
  if (!late && performance.now() <= deadline) return reply;
  return { verdict: deny(`it ran longer than ${limits.timeoutMs} ms`), fault: true };
}

/**
 * @param {import('quickjs-emscripten-core').QuickJSContext} context
 * @param {import('quickjs-emscripten-core').QuickJSHandle} value
 */
function verdictOf(context, value) {
  const type = context.typeof(value);
  if (type === 'boolean') {
    return context.sameValue(value, context.true)
      ? { verdict: 'accept' }
      : deny('its completion value is false');
  }
  if (type !== 'string') {
    return deny(`its completion value is of type ${type}, expected a boolean or a string`);
  }
  const length = context.getProp(value, 'length').consume((handle) => context.getNumber(handle));
  if (length > limits.maxResultLength) {
    return deny(`it returned ${length} characters, at most ${limits.maxResultLength} are allowed`);
  }
  const resultJson = context.getString(value);
  // Text leaves the interpreter as UTF-8 with a zero byte at the end.
  return resultJson.length === length
    ? { verdict: 'overwrite', resultJson }
    : deny('it returned a text with a lone surrogate or a NUL in it');
}

/**
 * @param {unknown} thrown whatever the policy chose to throw
 * @param {number} usedBytes
 */
function failed(thrown, usedBytes) {
  const grown = usedBytes > INITIAL_PAGES * WASM_PAGE_BYTES;
  // Without memory for an error object the interpreter throws null.
  if (grown && !thrown) return { verdict: deny('it ran out of memory'), fault: true };
  return {
    verdict: deny(`it threw ${describe(thrown)}`),
    // Out of memory or stack: an internal error.
    fault: grown || Object(thrown).name === 'InternalError',
  };
}

/** @param {unknown} thrown */
function describe(thrown) {
  if (typeof thrown !== 'object' || thrown === null) return printable(String(thrown));
  const { name, message } = /** @type {Record<string, unknown>} */ (thrown);
  return typeof name === 'string' && typeof message === 'string'
    ? printable(`${name}: ${message}`)
    : 'an object';
}

/** @param {string} reason */
function deny(reason) {
  return { verdict: 'deny', reason };
}

/** @param {string} text */
function printable(text) {
  return text.slice(0, MAX_ERROR_LENGTH).replaceAll(/\p{C}+/gu, ' ');
}
